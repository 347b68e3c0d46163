"""Random changes that do not alter what a cell tells: flips, quarter turns, mild gain (mid.md, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor


def augment(sets: Tensor, gain: float, generator: torch.Generator) -> Tensor:
    """Change sets of slices (B, N, C, S, S) at random.

    Every slice gets one of the eight flips and quarter turns of the square; every set one gain per channel, between
    ``1 - gain`` and ``1 + gain``, since staining differs between wells and not between the cells of one.
    """
    b, n, c = sets.shape[:3]
    slices = sets.flatten(0, 1)
    turned = torch.empty_like(slices)
    choice = torch.randint(8, (b * n,), generator=generator)
    for number in range(8):
        chosen = (choice == number).nonzero().squeeze(1).to(slices.device)
        some = torch.rot90(slices[chosen], number % 4, dims=(-2, -1))
        turned[chosen] = some.flip(-1) if number >= 4 else some
    gains = 1 + gain * (2 * torch.rand(b, 1, c, 1, 1, generator=generator) - 1)
    return (turned.view(sets.shape) * gains.to(sets.device)).clamp_(0, 1)
