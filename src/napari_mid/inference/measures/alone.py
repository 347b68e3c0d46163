"""What the model says of the cell as a set of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.bag import Bag
from napari_mid.inference.measures import Relevance
from napari_mid.inference.settings import ScoringSettings

MEANING = "Log-odds of the positive class when the model sees this cell alone: above 0 it looks positive by itself."
SIGNED = True
NEEDS_CONTROLS = False


def compute(bag: Bag, settings: ScoringSettings, controls: NDArray[np.float32] | None = None) -> Relevance:
    """Log-odds of every cell as a set of one."""
    return Relevance(bag.read(np.arange(bag.n_cells)[:, None]).log_odds)
