"""How bright the channels are: what a plate reader would measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import INTENSITY, Material
from napari_mid.evaluation.baselines import logistic_regression as classifier

__all__ = ["MEANING", "NEEDS", "classifier", "features"]

MEANING = "mean intensity of every channel, in the nuclei and in the whole fields, logistic regression"
NEEDS = (INTENSITY,)


def features(material: Material) -> NDArray[np.float64]:
    """(W, 2 C): logarithms, since stains differ by factors."""
    return np.log(np.maximum(material.intensity, 1e-3))
