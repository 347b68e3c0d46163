"""Attention of the last block, as lift: what the paper shows (mid.md, section 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.bag import Bag
from napari_mid.inference.lift import lift_of
from napari_mid.inference.measures import Relevance
from napari_mid.inference.sets import draw_sets
from napari_mid.inference.settings import ScoringSettings

MEANING = "How much the model looked at the cell, against the average cell of its set (1); it does not say for or against."
SIGNED = False
NEEDS_CONTROLS = False


def compute(bag: Bag, settings: ScoringSettings, controls: NDArray[np.float32] | None = None) -> Relevance:
    """Set size times attention, mean over heads, averaged over the sets."""
    drawn = draw_sets(bag.n_cells, settings)
    attention = bag.read(drawn.sets).attention.mean(axis=1)
    half_attention = None if drawn.halves is None else bag.read(drawn.halves).attention.mean(axis=1)
    lift = lift_of(bag.n_cells, drawn.sets, attention, drawn.halves, half_attention)
    return Relevance(lift.mean, lift.standard_error)


def per_head(bag: Bag, settings: ScoringSettings) -> NDArray[np.float64]:
    """The lift (N, H) of every cell in every head of the last block; its mean over the heads is the value of `compute`."""
    sets = draw_sets(bag.n_cells, settings).sets
    attention = bag.read(sets).attention  # (S, H, L)
    return np.stack([lift_of(bag.n_cells, sets, attention[:, head]).mean for head in range(attention.shape[1])], axis=1)
