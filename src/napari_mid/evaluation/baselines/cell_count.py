"""How many cells a well has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import Material
from napari_mid.evaluation.baselines import logistic_regression as classifier

__all__ = ["MEANING", "NEEDS", "classifier", "features"]

MEANING = "number of cells of a well, logistic regression"
NEEDS: tuple[str, ...] = ()


def features(material: Material) -> NDArray[np.float64]:
    """(W, 2): the count and its logarithm, so that both few and many can tell."""
    count = material.wells["n_cells"].to_numpy(dtype=float)
    return np.stack([count, np.log1p(count)], axis=1)
