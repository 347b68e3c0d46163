"""Further measures of relevance, curves and intervals of wells that were scored, from their embeddings alone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.errors import SettingsError
from napari_mid.inference.bag import Bag
from napari_mid.inference.controls import CONTROL_ROLE, is_control
from napari_mid.inference.curves import deletion_insertion
from napari_mid.inference.measures import DEFAULT, Relevance, measure, relevance_by
from napari_mid.inference.measures.attention import per_head
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.inference.trust import bootstrap_interval
from napari_mid.inference.trust_settings import TrustSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Well
from napari_mid.progress import Progress, Steps

#: Cells of negative controls that are kept to compare with.
MOST_CONTROLS = 2000


def explain_steps(
    result: WellResult,
    model: MidModel,
    settings: ScoringSettings,
    wanted: TrustSettings,
    controls: NDArray[np.float32] | None = None,
) -> Steps[WellResult]:
    """Add to `result`, which has its embeddings, what is `wanted`; nothing is read from disk, no slice is encoded.

    Cells that are excluded from the score are left out here, too: they get NaN.

    Parameters
    ----------
    result
        Of `score_well`.
    model, settings
        It was scored with.
    wanted
        The measures and figures.
    controls
        (M, D) embeddings of cells of negative-control wells, for measures that compare with them.

    Raises
    ------
    SettingsError
        If a measure needs controls and there are none.
    """
    kept = ~result.excluded
    if wanted.nothing or not kept.any():
        return result
    embeddings = result.embeddings[kept]
    columns: dict[str, NDArray[np.float64]] = {}
    relevance: dict[str, Relevance] = {}
    names = wanted.all_measures
    for done, name in enumerate(names):
        yield Progress("working out relevance", done, len(names), f"{result.well}, {name}")
        relevance[name] = relevance_by(name, model, embeddings, settings, controls)
        if name in wanted.measures and name != DEFAULT:  # the default one is in the table already
            columns[f"relevance_{name}"] = relevance[name].values
            error = relevance[name].standard_error
            if error is not None:
                columns[f"relevance_{name}_se"] = error
    if wanted.heads:
        heads = per_head(Bag(model, embeddings), settings)
        columns |= {f"relevance_head_{number + 1}": heads[:, number] for number in range(heads.shape[1])}
    # what is compared with the score is read in the precision of the score
    bag = Bag(model, embeddings, settings.precision)
    trust, curves = result.trust, None
    if wanted.bootstrap:
        yield Progress("working out relevance", len(names), len(names), f"{result.well}, bootstrap")
        low, high = bootstrap_interval(bag, result.score, settings)
        trust = dataclasses.replace(trust, bootstrap_low=low, bootstrap_high=high)
    if wanted.curves is not None:
        yield Progress("working out relevance", len(names), len(names), f"{result.well}, curves")
        curves = deletion_insertion(bag, relevance[wanted.curves].values, settings)
        trust = dataclasses.replace(trust, deletion_area=curves.deletion_area, insertion_area=curves.insertion_area)
    cells = result.cells.assign(**{name: _spread(values, kept) for name, values in columns.items()})
    return dataclasses.replace(result, cells=cells, trust=trust, curves=curves)


def _spread(values: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The `values` of the cells that are `kept` in a row for all cells, NaN for the others."""
    row = np.full(len(kept), np.nan)
    row[kept] = values
    return row


