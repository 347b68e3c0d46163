"""Image filters in torch, on (Y, X) float32, that give the same result on every device."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

#: A Gaussian is cut off at this many standard deviations.
TRUNCATE = 3.0
#: Quantiles that are background even where nuclei cover most of an image, and how many standard deviations of a normal
#: distribution they lie below its mean.
LOW_QUANTILES = (0.05, 0.25)
LOW_QUANTILES_OF_NORMAL = (1.645, 0.674)


def gaussian(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur with a Gaussian of `sigma` pixels; the border pixels are repeated outwards.

    Shifted copies are added up rather than convolved: cuDNN may round the factors of a convolution to TF32.
    """
    if sigma <= 0:
        return image
    radius = max(1, math.ceil(TRUNCATE * sigma))
    weights = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    for dim in (0, 1):
        size = image.shape[dim]
        padded = pad(image[None, None], _margins(dim, radius), mode="replicate")[0, 0]
        image = padded.narrow(dim, radius, size) * (weights[0] / total)
        for shift in range(1, radius + 1):
            both = padded.narrow(dim, radius - shift, size) + padded.narrow(dim, radius + shift, size)
            image.add_(both, alpha=weights[shift] / total)
    return image


def sliding_max(image: torch.Tensor, width: int) -> torch.Tensor:
    """The maximum over the square of odd `width` around every pixel, with about log2(width) passes over the image."""
    for dim in (0, 1):
        image = pad(image, _margins(dim, width // 2), value=-math.inf)
        covered = 1
        while covered < width:
            step = min(covered, width - covered)
            length = image.shape[dim] - step
            image = torch.maximum(image.narrow(dim, 0, length), image.narrow(dim, step, length))
            covered += step
    return image


def box_mean(image: torch.Tensor, width: int) -> torch.Tensor:
    """The mean over the square of odd `width` around every pixel, as far as it lies in the image."""
    radius, kind = width // 2, image.dtype
    for dim in (0, 1):
        size = image.shape[dim]
        # running sums need more digits than the image has
        sums = pad(image.cumsum(dim, dtype=torch.float64), (0, 0, 1, 0) if dim == 0 else (1, 0))
        places = torch.arange(size, device=image.device)
        after, before = (places + radius + 1).clamp(max=size), (places - radius).clamp(min=0)
        covered = (after - before)[:, None] if dim == 0 else after - before
        image = (sums.index_select(dim, after) - sums.index_select(dim, before)) / covered
    return image.to(kind)


def opening(image: torch.Tensor, width: int) -> torch.Tensor:
    """The image without bright things narrower than the odd `width`: what is left is the background."""
    return sliding_max(-sliding_max(-image, width), width)


def shrink(image: torch.Tensor, factor: int) -> torch.Tensor:
    """Average over blocks of `factor` x `factor` pixels; blocks at the far border may be smaller."""
    if factor == 1:
        return image
    return avg_pool2d(image[None, None], factor, ceil_mode=True)[0, 0]


def grow(image: torch.Tensor, factor: int, shape: torch.Size) -> torch.Tensor:
    """Undo `shrink` to (Y, X) `shape`, interpolating between the blocks."""
    if factor == 1:
        return image
    return interpolate(image[None, None], scale_factor=factor, mode="bilinear", align_corners=False)[0, 0, : shape[0], : shape[1]]


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
    # between two well separated classes every empty bin is as good as the next: take the middle one
    best = torch.nonzero(between >= between.max() * (1 - 1e-9)).flatten().to(torch.float64).mean()
    return low + (float(best) + 1) * (high - low) / bins


def quantile(values: torch.Tensor, fraction: float, most: int = 50_000) -> float:
    """The quantile of `values`, of any shape, from at most about `most` of them, evenly spaced."""
    flat = values.flatten()
    kept = flat[:: max(1, flat.numel() // most)]
    return float(kept.kthvalue(1 + round(fraction * (kept.numel() - 1))).values)


def deviation_of_lower_half(values: torch.Tensor) -> float:
    """Standard deviation of the normal distribution that the low values follow, whatever bright things there are beside it."""
    lowest, low = (quantile(values, fraction) for fraction in LOW_QUANTILES)
    return (low - lowest) / (LOW_QUANTILES_OF_NORMAL[0] - LOW_QUANTILES_OF_NORMAL[1])


def mean_of_lower_half(values: torch.Tensor) -> float:
    """Mean of the normal distribution that the low values follow."""
    return quantile(values, LOW_QUANTILES[1]) + LOW_QUANTILES_OF_NORMAL[1] * deviation_of_lower_half(values)


def compress(contrast: torch.Tensor) -> torch.Tensor:
    """Bring dim and bright nuclei closer: linear far below the typical foreground, logarithmic above.

    `contrast` is the image above its background, at least 0. Without it the brightest (mitotic, dead) nuclei set every threshold.
    """
    foreground = contrast[contrast > otsu(contrast.sqrt()) ** 2]
    typical = quantile(foreground, 0.5) if foreground.numel() else 0.0
    return typical * torch.log1p(contrast / typical) if typical > 0 else torch.zeros_like(contrast)


def basins(surface: torch.Tensor) -> torch.Tensor:
    """For every pixel the flat index of the local maximum that steepest ascent leads to, (Y, X) int64.

    Every pixel points to the highest of its 3 x 3 neighbourhood, the first of several equal ones (so that a plateau has no
    cycles); all pointers are followed at once, twice as far each time.
    """
    # max_pool2d gives the flat index of the maximum beside its value
    pointer = max_pool2d(surface[None, None], 3, stride=1, padding=1, return_indices=True)[1].flatten()
    while True:
        further = pointer[pointer]
        if torch.equal(further, pointer):
            return pointer.view(surface.shape)
        pointer = further


def _margins(dim: int, width: int) -> tuple[int, int, int, int]:
    return (0, 0, width, width) if dim == 0 else (width, width, 0, 0)
