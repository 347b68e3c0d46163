"""Slices of a few cells, for galleries on the screen, cut as the model sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.outlined import slice_outlines
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import WellResult
from napari_mid.viewer.cells import cell_outlines


def cell_slices(
    images: WellImages,
    cells: pd.DataFrame,
    size_px: int,
    channels: Sequence[int],
    intensity: IntensityRange,
    normalisation: str = "plate",
    scale: float = 1.0,
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
    scale
        Pixels of the slices per pixel of the fields, see `scale_of`.

    Returns
    -------
    NDArray
        (N, C, S, S) float32 from 0 to 1; zero for cells whose field is not in memory.
    """
    import torch

    from napari_mid.cells.slices import cut_slices
    from napari_mid.workflow.resampling import resampled

    low, high = zip(*(intensity.limits(channel) for channel in channels), strict=True)
    found = np.zeros((len(cells), len(channels), size_px, size_px), dtype=np.float32)
    places = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    for row, (site, (y, x)) in enumerate(zip(cells["Metadata_Site"], places, strict=True)):
        field = images.fields.get(int(site))
        if field is None:
            continue
        # a window of the field suffices and is much faster than the whole; at the field's edges it ends where the field does
        reach = math.ceil(size_px / scale)
        top, left = max(0, round(y) - reach), max(0, round(x) - reach)
        window = np.ascontiguousarray(field[list(channels), top : top + 2 * reach + 1, left : left + 2 * reach + 1])
        pixels, places = resampled(torch.from_numpy(window), np.array([(y - top, x - left)]), scale)
        found[row] = cut_slices(pixels, places, size_px, low, high, normalisation)[0].numpy()
    return found


def scale_of(result: WellResult) -> float:
    """Pixels of the slices that `result` was scored from per pixel of the well's fields: 1 but where these were resampled."""
    return float(result.settings.get("scale", 1.0))


def contours(cells: pd.DataFrame, outlined: Mapping[int, Nuclei] | None, size_px: int, scale: float = 1.0) -> NDArray[np.float32]:
    """(N, K, 2) outlines of the nuclei of rows of `WellResult.cells`, (y, x) in pixels of their slices; NaN where not known."""
    places = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    outlines = (cell_outlines(outlined, cells) + np.float32(0.5)) * np.float32(scale) - np.float32(0.5)
    return slice_outlines(outlines, (places + 0.5) * scale - 0.5, size_px)
