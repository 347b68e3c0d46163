"""Random sets of cells, drawn balanced: every cell equally often, no cell twice in a set (mid.md, section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.settings import ScoringSettings

#: Random halves of a bag with which spreads are measured where one set holds (nearly) all its cells.
N_HALVES = 50


@dataclass(frozen=True)
class BagSets:
    """The random sets of a bag.

    Parameters
    ----------
    sets
        (S, L) cell numbers; a single row where one set holds all cells, since all sets are the same then.
    n_sets
        How many sets the score stands for, S or more.
    halves
        (N_HALVES, N // 2), drawn where a set holds more than half of the cells, so that sets tell little about their spread.
    """

    sets: NDArray[np.int64]
    n_sets: int
    halves: NDArray[np.int64] | None

    @property
    def set_size(self) -> int:
        """L."""
        return int(self.sets.shape[1])


def set_shape(n_cells: int, settings: ScoringSettings) -> tuple[int, int]:
    """(S, L): how many sets of how many cells a bag of `n_cells` is scored with."""
    set_size = min(settings.set_size, n_cells)
    return max(settings.n_sets, math.ceil(settings.uses_per_cell * n_cells / set_size)), set_size


def draw_sets(n_cells: int, settings: ScoringSettings) -> BagSets:
    """Draw the sets of a bag of `n_cells`, N >= 1; the same seed draws the same sets."""
    n_sets, set_size = set_shape(n_cells, settings)
    rng = np.random.default_rng(settings.seed)
    sets = np.arange(n_cells)[None] if set_size == n_cells else balanced_sets(n_cells, n_sets, set_size, rng)
    wanted = set_size > n_cells // 2 and n_cells >= 4
    return BagSets(sets, n_sets, balanced_sets(n_cells, N_HALVES, n_cells // 2, rng) if wanted else None)


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
