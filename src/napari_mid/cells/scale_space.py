"""Bright blobs of any size: maxima of the difference of Gaussians over place and scale (Lindeberg 1998)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch

from napari_mid.cells.filters import deviation_of_lower_half, gaussian, grow, shrink, sliding_max

#: Ratio between the diameters of neighbouring scales.
STEP = 1.25
#: An image is shrunk until a blob of the scale is no wider than about this many pixels.
BLOB_PX = 14.0
#: The least ratio between the two curvatures of a maximum; an ellipse three times as long as wide has about 0.1.
FLATTEST = 0.05


@dataclass(frozen=True)
class Blobs:
    """Maxima in scale-space.

    Parameters
    ----------
    centroids
        (N, 2) float64, (y, x) in pixels.
    diameter_px
        (N,) float64, of the disc that fits best.
    response
        (N,) float64, about an eighth of the contrast of a disc with its surroundings.
    noise
        (N,) float64, the standard deviation that pixel noise has at the scale of the blob.
    """

    centroids: torch.Tensor
    diameter_px: torch.Tensor
    response: torch.Tensor
    noise: torch.Tensor

    def __getitem__(self, chosen: torch.Tensor) -> Blobs:
        """The blobs that an index or mask chooses."""
        return Blobs(self.centroids[chosen], self.diameter_px[chosen], self.response[chosen], self.noise[chosen])

    def __len__(self) -> int:
        return len(self.centroids)


def find_blobs(image: torch.Tensor, smallest_px: float, largest_px: float) -> Blobs:
    """All bright blobs of (Y, X) `image` with diameters between `smallest_px` and `largest_px`, on the CPU."""
    # a scale more at both ends: a maximum over scale needs two neighbours
    n_scales = math.ceil(math.log(largest_px / smallest_px) / math.log(STEP)) + 3
    diameters = [smallest_px * STEP ** (i - 1) for i in range(n_scales)]
    responses, factors = _responses(image, diameters)
    noise = deviation_of_lower_half(responses[0])
    found = [Blobs(torch.empty((0, 2), dtype=torch.float64), *[torch.empty(0, dtype=torch.float64)] * 3)]
    for i in range(1, n_scales - 1):
        sides = [_at_scale(responses[j], factors[j], factors[i], responses[i].shape) for j in (i - 1, i + 1)]
        places, steps, heights = _maxima(responses[i], *sides)
        # the deviation of independent noise falls with the width of the filter
        noises = torch.full_like(heights, noise * diameters[0] / diameters[i])
        found.append(Blobs(places * factors[i] + (factors[i] - 1) / 2, diameters[i] * STEP**steps, heights, noises))
    return Blobs(*(torch.cat([getattr(blobs, field.name) for blobs in found]) for field in fields(Blobs)))


def _maxima(response: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Maxima of `response` over place and over the scales beside it, on the CPU as float64.

    Returns their places (N, 2) in pixels and scales (N,) in steps from this one, both refined by parabolas, and their responses.
    """
    where = torch.nonzero((response > 0) & (response == sliding_max(response, 3)))
    around = _around(response, where)
    keep = (
        (around[:, 4] >= _around(lower, where).amax(dim=1)) & (around[:, 4] > _around(upper, where).amax(dim=1)) & _round(around)
    )
    where, around = where[keep], around[keep]
    rows, columns = where[:, 0], where[:, 1]
    steps = _vertex(lower[rows, columns], around[:, 4], upper[rows, columns])
    offsets = torch.stack([_vertex(around[:, 4 - side], around[:, 4], around[:, 4 + side]) for side in (3, 1)], dim=1)
    # at the border the pixel is its own neighbour, which says nothing about where the maximum is
    last = torch.tensor(response.shape, device=where.device) - 1
    offsets = torch.where((where > 0) & (where < last), offsets, 0.0)
    return (where + offsets).double().cpu(), steps.double().cpu(), around[:, 4].double().cpu()


def _around(response: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """The 3 x 3 neighbourhoods (N, 9) of the pixels (N, 2) `where`, row by row; beyond the border the border is repeated."""
    rows, columns = (
        (where[:, dim, None] + torch.arange(-1, 2, device=where.device)).clamp(0, response.shape[dim] - 1) for dim in (0, 1)
    )
    return response[rows[:, :, None], columns[:, None, :]].flatten(1)


def _round(around: torch.Tensor) -> torch.Tensor:
    """Which of the maxima (N, 9) fall off to all sides; along an edge or a ridge the response hardly changes."""
    yy, xx = around[:, 1] + around[:, 7] - 2 * around[:, 4], around[:, 3] + around[:, 5] - 2 * around[:, 4]
    yx = (around[:, 0] + around[:, 8] - around[:, 2] - around[:, 6]) / 4
    # the smaller curvature over the larger one, from the trace and the determinant as in SIFT (Lowe 2004)
    return yy * xx - yx * yx > FLATTEST / (1 + FLATTEST) ** 2 * (yy + xx) ** 2


def _responses(image: torch.Tensor, diameters: list[float]) -> tuple[list[torch.Tensor], list[int]]:
    """For every diameter the difference of Gaussians that is largest in the middle of such a disc, and how far it is shrunk."""
    responses, factors = [], []
    factor, sigma = 1, diameters[0] / (2 * math.sqrt(2)) / math.sqrt(STEP)
    blurred = gaussian(image, sigma)
    for diameter in diameters:
        if diameter / factor > BLOB_PX:
            blurred, factor = shrink(blurred, 2), factor * 2
        # blurring on from the scale before takes a narrower Gaussian than starting anew
        further = gaussian(blurred, sigma * math.sqrt(STEP**2 - 1) / factor)
        responses.append(blurred - further)
        factors.append(factor)
        blurred, sigma = further, sigma * STEP
    return responses, factors


def _at_scale(response: torch.Tensor, factor: int, wanted: int, shape: torch.Size) -> torch.Tensor:
    """A neighbouring scale's response, sampled at the pixels of an image shrunk by `wanted` instead of `factor`."""
    if factor == wanted:
        return response
    return shrink(response, 2) if factor < wanted else grow(response, 2, shape)


def _vertex(before: torch.Tensor, at: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Where the parabola through three neighbouring values has its maximum, -0.5 to 0.5 from the middle one."""
    bend = (2 * at - before - after).clamp(min=torch.finfo(at.dtype).tiny)
    return ((after - before) / (2 * bend)).clamp(-0.5, 0.5)
