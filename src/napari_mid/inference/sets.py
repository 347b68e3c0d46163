"""Random sets of cells, drawn balanced: every cell equally often, no cell twice in a set (mid.md, section 4)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.settings import ScoringSettings


def set_shape(n_cells: int, settings: ScoringSettings) -> tuple[int, int]:
    """(S, L): how many sets of how many cells a bag of `n_cells` is scored with."""
    set_size = min(settings.set_size, n_cells)
    return max(settings.n_sets, math.ceil(settings.uses_per_cell * n_cells / set_size)), set_size


def balanced_sets(n_cells: int, n_sets: int, set_size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `n_sets` sets of `set_size` of `n_cells` cells, as (S, L) cell numbers.

    Permutations of the cells are laid end to end and cut into sets. Where a set begins with the last cells of one permutation,
    the next permutation brings other cells first, so that no set holds a cell twice. The numbers of uses differ by at most one.
    """
    if not 0 < set_size <= n_cells:
        raise ValueError(f"sets of {set_size} cells cannot be drawn from {n_cells}")
    stream: list[NDArray[np.int64]] = []
    length = 0
    while length < n_sets * set_size:
        permutation = rng.permutation(n_cells)
        begun = length % set_size
        if begun:
            begun_cells = np.concatenate(stream)[-begun:] if begun > len(stream[-1]) else stream[-1][-begun:]
            repeated = np.isin(permutation, begun_cells)
            # a stable sort keeps both halves in random order: cells not yet in the begun set first
            permutation = permutation[np.argsort(repeated, kind="stable")]
        stream.append(permutation)
        length += n_cells
    return np.concatenate(stream)[: n_sets * set_size].reshape(n_sets, set_size)
