"""What the detectors without a network share: a clean image, its typical diameter, a smaller image for large nuclei."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from napari_mid.cells.background import inside_frame, without_bad_pixels
from napari_mid.cells.diameter import clip_diameter, estimate_diameter
from napari_mid.cells.filters import shrink
from napari_mid.cells.regions import Regions
from napari_mid.cells.settings import DetectionSettings

Find = Callable[[torch.Tensor, float, DetectionSettings], Regions]

#: An image is shrunk until its nuclei are less than twice as wide as this.
ENOUGH_PX = 20.0
#: An estimated diameter is good enough when the nuclei that it leads to differ from it by less than this factor.
SAME_DIAMETER = 1.2


def located(image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings, find: Find) -> tuple[Regions, float]:
    """Run `find` on (Y, X) float32 `image` as it likes it; gives its nuclei and the diameter in pixels that was used."""
    rows, columns = inside_frame(image)
    pixels = without_bad_pixels(image[rows, columns])
    used = estimate_diameter(pixels) if diameter_px is None else diameter_px
    regions = _shrunk(pixels, used, settings, find)
    if diameter_px is None and len(regions):
        measured = clip_diameter(regions.typical_diameter_px())
        if not 1 / SAME_DIAMETER < measured / used < SAME_DIAMETER:
            used, regions = measured, _shrunk(pixels, measured, settings, find)
    return regions.moved(np.array([rows.start or 0, columns.start or 0])), used


def _shrunk(pixels: torch.Tensor, diameter_px: float, settings: DetectionSettings, find: Find) -> Regions:
    """Run `find`, in a smaller image where the nuclei are large: its time depends on their size in pixels."""
    factor = max(1, int(diameter_px / ENOUGH_PX))
    return find(shrink(pixels, factor), diameter_px / factor, settings).enlarged(factor)
