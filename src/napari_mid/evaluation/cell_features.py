"""Features of cells as CellProfiler measures them, through cp_measure (Munoz et al. 2025), for the baseline of that name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import imported
from napari_mid.evaluation.baselines.cellprofiler import FEATURES

#: The body of a cell is its nucleus and what lies within so many nuclear diameters of it and no nearer to another.
BODY_DIAMETERS = 0.6
#: Percentiles of a field's channel that become 0 and 1, for features that need such a range.
RANGE = (0.1, 99.9)
SHAPES = ("sizeshape", "zernike")
IN_CELLS = ("intensity", "texture", "radial_distribution", "granularity")
IN_NUCLEI = ("intensity",)
#: Grey levels of textures. CellProfiler offers 2 to 256; the 65,536 pairs of 256 levels are more than a cell has pixels, and take
#: seventy times as long.
GREY_LEVELS = 64


def cell_features(pixels: NDArray[Any], nucleus: int, diameter_px: float) -> NDArray[np.float64]:
    """(M, F) features of the M cells of a field, in the same order of features for every field with these channels.

    Nuclei are segmented by threshold and watershed in the channel `nucleus`; shapes are of nuclei and cells, intensity of both,
    texture, radial distribution and granularity of the cells, each in every channel.

    Parameters
    ----------
    pixels
        (C, Y, X) raw.
    nucleus
        Index of the nucleus channel.
    diameter_px
        Of a nucleus.

    Raises
    ------
    SettingsError
        If cp_measure is not installed.
    """
    from skimage.segmentation import expand_labels

    measures = imported(FEATURES, "cellprofiler").get_core_measurements()
    nuclei = _labels(pixels[nucleus], diameter_px)
    if not nuclei.max():
        return np.empty((0, 0))
    cells = expand_labels(nuclei, BODY_DIAMETERS * diameter_px)
    columns = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # empty rings and flat textures give NaN, which the classifier takes
        for mask in (nuclei, cells):
            for name in SHAPES:
                columns += list(measures[name](mask, pixels[nucleus].astype(np.float64)).values())
        for image in pixels:
            low, high = np.percentile(image, RANGE)
            scaled = np.clip((image - low) / max(high - low, 1.0), 0, 1)
            for name in IN_CELLS:
                # intensity is absolute, so that wells stay comparable; the others describe patterns
                kept = image.astype(np.float64) if name == "intensity" else scaled
                more = {"gray_levels": GREY_LEVELS} if name == "texture" else {}
                columns += list(measures[name](cells, kept, **more).values())
            for name in IN_NUCLEI:
                columns += list(measures[name](nuclei, image.astype(np.float64)).values())
    table = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
    table[~np.isfinite(table)] = np.nan
    return table


def _labels(image: NDArray[Any], diameter_px: float) -> NDArray[np.int32]:
    """(Y, X) 1 to M where the nuclei are."""
    import torch

    from napari_mid.cells.detectors import detect_field
    from napari_mid.cells.settings import DetectionSettings

    found = detect_field(
        image,
        well="",
        field=0,
        settings=DetectionSettings(detector="threshold", diameter_px=diameter_px),
        pixel_size_um=None,
        device=torch.device("cpu"),
        masks=True,
    )
    assert found.masks is not None
    masks: NDArray[np.int32] = found.masks.astype(np.int32)
    # a nucleus that another one covers wholly has no pixel; labels must be 1 to M
    return np.unique(masks, return_inverse=True)[1].reshape(masks.shape).astype(np.int32) if masks.max() else masks
