"""How cells are drawn as dots: which number of theirs is the colour, which of them are shown, and how large they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_mid.reports.colours import RELEVANCE_COLORMAPS, TOP_PERCENTILE, relevance_limits
from napari_mid.settings import setting

#: All cells are shown where so many per cent at each end are.
ALL = 50


@dataclass(frozen=True)
class Measure:
    """A number of each cell that can be its colour.

    Parameters
    ----------
    column
        Of `WellResult.cells`.
    label
        What stands beside the colour bar.
    limits
        The darkest and the brightest value for (N,) values of a well.
    even
        The value of a cell that is read as much as any other, or None.
    """

    column: str
    label: str
    limits: Callable[[ArrayLike], tuple[float, float]]
    even: float | None = None


def _percentile_limits(_: ArrayLike) -> tuple[float, float]:
    return 0.0, 100.0


def _attention_limits(values: ArrayLike) -> tuple[float, float]:
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    top = float(np.percentile(known, TOP_PERCENTILE)) if known.size else 1.0
    return 0.0, top if top > 0 else 1.0


#: Measures by the name that the window shows.
MEASURES = {
    "relevance": Measure("relevance", "relevance (1 = even)", relevance_limits, 1.0),
    "percentile": Measure("percentile", "percentile of relevance", _percentile_limits),
    "raw attention": Measure("attention", "raw attention", _attention_limits),
}


@dataclass(frozen=True)
class DotLook:
    """What the dots on the image look like."""

    measure: str = setting("relevance", "number of a cell that is the colour of its dot", choices=tuple(MEASURES))
    colours: str = setting(
        next(iter(RELEVANCE_COLORMAPS)), "colours of relevance, on the canvas and in pictures", choices=tuple(RELEVANCE_COLORMAPS)
    )
    ends: int = setting(
        ALL, "per cent of the cells shown at each end, the most and the least relevant; 50 shows all", low=1, high=ALL
    )
    by_size: bool = setting(False, "dots as large as their nuclei, otherwise all alike")

    def values(self, cells: pd.DataFrame) -> NDArray[np.float64]:
        """(N,) the numbers of rows of `WellResult.cells` that are their colours; NaN for cells that are left out."""
        values = cells[MEASURES[self.measure].column].to_numpy(dtype=float)
        return np.where(cells["excluded"].to_numpy(dtype=bool), np.nan, values)

    def limits(self, values: ArrayLike) -> tuple[float, float]:
        """The darkest and the brightest of (N,) `values` of a well."""
        return MEASURES[self.measure].limits(values)

    def shown(self, cells: pd.DataFrame) -> NDArray[np.bool_]:
        """(N,) which rows of `WellResult.cells` are drawn."""
        if self.ends >= ALL:
            return np.ones(len(cells), dtype=bool)
        ranks = np.where(cells["excluded"].to_numpy(dtype=bool), 0, cells["rank"].to_numpy(dtype=np.int64))
        total = int((ranks > 0).sum())
        each = max(1, round(total * self.ends / 100))
        shown: NDArray[np.bool_] = (ranks > 0) & ((ranks <= each) | (ranks > total - each))
        return shown

    def said(self) -> str:
        """Which cells are shown, where these are not all; empty where they are."""
        return f"shown: {self.ends} % most, {self.ends} % least relevant" if self.ends < ALL else ""


def dot_sizes(area_px: NDArray[np.float64], usual_px: float, part: float) -> NDArray[np.float64]:
    """(N,) diameters in pixels of dots as large as their nuclei, of (N,) `area_px`.

    Parameters
    ----------
    usual_px
        The diameter of the dot of a nucleus whose area is unknown.
    part
        Diameter of a dot as a part of that of its nucleus.
    """
    diameters = part * np.sqrt(4 / np.pi * np.maximum(np.asarray(area_px, dtype=float), 0.0))
    return np.where(np.isfinite(diameters) & (diameters > 0), diameters, usual_px)
