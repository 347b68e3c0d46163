"""What the score loses without the cell."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.bag import Bag
from napari_mid.inference.lift import CellMoments
from napari_mid.inference.measures import Relevance
from napari_mid.inference.sets import balanced_sets
from napari_mid.inference.settings import ScoringSettings

MEANING = "How much the log-odds of the positive class fall when this cell is taken out of its set."
SIGNED = True
NEEDS_CONTROLS = False
#: A set of L cells is read L times without one of them, so the work grows with its square: larger bags are read in such sets.
LARGEST_SET = 128
#: Sets that each cell of a larger bag is in, at least.
USES_PER_CELL = 2


def compute(bag: Bag, settings: ScoringSettings, controls: NDArray[np.float32] | None = None) -> Relevance:
    """Log-odds of a set minus those of the set without the cell, averaged over the sets that the cell is in.

    A bag of up to `LARGEST_SET` cells is one set, so the value is exact and has no standard error; larger ones are drawn into
    balanced sets. A single cell cannot be left out: its value is NaN.
    """
    n_cells = bag.n_cells
    if n_cells == 1:
        return Relevance(np.array([math.nan]))
    set_size = min(n_cells, settings.set_size, LARGEST_SET)
    if set_size == n_cells:
        return Relevance(_falls(bag, np.arange(n_cells)))
    if set_size == 1:
        return Relevance(np.full(n_cells, math.nan))
    rng = np.random.default_rng(settings.seed)
    falls = CellMoments(n_cells)
    for cells in balanced_sets(n_cells, math.ceil(USES_PER_CELL * n_cells / set_size), set_size, rng):
        falls.add(cells, _falls(bag, cells))
    return Relevance(falls.mean(), falls.standard_error())


def _falls(bag: Bag, cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each of the `cells` (L,) of a set, its log-odds minus those without the cell."""
    size = len(cells)
    # row i has all columns but i
    others = np.arange(size - 1)[None] + (np.arange(size - 1)[None] >= np.arange(size)[:, None])
    falls: NDArray[np.float64] = bag.read(cells[None]).log_odds[0] - bag.read(cells[others]).log_odds
    return falls
