"""What a model has to beat: one file per predictor, each trained and judged on the split of the model.

A baseline is a module with

- ``MEANING``: one sentence for the report,
- ``NEEDS``: which fields of `Material` it reads; what no baseline needs is not worked out,
- ``features(material) -> (W, F)``: numbers per well; NaN is allowed where a well has none,
- ``classifier(seed)``: an untrained estimator of scikit-learn's kind with ``predict_proba``,

or, where a network learns from the cells themselves, instead of the last two

- ``scores_steps(lesson) -> Steps[(W,)]``: probability of the positive class for every well, learned from some of them.

What a module imports beyond the dependencies of the package it names in ``PACKAGES``, so that a missing one is told before images
are read. A new file in this folder is a new choice of ``--baselines``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import SettingsError
from napari_mid.progress import Steps

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from napari_mid.evaluation.settings import EvaluationSettings

#: Fields of `Material` that cost reading images.
INTENSITY, EMBEDDINGS, CELL_FEATURES, SLICES = "intensity", "embeddings", "cell_features", "slices"

INSTALL = 'pip install "napari-mid[evaluate]"'


@dataclass(frozen=True)
class Material:
    """What is known of W wells.

    Parameters
    ----------
    wells
        A row per well, as wells.csv has them.
    sizes
        (W, 2) rows and columns of each well's plate.
    intensity
        (W, 2 C) mean intensity of every channel in the nuclei, then in the whole fields; empty where nobody needs it.
    embeddings
        Per well (N, D) of its cells; empty where nobody needs them.
    cell_features
        Per well (N, F) of its cells, CellProfiler's kind; empty where nobody needs them.
    slices
        Per well (N, C, S, S) uint8 of some of its cells, as the model sees them; empty where nobody needs them.
    encoder
        Name of the timm network with which the model encodes a slice; empty where no model is known.
    """

    wells: pd.DataFrame
    sizes: NDArray[np.int64]
    intensity: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    embeddings: Sequence[NDArray[np.float32]] = ()
    cell_features: Sequence[NDArray[np.float64]] = ()
    slices: Sequence[NDArray[np.uint8]] = ()
    encoder: str = ""


@dataclass(frozen=True)
class Lesson:
    """What a network learns from, and how.

    Parameters
    ----------
    material
        All wells, those it is judged on too.
    positive
        (W,) class of the wells.
    train
        (W,) which of them it may learn from; it must not look at the class of the others.
    settings
        Its budget and seed.
    device
        Where to compute.
    """

    material: Material
    positive: NDArray[np.bool_]
    train: NDArray[np.bool_]
    settings: EvaluationSettings
    device: torch.device


class Baseline(Protocol):
    """What a module of this package offers that learns from numbers per well."""

    MEANING: str
    NEEDS: tuple[str, ...]

    def features(self, material: Material) -> NDArray[np.float64]:
        """(W, F) numbers per well."""
        ...

    def classifier(self, seed: int) -> Any:
        """An untrained estimator."""
        ...


class NetworkBaseline(Protocol):
    """What a module of this package offers that learns from cells."""

    MEANING: str
    NEEDS: tuple[str, ...]

    def scores_steps(self, lesson: Lesson) -> Steps[NDArray[np.float64]]:
        """(W,) probability of the positive class."""
        ...


def is_network(chosen: Baseline | NetworkBaseline) -> TypeGuard[NetworkBaseline]:
    """Whether the baseline learns from cells."""
    return hasattr(chosen, "scores_steps")


def is_tabular(chosen: Baseline | NetworkBaseline) -> TypeGuard[Baseline]:
    """Whether the baseline learns from numbers per well."""
    return hasattr(chosen, "features")


def baseline_names() -> list[str]:
    """Names of the baselines, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def baseline(name: str) -> Baseline | NetworkBaseline:
    """The baseline called `name`.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if name not in baseline_names():
        raise SettingsError(f"There is no baseline {name!r}; there are {', '.join(baseline_names())}.")
    return cast("Baseline | NetworkBaseline", importlib.import_module(f"{__name__}.{name}"))


def check_packages(names: Iterable[str]) -> None:
    """Raise `SettingsError` where a package that one of the baselines `names` needs cannot be imported."""
    for name in names:
        for package in getattr(baseline(name), "PACKAGES", ()):
            imported(package, name)


def imported(package: str, by: str) -> Any:
    """The package of the extra ``evaluate`` that the baseline `by` needs.

    Raises
    ------
    SettingsError
        If it is not installed, or a system library that it needs is missing.
    """
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:  # OSError: libgomp, which LightGBM needs, is not there
        raise SettingsError(
            f"The baseline {by} needs {package.partition('.')[0]}, which cannot be imported ({error}); install it with "
            f"{INSTALL}, or leave this baseline out."
        ) from error


def means_of(cells: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """(W, F): per well the mean over its cells, (N, F) each; NaN where a well has none."""
    width = max((each.shape[1] for each in cells), default=0)
    rows = np.full((len(cells), width), np.nan)
    for row, each in zip(rows, cells, strict=True):
        if len(each):
            finite = np.isfinite(each)
            with np.errstate(invalid="ignore"):
                row[:] = np.where(finite, each, 0).sum(axis=0) / finite.sum(axis=0)
    return rows


def logistic_regression(seed: int) -> Any:
    """Logistic regression on standardised features, classes weighted alike; what a well lacks is the median of the others."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=2000, random_state=seed),
    )
