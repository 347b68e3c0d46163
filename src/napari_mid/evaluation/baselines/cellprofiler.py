"""CellProfiler's features of every cell, averaged per well, and LightGBM: what laboratories do today."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import CELL_FEATURES, Material, imported, means_of

MEANING = "CellProfiler's features (cp_measure) of nuclei and cells, averaged per well, LightGBM"
NEEDS = (CELL_FEATURES,)
FEATURES, TREES = PACKAGES = ("cp_measure.bulk", "lightgbm")


def features(material: Material) -> NDArray[np.float64]:
    """(W, F)."""
    return means_of(material.cell_features)


def classifier(seed: int) -> Any:
    """Few trees of few leaves, since there are few wells.

    Raises
    ------
    SettingsError
        If LightGBM is not there.
    """
    return imported(TREES, "cellprofiler").LGBMClassifier(
        n_estimators=200,
        learning_rate=0.05,
        num_leaves=15,
        min_child_samples=5,
        colsample_bytree=0.5,
        class_weight="balanced",
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    )
