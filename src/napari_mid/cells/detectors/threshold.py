"""Threshold against the local background and the local brightness, then cut touching nuclei by their shape."""

from __future__ import annotations

import math

import torch

from napari_mid.cells.background import coarseness, local_contrast, odd
from napari_mid.cells.classical import located
from napari_mid.cells.filters import basins, compress, gaussian, grow, otsu, shrink, sliding_max
from napari_mid.cells.regions import Regions
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.splitting import split

#: Lengths in diameters of a nucleus: the blur against noise, the blur of the surface that is cut into basins, and the width of
#: the neighbourhood in which nuclei should be about equally bright.
BLUR, SURFACE_BLUR, NEIGHBOURHOOD = 0.05, 0.13, 1.0
#: A pixel of a nucleus has at least this part of Otsu's threshold, of the brightest in its neighbourhood, and of its own
#: height above the darkest background (which haze around bright objects has not).
OF_OTSU, OF_NEIGHBOURHOOD, OF_HEIGHT = 0.6, 0.5, 0.4
#: And so many standard deviations of the background above it.
DEVIATIONS = 4.0
#: Smaller regions, in parts of a typical nucleus, are specks.
SMALLEST_AREA = 0.12
#: Nothing is more than this many times as bright as its neighbourhood in the surface: a speck must not rise above its nucleus.
BRIGHTEST = 1.5


def locate(image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings) -> tuple[Regions, float]:
    """Find nuclei of about `diameter_px` (estimated where None) in (Y, X) float32 `image`; gives the diameter used, too."""
    return located(image, diameter_px, settings, _find)


def _find(image: torch.Tensor, diameter_px: float, settings: DetectionSettings) -> Regions:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN."""
    smooth = gaussian(image, max(0.7, BLUR * diameter_px))
    contrast = local_contrast(smooth, diameter_px)
    level = compress(contrast.above)
    least = OF_OTSU / settings.sensitivity * otsu(level)
    factor = coarseness(diameter_px)
    neighbourhood = sliding_max(shrink(level, factor), odd(NEIGHBOURHOOD * diameter_px / factor))
    brightness = grow(gaussian(neighbourhood, diameter_px / 4 / factor), factor, smooth.shape)
    foreground = (level > least) & (level > OF_NEIGHBOURHOOD * brightness)
    foreground &= contrast.above > OF_HEIGHT * contrast.height
    foreground &= contrast.significant(DEVIATIONS / settings.sensitivity)
    evened = (level / brightness.clamp(min=max(least, 1e-12))).clamp(max=BRIGHTEST)
    surface = gaussian((foreground + evened) / 2, SURFACE_BLUR * diameter_px)
    # labels and sums are made on the device; only the tree of a few numbers per basin is walked on the CPU
    regions = split(torch.where(foreground, basins(surface) + 1, 0), surface, image, diameter_px)
    return regions[regions.area_px >= SMALLEST_AREA * math.pi / 4 * diameter_px**2]
