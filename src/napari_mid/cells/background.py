"""What is not a nucleus: the background, how much it fluctuates, and single bad pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from napari_mid.cells.filters import deviation_of_lower_half, gaussian, grow, mean_of_lower_half, opening, shrink, sliding_max

#: Lengths in diameters of a nucleus: the width of what counts as background, and of where the darkest background is looked for.
BACKGROUND, DARKEST = 2.0, 8.0
#: The least part of each side of an image inside a frame that is brighter than the frame.
FILLED = 0.9


@dataclass(frozen=True)
class Contrast:
    """An image above its background.

    Parameters
    ----------
    above
        (Y, X), the image less its local background, at least 0.
    height
        (Y, X), the image less the darkest background far around: what haze is above.
    mean, deviation
        Of `above` where there are no nuclei, noise of whatever kind included.
    """

    above: torch.Tensor
    height: torch.Tensor
    mean: float
    deviation: float

    def significant(self, deviations: float) -> torch.Tensor:
        """(Y, X) bool: so many standard deviations above what there is without nuclei."""
        return (self.above > 0) & (self.above > self.mean + deviations * self.deviation)


def local_contrast(smooth: torch.Tensor, diameter_px: float) -> Contrast:
    """Contrast of nuclei of `diameter_px` in (Y, X) `smooth`."""
    # the background varies slowly: an eighth of a nucleus is fine enough for it
    factor = coarseness(diameter_px)
    width = odd(BACKGROUND * diameter_px / factor)
    coarse = gaussian(opening(shrink(smooth, factor), width), width / 6)
    wide = odd(DARKEST * diameter_px / factor)
    darkest = gaussian(-sliding_max(-coarse, wide), wide / 6)
    above = smooth - grow(coarse, factor, smooth.shape)
    return Contrast(
        above.clamp(min=0),
        smooth - grow(darkest, factor, smooth.shape),
        mean_of_lower_half(above),
        deviation_of_lower_half(above),
    )


def without_bad_pixels(image: torch.Tensor) -> torch.Tensor:
    """(Y, X) `image` with pixels that are brighter or darker than all their eight neighbours set to the nearest of these."""
    if min(image.shape) < 2:
        return image
    height, width = image.shape
    padded = torch.nn.functional.pad(image[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    # without its own edges repeated, a corner would be its own neighbour
    padded[0], padded[-1] = padded[2], padded[-3]
    padded[:, 0], padded[:, -1] = padded[:, 2], padded[:, -3]
    around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    lowest, highest = around[0], around[0]
    for neighbour in around[1:]:
        lowest, highest = torch.minimum(lowest, neighbour), torch.maximum(highest, neighbour)
    return torch.minimum(torch.maximum(image, lowest), highest)


def inside_frame(image: torch.Tensor) -> tuple[slice, slice]:
    """Rows and columns of (Y, X) `image` inside a frame of one dark value, which stitching leaves; all where there is none."""
    darkest = image.min()
    if not any(bool((side == darkest).all()) for side in (image[0], image[-1], image[:, 0], image[:, -1])):
        return slice(None), slice(None)  # as almost always: a frame lies along a side
    filled = image > darkest
    rows, columns = (torch.nonzero(filled.any(dim=dim)).flatten().tolist() for dim in (1, 0))
    if not rows:
        return slice(None), slice(None)
    inner = filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # what is around a few nuclei on exact zeros is no frame: they touch the sides of their box here and there only
    small = any(2 * inner.shape[dim] < image.shape[dim] for dim in (0, 1))
    if small or min(float(side.float().mean()) for side in (inner[0], inner[-1], inner[:, 0], inner[:, -1])) < FILLED:
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def coarseness(diameter_px: float) -> int:
    """By how much an image is shrunk for things that vary no faster than a nucleus of `diameter_px`."""
    return max(1, int(diameter_px / 8))


def odd(width: float) -> int:
    """The odd number of pixels, 3 or more, next to `width`."""
    return max(3, 2 * round((width - 1) / 2) + 1)
