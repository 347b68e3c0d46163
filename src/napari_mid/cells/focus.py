"""Which cells are out of focus: their nuclei have little fine structure for their contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

#: A cell is out of focus where the logarithm of its sharpness lies so many standard deviations (1.4826 times the median absolute
#: deviation) below the median of its well.
BELOW = 2.5
#: In a well with fewer cells none is told to be out of focus.
FEWEST = 20


def sharpness(slices: torch.Tensor) -> torch.Tensor:
    """The sharpness (N,) of slices (N, S, S) of the nuclear stain: the variance of the Laplacian in that of the brightness.

    Taken in the middle half of the slice, where the cell's own nucleus is, at half the resolution, where noise counts less. The
    ratio does not depend on how bright the stain is (Pertuz et al., Pattern Recognition 46 (2013) 1415, compare such measures).
    """
    size = slices.shape[-1] // 4 * 2  # even
    margin = (slices.shape[-1] - size) // 2
    # channels lie together in slices; a copy of one of them is read several times as fast
    rows = slices[:, margin : margin + size, margin : margin + size].contiguous()
    rows = rows[:, ::2] + rows[:, 1::2]
    middle = (rows[:, :, ::2] + rows[:, :, 1::2]) / 4
    laplacian = (
        4 * middle[:, 1:-1, 1:-1] - middle[:, :-2, 1:-1] - middle[:, 2:, 1:-1] - middle[:, 1:-1, :-2] - middle[:, 1:-1, 2:]
    )
    return laplacian.flatten(1).var(dim=1) / middle.flatten(1).var(dim=1).clamp(min=1e-12)


def out_of_focus(sharpness: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which cells, (N,) bool, are far less sharp than the others of their well."""
    known = np.isfinite(sharpness) & (sharpness > 0)
    blurred = np.zeros(len(sharpness), dtype=bool)
    if known.sum() < FEWEST:
        return blurred
    logarithm = np.log(sharpness[known])
    middle = np.median(logarithm)
    deviation = 1.4826 * np.median(np.abs(logarithm - middle))
    blurred[known] = logarithm < middle - BELOW * deviation
    return blurred