class Explainer:
    """Explains the wells of a plate as they are scored; holds those that must wait for the controls.

    Parameters
    ----------
    wells
        That will be scored.
    model, settings, wanted
        As of `explain_steps`.

    Attributes
    ----------
    wanted
        As given.

    Raises
    ------
    SettingsError
        If a measure compares with negative controls, and none of the wells is one.
    """

    def __init__(self, wells: Sequence[Well], model: MidModel, settings: ScoringSettings, wanted: TrustSettings) -> None:
        self.wanted = wanted
        self._model, self._settings = model, settings
        self._controls: dict[str, NDArray[np.float32]] = {}
        self._missing: set[str] = set()
        self._waiting: list[WellResult] = []
        needing = [name for name in wanted.all_measures if measure(name).NEEDS_CONTROLS]
        if needing:
            self._missing = {well.name for well in wells if is_control(well)}
            if not self._missing:
                raise SettingsError(
                    f"The measure {needing[0]} compares with cells of negative controls, but none of the wells to score has the "
                    f"role {CONTROL_ROLE} in the plate map; score such wells, too, or choose another measure."
                )

    def in_order(self, wells: Iterable[Well]) -> list[Well]:
        """The wells with those first that others wait for."""
        return sorted(wells, key=lambda well: well.name not in self._missing)

    def add_steps(self, name: str, result: WellResult | None) -> Steps[list[WellResult]]:
        """Take the result of the well `name`, None where it failed; gives the explained results that need not wait any more."""
        if result is not None:
            self._waiting.append(result)
            if name in self._missing:
                self._controls[name] = result.embeddings
        self._missing.discard(name)
        if self._missing:
            return []
        ready, self._waiting = self._waiting, []
        explained = []
        for one in ready:
            controls = self._controls_for(one.well)
            wanted, warned = (self.wanted, ()) if controls is not None else self._without_controls()
            done = yield from explain_steps(one, self._model, self._settings, wanted, controls)
            explained.append(dataclasses.replace(done, warnings=(*done.warnings, *warned)))
        return explained

    def _without_controls(self) -> tuple[TrustSettings, tuple[str, ...]]:
        """What can be worked out where the control wells turned out to have no cells, and a sentence about what cannot."""
        needing = [name for name in self.wanted.all_measures if measure(name).NEEDS_CONTROLS]
        if not needing:
            return self.wanted, ()
        measures = tuple(name for name in self.wanted.measures if name not in needing)
        curves = None if self.wanted.curves in needing else self.wanted.curves
        warned = f"no negative-control well has cells, so {', '.join(needing)} has nothing to compare with"
        return dataclasses.replace(self.wanted, measures=measures, curves=curves), (warned,)

    def _controls_for(self, well: str) -> NDArray[np.float32] | None:
        """Cells of the control wells, but not of `well` itself where there are others; a seeded sample of many."""
        others = [cells for name, cells in self._controls.items() if name != well and len(cells)]
        others = others or [cells for cells in self._controls.values() if len(cells)]
        if not others:
            return None
        cells = np.concatenate(others)
        rng = np.random.default_rng(self._settings.seed)
        return cells[np.sort(rng.permutation(len(cells))[:MOST_CONTROLS])]


def trust_columns(result: WellResult, wanted: TrustSettings) -> dict[str, object]:
    """Columns of wells.csv that say how far the score can be trusted; those on request only where they were asked for.

    That of several networks is there where the model has them.
    """
    figures = dataclasses.asdict(result.trust)
    on_request = {"bootstrap_low": wanted.bootstrap, "bootstrap_high": wanted.bootstrap}
    on_request |= {"networks_sd": math.isfinite(result.trust.networks_sd)}
    on_request |= {"deletion_area": wanted.curves is not None, "insertion_area": wanted.curves is not None}
    return {"call_reason": result.call_reason} | {name: value for name, value in figures.items() if on_request.get(name, True)}


def curves_table(results: Iterable[WellResult], measure_name: str) -> pd.DataFrame:
    """A row per well and share of its cells: scores without the most relevant ones, of these alone, and in random order."""
    tables = []
    for result in results:
        if result.curves is None:
            continue
        arrays = {name: value for name, value in dataclasses.asdict(result.curves).items() if isinstance(value, np.ndarray)}
        table = pd.DataFrame(arrays).rename(columns={"fractions": "fraction"})
        for place, (name, value) in enumerate(
            {"Metadata_Plate": result.plate, "Metadata_Well": result.well, "measure": measure_name}.items()
        ):
            table.insert(place, name, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
