"""Attention followed through all blocks, as lift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.bag import Bag
from napari_mid.inference.lift import lift_of
from napari_mid.inference.measures import Relevance
from napari_mid.inference.sets import draw_sets
from napari_mid.inference.settings import ScoringSettings

MEANING = "How much of the cell arrives at the answer through both attention blocks, against the average cell of its set (1)."
SIGNED = False
NEEDS_CONTROLS = False


def compute(bag: Bag, settings: ScoringSettings, controls: NDArray[np.float32] | None = None) -> Relevance:
    """Set size times the share in the rollout of the attention maps, averaged over the sets."""
    drawn = draw_sets(bag.n_cells, settings)
    half_shares = None if drawn.halves is None else bag.rollout(drawn.halves)
    lift = lift_of(bag.n_cells, drawn.sets, bag.rollout(drawn.sets), drawn.halves, half_shares)
    return Relevance(lift.mean, lift.standard_error)
