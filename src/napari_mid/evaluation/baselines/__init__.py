"""What a model has to beat: one file per predictor, each trained and judged on the split of the model.

A baseline is a module with

- ``MEANING``: one sentence for the report,
- ``NEEDS``: which fields of `Material` it reads; what no baseline needs is not worked out,
- ``features(material) -> (W, F)``: numbers per well; NaN is allowed where a well has none,
- ``classifier(seed)``: an untrained estimator of scikit-learn's kind with ``predict_proba``.

A new file in this folder is a new choice of ``--baselines``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

#: Fields of `Material` that cost reading images.
INTENSITY, EMBEDDINGS, CELL_FEATURES = "intensity", "embeddings", "cell_features"


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
    """

    wells: pd.DataFrame
    sizes: NDArray[np.int64]
    intensity: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    embeddings: Sequence[NDArray[np.float32]] = ()
    cell_features: Sequence[NDArray[np.float64]] = ()


class Baseline(Protocol):
    """What a module of this package offers."""

    MEANING: str
    NEEDS: tuple[str, ...]

    def features(self, material: Material) -> NDArray[np.float64]:
        """(W, F) numbers per well."""
        ...

    def classifier(self, seed: int) -> Any:
        """An untrained estimator."""
        ...


def baseline_names() -> list[str]:
    """Names of the baselines, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def baseline(name: str) -> Baseline:
    """The baseline called `name`.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if name not in baseline_names():
        raise SettingsError(f"There is no baseline {name!r}; there are {', '.join(baseline_names())}.")
    return cast(Baseline, importlib.import_module(f"{__name__}.{name}"))


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
