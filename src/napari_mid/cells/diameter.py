"""How large nuclei are: from the settings, else from the image."""

from __future__ import annotations

import torch

from napari_mid.cells.filters import compress, gaussian, quantile
from napari_mid.cells.scale_space import Blobs, find_blobs
from napari_mid.cells.settings import LARGEST_DIAMETER_PX, SMALLEST_DIAMETER_PX, DetectionSettings

#: Blobs with less than this part of the 90th percentile of the responses are noise or texture.
WEAKEST = 0.3
#: Blobs below this many standard deviations of the pixel noise do not count: in a large image there are thousands.
OVER_NOISE = 5.0
#: What is taken where an image shows no blobs at all.
TYPICAL_DIAMETER_PX = 20.0


def wanted_diameter(settings: DetectionSettings, pixel_size_um: float | None) -> float | None:
    """The diameter in pixels of a typical nucleus that the user has set; None where it is to be estimated from the image."""
    if settings.diameter_px is not None:
        return settings.diameter_px
    if settings.diameter_um is not None and pixel_size_um:
        return clip_diameter(settings.diameter_um / pixel_size_um)
    return None


def estimate_diameter(image: torch.Tensor) -> float:
    """Estimate the diameter in pixels of a typical nucleus: the weighted median over the blobs, strong ones counting most."""
    smooth = gaussian(image, 1.0)
    blobs = find_blobs(compress((smooth - quantile(smooth, 0.02)).clamp(min=0)), SMALLEST_DIAMETER_PX, LARGEST_DIAMETER_PX)
    return weighted_diameter(blobs)


def weighted_diameter(blobs: Blobs) -> float:
    """The median diameter of `blobs`, weighted with the square of their responses."""
    blobs = blobs[blobs.response > OVER_NOISE * blobs.noise]
    if len(blobs) == 0:
        return TYPICAL_DIAMETER_PX
    blobs = blobs[blobs.response > WEAKEST * quantile(blobs.response, 0.9)]
    diameters, order = blobs.diameter_px.sort()
    weights = blobs.response[order].square().cumsum(0)
    middle = int(torch.searchsorted(weights, weights[-1:] / 2))
    return clip_diameter(float(diameters[middle]))


def clip_diameter(diameter_px: float) -> float:
    """The diameter within the bounds between which nuclei are looked for."""
    return min(max(diameter_px, SMALLEST_DIAMETER_PX), LARGEST_DIAMETER_PX)
