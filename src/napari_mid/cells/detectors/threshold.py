"""Threshold against the local background and the local brightness, then cut touching nuclei by their shape."""

from __future__ import annotations

import math

import torch

from napari_mid.cells.filters import basins, compress, gaussian, grow, noise_level, opening, otsu, quantile, shrink, sliding_max
from napari_mid.cells.regions import Regions
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.splitting import split

#: Lengths in diameters of a nucleus: the blur against noise, the blur of the surface that is cut into basins, the
#: width of what counts as background, and of the neighbourhood in which nuclei should be about equally bright.
BLUR, SURFACE_BLUR, BACKGROUND, NEIGHBOURHOOD = 0.05, 0.13, 2.0, 1.0
#: A pixel of a nucleus has at least this part of Otsu's threshold, of the brightest in its neighbourhood, and of its own height above the
#: darkest background (which haze around a bright object has not).
OF_OTSU, OF_NEIGHBOURHOOD, OF_HEIGHT = 0.6, 0.5, 0.3
#: And so many standard deviations of the noise above the background, which itself lies some below the mean.
OVER_NOISE = 6.0
#: Smaller regions, in parts of a typical nucleus, are specks.
SMALLEST_AREA = 0.12
#: Nothing is more than this many times as bright as its neighbourhood in the surface: a speck must not rise above its nucleus.
BRIGHTEST = 1.5


def locate(image: torch.Tensor, diameter_px: float, settings: DetectionSettings) -> Regions:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN."""
    blur = max(0.7, BLUR * diameter_px)
    smooth = gaussian(image, blur)
    # background and neighbourhood vary slowly: an eighth of a nucleus is fine enough for them
    factor = max(1, int(diameter_px / 8))
    width = _odd(BACKGROUND * diameter_px / factor)
    coarse = gaussian(opening(shrink(smooth, factor), width), width / 6)
    background = grow(coarse, factor, smooth.shape)
    contrast = (smooth - background).clamp(min=0)
    level = compress(contrast)
    least = OF_OTSU / settings.sensitivity * otsu(level)
    neighbourhood = sliding_max(shrink(level, factor), _odd(NEIGHBOURHOOD * diameter_px / factor))
    brightness = grow(gaussian(neighbourhood, diameter_px / 4 / factor), factor, smooth.shape)
    # a Gaussian of this blur averages the noise over about 4 pi blur**2 pixels
    noise = noise_level(image) / (2 * math.sqrt(math.pi) * blur)
    foreground = (level > least) & (level > OF_NEIGHBOURHOOD * brightness)
    foreground &= contrast > OF_HEIGHT * (smooth - _darkest(coarse))
    foreground &= contrast > OVER_NOISE / settings.sensitivity * noise
    evened = (level / brightness.clamp(min=max(least, 1e-12))).clamp(max=BRIGHTEST)
    surface = gaussian((foreground + evened) / 2, SURFACE_BLUR * diameter_px)
    regions = split(torch.where(foreground, basins(surface) + 1, 0), surface, image, diameter_px)
    large = regions.area_px >= SMALLEST_AREA * math.pi / 4 * diameter_px**2
    return Regions(regions.centroids[large], regions.area_px[large], regions.mean_intensity[large])


def _odd(width: float) -> int:
    """The odd number of pixels, 3 or more, next to `width`."""
    return max(3, 2 * round((width - 1) / 2) + 1)


def _darkest(background: torch.Tensor) -> float:
    """A low level of the background; the very lowest value may be the black frame of a stitched image."""
    above = background[background > background.min()]
    return quantile(above, 0.05) if above.numel() else float(background.min())
