"""Bright blobs of any size: maxima of the difference of Gaussians over place and scale (Lindeberg 1998)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from napari_mid.cells.filters import gaussian, grow, shrink, sliding_max

#: Ratio between the diameters of neighbouring scales.
STEP = 1.25
#: An image is shrunk until a blob of the scale is no wider than about this many pixels.
BLOB_PX = 14.0


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
        (N,) float64, about half of the contrast of a disc with its surroundings.
    """

    centroids: torch.Tensor
    diameter_px: torch.Tensor
    response: torch.Tensor

    def __getitem__(self, chosen: torch.Tensor) -> Blobs:
        """The blobs that an index or mask chooses."""
        return Blobs(self.centroids[chosen], self.diameter_px[chosen], self.response[chosen])

    def __len__(self) -> int:
        return len(self.centroids)


def find_blobs(image: torch.Tensor, smallest_px: float, largest_px: float) -> Blobs:
    """All bright blobs of (Y, X) `image` with diameters between `smallest_px` and `largest_px`, on the CPU."""
    # a scale more at both ends: a maximum over scale needs two neighbours
    n_scales = math.ceil(math.log(largest_px / smallest_px) / math.log(STEP)) + 3
    diameters = [smallest_px * STEP ** (i - 1) for i in range(n_scales)]
    responses, factors = _responses(image, diameters)
    found: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for i in range(1, n_scales - 1):
        response, factor = responses[i], factors[i]
        lower, upper = (_at_scale(responses[j], factors[j], factor, response.shape) for j in (i - 1, i + 1))
        peak = (response > 0) & (response == sliding_max(response, 3))
        peak &= (response >= sliding_max(lower, 3)) & (response > sliding_max(upper, 3))
        where = torch.nonzero(peak)
        rows, columns = where[:, 0], where[:, 1]
        height = response[rows, columns]
        shift = _vertex(lower[rows, columns], height, upper[rows, columns])
        fine = torch.stack([rows + _offset(response, rows, columns, 0), columns + _offset(response, rows, columns, 1)], dim=1)
        found.append(
            (
                (fine.double() * factor + (factor - 1) / 2).cpu(),
                diameters[i] * STEP ** shift.double().cpu(),
                height.double().cpu(),
            )
        )
    return Blobs(*(torch.cat(parts) for parts in zip(*found, strict=True)))


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


def _offset(response: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, dim: int) -> torch.Tensor:
    """How far beside the pixel the maximum lies along `dim`, -0.5 to 0.5; 0 at the border."""
    index, last = (rows, columns)[dim], response.shape[dim] - 1
    before, after = (index - 1).clamp(min=0), (index + 1).clamp(max=last)
    sides = [(response[side, columns] if dim == 0 else response[rows, side]) for side in (before, after)]
    shift = _vertex(sides[0], response[rows, columns], sides[1])
    return torch.where((index > 0) & (index < last), shift, 0.0)


def _vertex(before: torch.Tensor, at: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Where the parabola through three neighbouring values has its maximum, -0.5 to 0.5 from the middle one."""
    bend = (2 * at - before - after).clamp(min=torch.finfo(at.dtype).tiny)
    return ((after - before) / (2 * bend)).clamp(-0.5, 0.5)
