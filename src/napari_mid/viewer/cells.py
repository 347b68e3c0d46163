"""The cells of the open well as arrays: where they lie in the well, and which one is at a place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.edits import EDITED
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.outlined import outlines_at
from napari_mid.images.layout import WellLayout
from napari_mid.inference.result import WellResult


def cell_positions(cells: pd.DataFrame, layout: WellLayout) -> NDArray[np.float64]:
    """(N, 2) places (y, x) in pixels of the well of the rows of `WellResult.cells`; NaN where the field could not be read."""
    positions = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    sites = cells["Metadata_Site"].to_numpy(dtype=int)
    moved = np.full_like(positions, np.nan)
    for field in np.unique(sites):
        if int(field) in layout.origins:
            moved[sites == field] = layout.to_well(int(field), positions[sites == field])
    return moved


def ranks_shown(result: WellResult) -> NDArray[np.int64]:
    """(N,) ranks, 0 of cells that are left out: those of a preliminary result still have the rank that they had."""
    return np.where(result.excluded, 0, result.cells["rank"].to_numpy(dtype=np.int64))


def relevance_features(cells: pd.DataFrame, shown: NDArray[np.int64]) -> pd.DataFrame:
    """The table of the points: rows of `WellResult.cells`, and which they are; cells that are left out have no relevance."""
    features = cells.iloc[shown].reset_index(drop=True)
    relevance = features["relevance"].where(~features["excluded"].astype(bool))
    return features.assign(cell=shown, relevance=relevance)


def nuclei_table(nuclei: Mapping[int, Nuclei], layout: WellLayout) -> pd.DataFrame:
    """A row per nucleus, in the order of `cells.edits.placed`: where it lies, in the columns of `WellResult.cells`."""
    numbers = [number for number in sorted(nuclei) if number in layout.origins]
    centroids = np.concatenate([np.empty((0, 2)), *(nuclei[number].centroids for number in numbers)])
    return pd.DataFrame(
        {
            "Metadata_Site": np.repeat(np.array(numbers, dtype=np.int64), [len(nuclei[number]) for number in numbers]),
            "Nuclei_Location_Center_X": centroids[:, 1],
            "Nuclei_Location_Center_Y": centroids[:, 0],
        }
    )


def cell_outlines(outlined: Mapping[int, Nuclei] | None, cells: pd.DataFrame) -> NDArray[np.float32]:
    """(N, K, 2) outlines of the rows of `WellResult.cells` in pixels of their fields; NaN where not known."""
    places = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    return outlines_at(outlined or {}, cells["Metadata_Site"].to_numpy(dtype=np.int64), places)


def nuclei_of_result(result: WellResult) -> dict[int, Nuclei]:
    """The nuclei that a well was scored from, by field, as far as its table tells."""
    source = result.settings.get("detection", {})
    settings = {name: value for name, value in source.items() if name not in ("source", EDITED)}
    detector = str(source.get("source", source.get("detector", "given nuclei")))
    found = {}
    sites = result.cells["Metadata_Site"].to_numpy(dtype=int)
    for number in (int(site) for site in np.unique(sites)):
        rows = result.cells[sites == number]
        places = rows[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
        areas = rows["Nuclei_AreaShape_Area"].to_numpy(dtype=float)
        found[number] = Nuclei(result.well, number, places, areas, np.full(len(rows), np.nan), detector, settings)
    return found


def nearest(positions: NDArray[np.float64], point: NDArray[np.float64], reach: float) -> int | None:
    """Index of the one of (N, 2) `positions` nearest to `point` (2,), or None where none lies within `reach`."""
    if not len(positions):
        return None
    distances = np.hypot(*(positions - point).T)
    distances[np.isnan(distances)] = np.inf
    index = int(np.argmin(distances))
    return index if distances[index] <= reach else None
