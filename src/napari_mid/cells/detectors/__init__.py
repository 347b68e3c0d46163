"""One file per nucleus detector, found by its name.

A detector is a module with ``locate(image, diameter_px, settings) -> Regions``; the image is (Y, X) float32 without NaN, on
any device. A new file in this folder is a new choice on the command line and in the window.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from napari_mid.cells.nuclei import Nuclei
    from napari_mid.cells.regions import Regions
    from napari_mid.cells.settings import DetectionSettings

#: An image is shrunk until its nuclei are less than twice as wide as this.
ENOUGH_PX = 20.0
#: An estimated diameter is good enough when the nuclei that it leads to differ from it by less than this factor.
SAME_DIAMETER = 1.2


def detector_names() -> list[str]:
    """Names of the detectors."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def detect_field(
    image: NDArray[Any],
    *,
    well: str,
    field: int,
    settings: DetectionSettings,
    pixel_size_um: float | None = None,
    device: torch.device,
) -> Nuclei:
    """Locate the nuclei in the nucleus channel of one field.

    Parameters
    ----------
    image
        (Y, X), any type, bright nuclei. Pixels that are not finite numbers count as background.
    well, field
        The key of the result.
    settings
        How; the diameter is estimated from `image` where neither diameter is set.
    pixel_size_um
        Edge of a pixel, for ``settings.diameter_um``.
    device
        Where to compute.
    """
    import torch

    from napari_mid.cells.background import inside_frame, without_bad_pixels
    from napari_mid.cells.diameter import clip_diameter, nucleus_diameter
    from napari_mid.cells.nuclei import Nuclei

    if np.ndim(image) != 2 or np.size(image) == 0:
        raise ValueError(f"the image is {np.shape(image)}, expected (Y, X) with at least one pixel")
    pixels = torch.as_tensor(np.asarray(image, dtype=np.float32), device=device)
    finite = torch.isfinite(pixels)
    if not finite.all():
        pixels = torch.where(finite, pixels, pixels[finite].median() if finite.any() else 0.0)
    rows, columns = inside_frame(pixels)
    pixels = without_bad_pixels(pixels[rows, columns])
    diameter_px = nucleus_diameter(pixels, settings, pixel_size_um)
    regions = _locate(pixels, diameter_px, settings)
    if settings.diameter_px is None and settings.diameter_um is None and len(regions):
        measured = clip_diameter(regions.typical_diameter_px())
        if not 1 / SAME_DIAMETER < measured / diameter_px < SAME_DIAMETER:
            diameter_px, regions = measured, _locate(pixels, measured, settings)
    used = dataclasses.replace(settings, diameter_px=round(diameter_px, 2))
    return Nuclei(
        well=well,
        field=field,
        centroids=regions.centroids + np.array([rows.start or 0, columns.start or 0]),
        area_px=regions.area_px,
        mean_intensity=regions.mean_intensity,
        detector=settings.detector,
        settings=dataclasses.asdict(used),
    )


def _locate(pixels: torch.Tensor, diameter_px: float, settings: DetectionSettings) -> Regions:
    """Run the detector, in a smaller image where the nuclei are large: its time depends on their size in pixels."""
    from napari_mid.cells.filters import shrink

    factor = max(1, int(diameter_px / ENOUGH_PX))
    detector = importlib.import_module(f"{__name__}.{settings.detector}")
    regions: Regions = detector.locate(shrink(pixels, factor), diameter_px / factor, settings)
    return regions.enlarged(factor)
