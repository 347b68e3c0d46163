"""What the cell changes when it joins cells of negative controls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.bag import Bag
from napari_mid.inference.measures import Relevance
from napari_mid.inference.settings import ScoringSettings

MEANING = "Change of the log-odds of the positive class when this cell joins cells of the plate's negative controls."
SIGNED = True
NEEDS_CONTROLS = True
#: Sets of control cells that every cell joins, the same for all cells, so that cells can be compared.
N_SETS = 8
#: Cells read before their attention, which is not used, is let go.
CELLS_AT_ONCE = 512


def compute(bag: Bag, settings: ScoringSettings, controls: NDArray[np.float32] | None = None) -> Relevance:
    """Log-odds of a set of control cells with the cell, minus those of the set without it, averaged over `N_SETS` sets.

    The sets have the size that the model was trained with, so that one cell more weighs as much as it did in training.
    """
    assert controls is not None  # the registry asks for them
    rng = np.random.default_rng(settings.seed)
    joined = bag.joined_by(controls)
    n_controls = min(max(1, bag.model.config.set_size - 1), len(controls))
    drawn = np.stack([bag.n_cells + rng.permutation(len(controls))[:n_controls] for _ in range(N_SETS)])
    without = joined.read(drawn).log_odds
    changes = np.empty((bag.n_cells, N_SETS))
    for start in range(0, bag.n_cells, CELLS_AT_ONCE):
        cells = np.arange(start, min(start + CELLS_AT_ONCE, bag.n_cells))
        sets = np.concatenate([np.repeat(cells, N_SETS)[:, None], np.tile(drawn, (len(cells), 1))], axis=1)
        changes[cells] = joined.read(sets).log_odds.reshape(-1, N_SETS) - without
    return Relevance(changes.mean(axis=1), changes.std(axis=1, ddof=1) / np.sqrt(N_SETS))
