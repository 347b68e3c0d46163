"""What scoring a well gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.inference.curves import Curves
from napari_mid.inference.trust import Trust

#: Columns of `WellResult.cells`, in order (interface.md, the CellProfiler convention).
CELL_COLUMNS = (
    "Metadata_Plate",
    "Metadata_Well",
    "Metadata_Site",
    "Nuclei_Location_Center_X",
    "Nuclei_Location_Center_Y",
    "Nuclei_AreaShape_Area",
    "touches_border",
    "attention",
    "relevance",
    "relevance_se",
    "rank",
    "percentile",
    "score_alone",
    "training_distance",
    "excluded",
    "sharpness",
    "out_of_focus",
)

NO_CELLS = "no cells"


@dataclass(frozen=True)
class WellResult:
    """The score of one well, and what it rests on.

    Parameters
    ----------
    plate, well
        The key.
    score, score_low, score_high
        Probability of the positive class, averaged over the sets, and its 95 % interval; NaN where there are no cells.
    call
        ``"positive"``, ``"negative"``, ``"no call"`` (`napari_mid.inference.calls.call_of` says when), or ``"no cells"``.
    classes
        The model's classes; the last one is the positive one.
    probabilities
        (K,) softmax averaged over the sets.
    cells
        A row per cell, columns `CELL_COLUMNS`, then those of further measures. ``rank`` 1 is the most relevant cell;
        ``training_distance`` is NaN where the model does not know its training embeddings. Cells that are ``excluded`` had no
        part in the score: their relevance is NaN and their rank 0. ``sharpness`` is that of `napari_mid.cells.focus`.
    embeddings
        (N, D) float32, one row per row of `cells`.
    set_scores
        (S,) positive-class probability of each random set.
    warnings
        One sentence each.
    model_name, model_hash, model_simulated
        Which model; `model_simulated` is True for the demo model, and said wherever the score is shown.
    settings
        Every setting the result came from.
    seconds
        Seconds per step.
    device
        For example ``"cpu"`` or ``"cuda:0 (NVIDIA H200)"``.
    call_reason
        Why it is called so, in a sentence.
    trust
        How far the score can be trusted.
    curves
        Deletion and insertion curves, where they were asked for.
    preliminary
        Whether the score rests on a few sets only, the final one being under way.
    """

    plate: str
    well: str
    score: float
    score_low: float
    score_high: float
    call: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    cells: pd.DataFrame
    embeddings: NDArray[np.float32]
    set_scores: NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    model_name: str = ""
    model_hash: str = ""
    model_simulated: bool = False
    condition: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    device: str = "cpu"
    call_reason: str = ""
    trust: Trust = field(default_factory=Trust)
    curves: Curves | None = None
    preliminary: bool = False

    @property
    def n_cells(self) -> int:
        """How many cells there are, those that are excluded among them."""
        return len(self.cells)

    @property
    def excluded(self) -> NDArray[np.bool_]:
        """(N,) which cells had no part in the score."""
        return self.cells["excluded"].to_numpy(dtype=bool)

    @property
    def interval(self) -> tuple[float, float]:
        """(score_low, score_high)."""
        return self.score_low, self.score_high
