"""What is known of each cell of a well, under the names that a person reads: what galleries are sorted and filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.progress import Progress, Steps
from napari_mid.reports.caption import words

RELEVANCE = "relevance"
#: Columns of `WellResult.cells` by the name that the window shows.
NAMES = {
    RELEVANCE: "relevance",
    "rank": "rank",
    "relevance error": "relevance_se",
    "raw attention": "attention",
    "score alone": "score_alone",
    "nucleus area": "Nuclei_AreaShape_Area",
    "training distance": "training_distance",
    "sharpness": "sharpness",
    "at the border": "touches_border",
    "out of focus": "out_of_focus",
    "field": "Metadata_Site",
}
#: Those that say yes or no, or name something: to filter by, not to sort by.
NOT_SORTED = ("rank", "at the border", "out of focus", "field", "class")


@dataclass(frozen=True)
class CellMeans:
    """How bright the cells of a well are.

    Parameters
    ----------
    result
        Whose cells they are.
    channels
        Names of the channels.
    values
        (N, C) mean raw intensity of the square around each nucleus that the model sees, the part inside the field; NaN where the
        field could not be read.
    """

    result: WellResult
    channels: tuple[str, ...]
    values: NDArray[np.float64]


def cell_means_steps(result: WellResult, images: WellImages, channels: Sequence[str], edge_px: float) -> Steps[CellMeans]:
    """Measure the cells of `result`, field by field, in squares `edge_px` wide; `channels` are the plate's."""
    sites = result.cells["Metadata_Site"].to_numpy(dtype=np.int64)
    places = result.cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    values = np.full((len(sites), len(channels)), np.nan)
    numbers = [int(number) for number in np.unique(sites) if int(number) in images.fields]
    for done, number in enumerate(numbers):
        rows = np.flatnonzero((sites == number) & np.isfinite(places).all(axis=1))
        for channel in range(len(channels)):
            yield Progress("measuring cells", done, len(numbers), f"field {number}")
            values[rows, channel] = square_means(images.fields[number][channel], places[rows], edge_px)
    return CellMeans(result, tuple(channels), values)


def square_means(plane: NDArray[np.generic], centroids: NDArray[np.float64], edge_px: float) -> NDArray[np.float64]:
    """(N,) mean of `plane` (Y, X) in squares around (N, 2) `centroids`, the part inside the plane; NaN for none of it."""
    height, width = plane.shape
    total = np.zeros((height + 1, width + 1))
    np.cumsum(np.cumsum(np.nan_to_num(plane.astype(float)), axis=0), axis=1, out=total[1:, 1:])
    first = np.floor(centroids + 0.5 - edge_px / 2).astype(np.int64)
    last = first + max(1, round(edge_px))
    (top, left), (bottom, right) = (np.clip(corner, 0, (height, width)).T for corner in (first, last))
    area = (bottom - top) * (right - left)
    summed = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    return np.where(area > 0, summed / np.maximum(area, 1), np.nan)


def cell_table(result: WellResult, means: CellMeans | None = None, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """A row per cell, in the order of `WellResult.cells`, under the names that the window shows.

    Parameters
    ----------
    means
        Of the cells of `result`, or None.
    classes
        The class of each cell, ``""`` where it has none, or None.
    """
    cells = result.cells
    known = {name: cells[column] for name, column in NAMES.items() if column in cells}
    table = pd.DataFrame(known).reset_index(drop=True)
    for column in cells.columns:
        if column not in CELL_COLUMNS and pd.api.types.is_numeric_dtype(cells[column]) and words(column) not in table:
            table[words(column)] = cells[column].to_numpy()
    if means is not None and len(means.values) == len(table):
        for channel, values in zip(means.channels, means.values.T, strict=True):
            table[f"mean {channel}"] = values
    if classes is not None:
        table["class"] = list(classes)
    return table


def sortable(table: pd.DataFrame) -> list[str]:
    """Columns of a `cell_table` that cells can be sorted by: numbers that differ from cell to cell."""
    found = []
    for name in table.columns:
        if name not in NOT_SORTED and pd.api.types.is_numeric_dtype(table[name]):
            values = table[name].to_numpy(dtype=float)
            values = values[np.isfinite(values)]
            if len(values) and values.min() < values.max():
                found.append(str(name))
    return found


def highest_and_lowest(
    table: pd.DataFrame, column: str, shown: NDArray[np.bool_], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the `n` cells highest in `column`, highest first, and of the `n` lowest, lowest first; no cell is in both.

    Parameters
    ----------
    shown
        (N,) the cells to choose from. Those without a value are in neither. Equal relevance goes by the rank.
    """
    values = table[column].to_numpy(dtype=float)
    rows = np.flatnonzero(shown & np.isfinite(values))
    ties = table["rank"].to_numpy(dtype=np.int64)[rows] if "rank" in table else rows
    order = rows[np.lexsort((ties, -values[rows]))]
    n_high, n_low = min(n, (len(order) + 1) // 2), min(n, len(order) // 2)
    return order[:n_high], order[::-1][:n_low]
