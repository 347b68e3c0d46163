"""One file per measure of relevance, found by its name; every measure is worked out from embeddings alone.

A measure is a module with

- ``MEANING``: one sentence for a tooltip,
- ``SIGNED``: whether cells that speak against the positive class get negative values,
- ``NEEDS_CONTROLS``: whether it compares with cells of negative controls,
- ``compute(bag, settings, controls) -> Relevance``, for a bag of one cell or more.

A new file in this folder is a new choice on the command line and in the window. docs/relevance.md tells what they mean.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import SettingsError
from napari_mid.inference.settings import ScoringSettings

if TYPE_CHECKING:
    from napari_mid.inference.bag import Bag
    from napari_mid.model.network import MidModel

#: The measure that the window shows first and that `WellResult.cells` holds as ``relevance``.
DEFAULT = "attention"


@dataclass(frozen=True)
class Relevance:
    """A value per cell of a bag.

    Parameters
    ----------
    values
        (N,) float64; the higher, the more the cell speaks for the positive class (signed) or was relied on (unsigned).
    standard_error
        (N,) of the values over the random sets, NaN where a cell was in one set only; None where the measure has none.
    """

    values: NDArray[np.float64]
    standard_error: NDArray[np.float64] | None = None


class Measure(Protocol):
    """What a module of this package offers."""

    MEANING: str
    SIGNED: bool
    NEEDS_CONTROLS: bool

    def compute(self, bag: Bag, settings: ScoringSettings, controls: NDArray[np.float32] | None) -> Relevance:
        """The relevance of every cell of `bag`."""
        ...


def measure_names() -> list[str]:
    """Names of the measures; the default one comes first."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return sorted(names, key=lambda name: name != DEFAULT)


def measure(name: str) -> Measure:
    """The measure called `name`.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if name not in measure_names():
        raise SettingsError(f"There is no measure of relevance {name!r}; there are {', '.join(measure_names())}.")
    return cast(Measure, importlib.import_module(f"{__name__}.{name}"))


def relevance_by(
    name: str,
    model: MidModel,
    embeddings: NDArray[np.float32],
    settings: ScoringSettings | None = None,
    controls: NDArray[np.float32] | None = None,
) -> Relevance:
    """Work out the relevance of cells after the measure `name`; the same seed gives the same numbers.

    Parameters
    ----------
    name
        One of `measure_names`.
    model
        In evaluation mode.
    embeddings
        (N, D) of the cells of a bag; N may be 0.
    settings
        Sets and seed.
    controls
        (M, D) embeddings of cells of the plate's negative controls, for measures that compare with them.

    Raises
    ------
    SettingsError
        If the measure needs controls and there are none.
    ModelError
        If embeddings are not of finite numbers or not as long as the model's.
    """
    from napari_mid.inference.bag import Bag, check_embeddings

    chosen = measure(name)
    if chosen.NEEDS_CONTROLS:
        if controls is None or not len(controls):
            raise SettingsError(
                f"The measure {name!r} compares with cells of negative controls, and there are none; score wells whose role "
                "in the plate map is negative_control as well, or choose another measure."
            )
        check_embeddings(model, controls)
    if not len(embeddings):
        return Relevance(np.empty(0))
    return chosen.compute(Bag(model, embeddings), settings or ScoringSettings(), controls)
