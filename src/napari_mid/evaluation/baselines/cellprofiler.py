"""CellProfiler's features of every cell, averaged per well, and LightGBM: what laboratories do today."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import SettingsError
from napari_mid.evaluation.baselines import CELL_FEATURES, Material, means_of

MEANING = "CellProfiler's features (cp_measure) of nuclei and cells, averaged per well, LightGBM"
NEEDS = (CELL_FEATURES,)

INSTALL = 'pip install "napari-mid[evaluate]"'


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
    lightgbm = imported("lightgbm")
    return lightgbm.LGBMClassifier(
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


def imported(name: str) -> Any:
    """The package `name` of the extra ``evaluate``.

    Raises
    ------
    SettingsError
        If it is not installed, or a system library that it needs is missing.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: libgomp, which LightGBM needs, is not there
        raise SettingsError(
            f"The baseline cellprofiler needs {name.partition('.')[0]}, which cannot be imported ({error}); install it with "
            f"{INSTALL}, or leave this baseline out."
        ) from error
