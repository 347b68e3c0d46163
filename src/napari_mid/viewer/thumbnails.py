"""Slices of a few cells, for galleries on the screen, cut as the model sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.outlined import slice_outlines
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages
from napari_mid.viewer.cells import cell_outlines


def cell_slices(
    images: WellImages,
    cells: pd.DataFrame,
    size_px: int,
    channels: Sequence[int],
    intensity: IntensityRange,
    normalisation: str = "plate",
) -> NDArray[np.float32]:
    """Cut slices around some cells.

    Parameters
    ----------
    images
        The well in memory.
    cells
        Rows of `WellResult.cells`.
    size_px
        Edge S in pixels.
    channels
        Indices of the plate's channels, in the order wanted.
    intensity
        The plate's range.
    normalisation
        As in `cells.slices.cut_slices`.

    Returns
    -------
    NDArray
        (N, C, S, S) float32 from 0 to 1; zero for cells whose field is not in memory.
    """
    import torch

    from napari_mid.cells.slices import cut_slices

    low, high = zip(*(intensity.limits(channel) for channel in channels), strict=True)
    found = np.zeros((len(cells), len(channels), size_px, size_px), dtype=np.float32)
    places = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    for row, (site, (y, x)) in enumerate(zip(cells["Metadata_Site"], places, strict=True)):
        field = images.fields.get(int(site))
        if field is None:
            continue
        # a window of the field suffices and is much faster than the whole; at the field's edges it ends where the field does
        top, left = max(0, round(y) - size_px), max(0, round(x) - size_px)
        window = np.ascontiguousarray(field[list(channels), top : top + 2 * size_px + 1, left : left + 2 * size_px + 1])
        slices = cut_slices(torch.from_numpy(window), [(y - top, x - left)], size_px, low, high, normalisation)
        found[row] = slices[0].numpy()
    return found


def contours(cells: pd.DataFrame, outlined: Mapping[int, Nuclei] | None, size_px: int) -> NDArray[np.float32]:
    """(N, K, 2) outlines of the nuclei of rows of `WellResult.cells`, (y, x) in pixels of their slices; NaN where not known."""
    places = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    return slice_outlines(cell_outlines(outlined, cells), places, size_px)
