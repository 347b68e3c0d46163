"""One file per nucleus detector, found by its name.

A detector is a module with ``locate(image, diameter_px, settings) -> Regions``; the image is (Y, X) float32 without NaN, on any device.
A new file in this folder is a new choice on the command line and in the window.
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
    from napari_mid.cells.settings import DetectionSettings


#: An image is shrunk until its nuclei are less than twice as wide as this.
ENOUGH_PX = 20.0


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
        (Y, X), any type, bright nuclei.
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

    from napari_mid.cells.diameter import nucleus_diameter
    from napari_mid.cells.filters import shrink
    from napari_mid.cells.nuclei import Nuclei

    pixels = torch.as_tensor(np.asarray(image, dtype=np.float32), device=device)
    finite = torch.isfinite(pixels)
    if not finite.all():
        pixels = torch.where(finite, pixels, pixels[finite].median() if finite.any() else 0.0)
    diameter_px = nucleus_diameter(pixels, settings, pixel_size_um)
    # the time a detector takes depends on the size of the nuclei; nothing is gained by more pixels in a nucleus than this
    factor = max(1, int(diameter_px / ENOUGH_PX))
    detector = importlib.import_module(f"{__name__}.{settings.detector}")
    regions = detector.locate(shrink(pixels, factor), diameter_px / factor, settings).enlarged(factor)
    used = dataclasses.replace(settings, diameter_px=round(diameter_px, 2))
    return Nuclei(
        well=well,
        field=field,
        centroids=regions.centroids,
        area_px=regions.area_px,
        mean_intensity=regions.mean_intensity,
        detector=settings.detector,
        settings=dataclasses.asdict(used),
    )
