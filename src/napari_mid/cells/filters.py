"""Image filters in torch that give the same result on every device."""

from __future__ import annotations

import math

import torch

#: A Gaussian is cut off at this many standard deviations.
TRUNCATE = 3.0


def gaussian(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur (Y, X) float32 with a Gaussian of `sigma` pixels; the border pixels are repeated outwards.

    Shifted copies are added up rather than convolved: cuDNN may round the factors of a convolution to TF32.
    """
    if sigma <= 0:
        return image
    radius = max(1, math.ceil(TRUNCATE * sigma))
    weights = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    weights = [weight / total for weight in weights]
    for dim in (0, 1):
        size = image.shape[dim]
        pad = (0, 0, radius, radius) if dim == 0 else (radius, radius, 0, 0)
        padded = torch.nn.functional.pad(image[None, None], pad, mode="replicate")[0, 0]
        image = padded.narrow(dim, radius, size) * weights[0]
        for shift in range(1, radius + 1):
            both = padded.narrow(dim, radius - shift, size) + padded.narrow(dim, radius + shift, size)
            image.add_(both, alpha=weights[shift])
    return image


def shrink(image: torch.Tensor, factor: int) -> torch.Tensor:
    """Average (Y, X) over blocks of `factor` x `factor` pixels; blocks at the far border may be smaller."""
    if factor == 1:
        return image
    return torch.nn.functional.avg_pool2d(image[None, None], factor, ceil_mode=True)[0, 0]


def otsu(values: torch.Tensor, bins: int = 256) -> float:
    """The threshold that splits `values`, of any shape, into two classes of least variance (Otsu 1979)."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return high
    index = ((values.flatten() - low) * (bins / (high - low))).to(torch.int64).clamp_(0, bins - 1)
    counts = torch.bincount(index, minlength=bins).cpu().to(torch.float64)
    middles = low + (torch.arange(bins, dtype=torch.float64) + 0.5) * (high - low) / bins
    weight_low, sum_low = counts.cumsum(0)[:-1], (counts * middles).cumsum(0)[:-1]
    weight_high, sum_high = counts.sum() - weight_low, (counts * middles).sum() - sum_low
    between = weight_low * weight_high * (sum_low / weight_low.clamp(min=1) - sum_high / weight_high.clamp(min=1)) ** 2
    # the plateau over empty bins between two well separated classes is cut in its middle
    best = torch.nonzero(between >= between.max() * (1 - 1e-9)).flatten().to(torch.float64).mean()
    return low + (float(best) + 1) * (high - low) / bins


def basins(surface: torch.Tensor) -> torch.Tensor:
    """For every pixel of (Y, X) the flat index of the local maximum that steepest ascent leads to.

    Each pixel points to the highest of its 3 x 3 neighbourhood; following all pointers at once, twice as far each time, ends after
    the logarithm of the longest path. A plateau leads to its pixel of lowest index within the neighbourhood.
    """
    height, width = surface.shape
    padded = torch.nn.functional.pad(surface[None, None], (1, 1, 1, 1), value=-torch.inf)[0, 0]
    best, step = surface, torch.zeros(surface.shape, dtype=torch.int64, device=surface.device)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            neighbour = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
            # of equal neighbours the one with the lower index is the higher, so that plateaus have no cycles
            higher = (
                (neighbour > best) if (dy, dx) > (0, 0) else (neighbour > best) | ((neighbour == best) & (dy * width + dx < step))
            )
            best = torch.where(higher, neighbour, best)
            step = torch.where(higher, dy * width + dx, step)
    pointer = torch.arange(height * width, device=surface.device) + step.flatten()
    while True:
        further = pointer[pointer]
        if torch.equal(further, pointer):
            return pointer.view(height, width)
        pointer = further
