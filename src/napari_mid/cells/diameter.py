"""How large nuclei are: from the settings, else from the image."""

from __future__ import annotations

import math

import torch

from napari_mid.cells.filters import gaussian, otsu, shrink
from napari_mid.cells.settings import LARGEST_DIAMETER_PX, SMALLEST_DIAMETER_PX, DetectionSettings


def nucleus_diameter(image: torch.Tensor, settings: DetectionSettings, pixel_size_um: float | None) -> float:
    """The diameter in pixels of a typical nucleus of (Y, X) `image`."""
    if settings.diameter_px is not None:
        return settings.diameter_px
    if settings.diameter_um is not None and pixel_size_um:
        return min(max(settings.diameter_um / pixel_size_um, SMALLEST_DIAMETER_PX), LARGEST_DIAMETER_PX)
    return estimate_diameter(image)


def estimate_diameter(image: torch.Tensor) -> float:
    """Estimate the diameter of bright discs from the scale at which the normalised Laplacian of Gaussians peaks."""
    best, best_response = SMALLEST_DIAMETER_PX, 0.0
    diameter = SMALLEST_DIAMETER_PX
    smooth = gaussian(image, 1.0)
    foreground = smooth > otsu(smooth)
    del foreground
    while diameter <= LARGEST_DIAMETER_PX:
        factor = max(1, int(diameter // 12))
        sigma = diameter / factor / (2 * math.sqrt(2))
        small = shrink(image, factor)
        difference = gaussian(small, sigma / 1.26) - gaussian(small, sigma * 1.26)
        response = float(difference.clamp(min=0).pow(2).mean().sqrt())
        if response > best_response:
            best, best_response = diameter, response
        diameter *= 1.15
    return best
