"""The model's own encoder without its Transformer: what reading the cells as a set adds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import EMBEDDINGS, Material, means_of
from napari_mid.evaluation.baselines import logistic_regression as classifier

__all__ = ["MEANING", "NEEDS", "classifier", "features"]

MEANING = "mean of the embeddings of the model's own encoder, logistic regression"
NEEDS = (EMBEDDINGS,)


def features(material: Material) -> NDArray[np.float64]:
    """(W, D)."""
    return means_of(material.embeddings)
