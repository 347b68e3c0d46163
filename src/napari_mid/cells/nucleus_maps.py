"""Between images and the learned detector's network: what it sees, and nuclei from the maps that it gives."""

from __future__ import annotations

import math

import torch

from napari_mid.cells.filters import box_mean, grow, quantile, shrink
from napari_mid.cells.nucleus_net import NUCLEUS_PX

#: Percentiles of the image that the first channel puts at 0 and 1.
DARK, BRIGHT = 0.02, 0.998
#: How strongly the first channel lifts dim nuclei.
LIFT = 12.0
#: Width in nuclei of the surroundings that the second channel compares a pixel with.
SURROUNDINGS = 5.0
#: The surroundings vary slowly: they are computed on an image shrunk by this.
COARSE = 4
#: Pixels that are enough to measure the brightness of an image.
SAMPLED_PX = 16_384


def brightness(image: torch.Tensor) -> tuple[float, float, float]:
    """Of (Y, X): the dark and the bright percentile, and the standard deviation of its noise from pixel to pixel."""
    step = max(1, int((image.numel() / SAMPLED_PX) ** 0.5))
    # an odd step against patterns of the camera
    sample = image[:: step | 1, :: step | 1]
    dark, bright = (quantile(sample, fraction) for fraction in (DARK, BRIGHT))
    rows = image[:: step | 1]
    differences = (rows[:, 2:] - 2 * rows[:, 1:-1] + rows[:, :-2]).abs() if image.shape[1] > 2 else image.new_zeros(1)
    # the median of |second difference| of white noise of deviation 1 is 0.6745 times the square root of 6
    noise = float(differences.flatten()[:: max(1, differences.numel() // SAMPLED_PX)].median()) / (0.6745 * 6**0.5)
    return dark, bright, noise


def normalise(image: torch.Tensor, level: tuple[float, float, float] | None = None) -> torch.Tensor:
    """What the network sees of (Y, X) float32 `image`, whose nuclei are about `NUCLEUS_PX` wide.

    Returns
    -------
    torch.Tensor
        (2, Y, X): the image between its dark and bright percentile, dim parts lifted; and how far each pixel is above its
        surroundings, in their standard deviations.
    """
    dark, bright, noise = brightness(image) if level is None else level
    spread = max(bright - dark, 4 * noise, 1e-6)
    scaled = ((image - dark) / spread).clamp(-0.2, 2.0)
    # the inverse hyperbolic sine, written out: torch's own takes ten times as long on a CPU
    strong = LIFT * scaled
    lifted = torch.log(strong + torch.sqrt(strong.square() + 1)) / math.asinh(LIFT)
    width = 2 * round(SURROUNDINGS * NUCLEUS_PX / COARSE / 2) + 1
    mean, square = (box_mean(shrink(part, COARSE), width) for part in (scaled, scaled.square()))
    deviation = (square - mean.square()).clamp(min=0).sqrt() + 2 * noise / spread + 0.01
    mean, deviation = (grow(part, COARSE, image.shape) for part in (mean, deviation))
    return torch.stack([lifted, ((scaled - mean) / deviation).clamp(-3.0, 5.0) / 3.0])
