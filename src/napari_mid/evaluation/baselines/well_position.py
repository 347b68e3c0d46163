"""Where a well lies on its plate: a model that only does this well has seen the layout, not the cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import Material
from napari_mid.plates.well_names import well_position
from napari_mid.training.leaks import is_edge

MEANING = "row, column and distance from the edge of the plate, boosted trees"
NEEDS: tuple[str, ...] = ()


def features(material: Material) -> NDArray[np.float64]:
    """(W, 4): row, column, wells to the nearest edge, whether at the edge."""
    rows = []
    for name, (n_rows, n_columns) in zip(material.wells["Metadata_Well"], material.sizes.tolist(), strict=True):
        row, column = well_position(str(name))
        distance = min(row - 1, column - 1, n_rows - row, n_columns - column)
        rows.append((row, column, distance, is_edge(row, column, n_rows, n_columns)))
    return np.array(rows, dtype=float)


def classifier(seed: int) -> object:
    """Trees, since a layout is rarely a straight line."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, min_samples_leaf=5, class_weight="balanced", random_state=seed, early_stopping=False
    )
