"""The cells of the open well as arrays: where they lie in the well, and which one is at a place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.layout import WellLayout


def cell_positions(cells: pd.DataFrame, layout: WellLayout) -> NDArray[np.float64]:
    """(N, 2) places (y, x) in pixels of the well of the rows of `WellResult.cells`; NaN where the field could not be read."""
    positions = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    sites = cells["Metadata_Site"].to_numpy(dtype=int)
    moved = np.full_like(positions, np.nan)
    for field in np.unique(sites):
        if int(field) in layout.origins:
            moved[sites == field] = layout.to_well(int(field), positions[sites == field])
    return moved


def nucleus_positions(nuclei: Mapping[int, Nuclei], layout: WellLayout) -> NDArray[np.float64]:
    """(N, 2) places (y, x) in pixels of the well of detected nuclei."""
    placed = [layout.to_well(field, found.centroids) for field, found in sorted(nuclei.items()) if field in layout.origins]
    return np.concatenate(placed) if placed else np.empty((0, 2))


def nearest(positions: NDArray[np.float64], point: NDArray[np.float64], reach: float) -> int | None:
    """Index of the one of (N, 2) `positions` nearest to `point` (2,), or None where none lies within `reach`."""
    if not len(positions):
        return None
    distances = np.hypot(*(positions - point).T)
    distances[np.isnan(distances)] = np.inf
    index = int(np.argmin(distances))
    return index if distances[index] <= reach else None
