"""One file per nucleus detector, found by its name.

A detector is a module with ``locate(image, diameter_px, settings) -> (Regions, diameter_px)``; the image is (Y, X) float32
without NaN, on any device, and the diameter is to be estimated from it where it is None. A new file in this folder is a new
choice on the command line and in the window. A detector that saves work by knowing how large nuclei are likely to be says
``EXPECTS = True`` and is then given ``expected_px``, too; what it finds must not depend on that.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import pkgutil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from napari_mid.cells.nuclei import Nuclei
    from napari_mid.cells.settings import DetectionSettings


#: What detectors of other packages need beside napari-mid; each is installed with ``napari-mid[name]``.
EXTRAS = {"cellpose": ("cellpose",), "stardist": ("stardist", "tensorflow")}


def detector_names() -> list[str]:
    """Names of the detectors."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def available() -> list[str]:
    """Names of the detectors of which all packages are installed."""
    return [
        name
        for name in detector_names()
        if all(importlib.util.find_spec(package) is not None for package in EXTRAS.get(name, ()))
    ]


def detect_field(
    image: NDArray[Any],
    *,
    well: str,
    field: int,
    settings: DetectionSettings,
    pixel_size_um: float | None = None,
    device: torch.device,
    outlines: bool = False,
    masks: bool = False,
    expected_px: float | None = None,
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
        Where to compute; on a device without float64 (MPS) it is done on the CPU.
    outlines, masks
        Whether the result has them, too; the detectors that know no masks give circles.
    expected_px
        How wide the nuclei are likely to be, as those of another field of the well are; saves time where it is right.
    """
    import torch

    from napari_mid.cells.device import memory_told, with_float64
    from napari_mid.cells.diameter import wanted_diameter
    from napari_mid.cells.nuclei import Nuclei

    if np.ndim(image) != 2 or np.size(image) == 0:
        raise ValueError(f"the image is {np.shape(image)}, expected (Y, X) with at least one pixel")
    detector = importlib.import_module(f"{__name__}.{settings.detector}")
    expected = {"expected_px": expected_px} if getattr(detector, "EXPECTS", False) else {}
    with memory_told(device):
        # places and sums are float64
        pixels = torch.as_tensor(np.asarray(image, dtype=np.float32), device=with_float64(device))
        # one sum tells that all are finite, and takes a tenth of the time of asking each
        if not torch.isfinite(pixels.sum()):
            finite = torch.isfinite(pixels)
            pixels = torch.where(finite, pixels, pixels[finite].median() if finite.any() else 0.0)
        regions, diameter_px = detector.locate(pixels, wanted_diameter(settings, pixel_size_um), settings, **expected)
    shape = (pixels.shape[0], pixels.shape[1])
    used = dataclasses.replace(settings, diameter_px=round(diameter_px, 2))
    return Nuclei(
        well=well,
        field=field,
        centroids=regions.centroids,
        area_px=regions.area_px,
        mean_intensity=regions.mean_intensity,
        detector=settings.detector,
        settings=dataclasses.asdict(used),
        confidence=regions.confidence,
        touches_border=regions.touches_border(shape),
        outlines=regions.outlines() if outlines else None,
        masks=regions.masks(shape) if masks else None,
    )
