"""What the model makes of a single cell: the score without it, and which part of its slice speaks for the positive class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_mid.progress import Progress, Steps

if TYPE_CHECKING:
    from napari_mid.inference.bag import Bag
    from napari_mid.inference.settings import ScoringSettings
    from napari_mid.model.network import MidModel

#: Random sets that the cell is taken out of, and the most cells of each: what one cell changes is small in a large set.
SETS, LARGEST_SET = 16, 128
#: Edge of the square that is covered, and the step from one to the next, as parts of the slice's edge.
COVER_PART, STEP_PART = 1 / 6, 1 / 12
#: Covered slices that are encoded between two looks at whether to go on.
AT_ONCE = 32


@dataclass(frozen=True)
class LeftOut:
    """What a set loses without a cell: log-odds of the positive class with it minus those without it, over random sets.

    Parameters
    ----------
    change, standard_error
        Mean, and its standard error over the sets; NaN where it cannot be told.
    set_size
        Cells of a set.
    """

    change: float
    standard_error: float
    set_size: int


def leave_one_out(bag: Bag, cell: int, settings: ScoringSettings) -> LeftOut:
    """Read random sets of `bag` that hold `cell` with it and without it; the same seed gives the same numbers."""
    size = min(bag.n_cells, settings.set_size, LARGEST_SET)
    if size < 2:
        return LeftOut(math.nan, math.nan, size)
    rng = np.random.default_rng((settings.seed, cell))
    others = np.delete(np.arange(bag.n_cells), cell)
    n_sets = 1 if size == bag.n_cells else SETS
    without = np.stack([rng.choice(others, size - 1, replace=False) for _ in range(n_sets)])
    with_cell = np.column_stack([without, np.full(n_sets, cell)])
    changes = bag.read(with_cell).log_odds - bag.read(without).log_odds
    error = float(changes.std(ddof=1) / math.sqrt(n_sets)) if n_sets > 1 else math.nan
    return LeftOut(float(changes.mean()), error, size)


def saliency_steps(model: MidModel, planes: NDArray[np.float32]) -> Steps[NDArray[np.float64]]:
    """Cover the slice of a cell square by square, and see what the score of the cell alone loses.

    Parameters
    ----------
    planes
        (C, S, S) from 0 to 1, as the model sees them.

    Returns
    -------
    NDArray
        (S, S) log-odds of the positive class of the cell as a set of one minus those with the square covered, mean over the
        squares that cover the pixel. Above 0: what lies there speaks for the positive class. A square is covered with the median
        of the channel (occlusion; Zeiler and Fergus, ECCV 2014).
    """
    import torch

    from napari_mid.inference.bag import Bag

    size = planes.shape[-1]
    cover, step = max(1, round(size * COVER_PART)), max(1, round(size * STEP_PART))
    starts = sorted({*range(0, max(1, size - cover), step), size - cover})
    corners = [(top, left) for top in starts for left in starts]
    fill = np.median(planes, axis=(1, 2))[:, None, None]
    covered = np.repeat(planes[None], len(corners) + 1, axis=0)
    for number, (top, left) in enumerate(corners):
        covered[number, :, top : top + cover, left : left + cover] = fill
    parts = []
    for start in range(0, len(covered), AT_ONCE):
        yield Progress("covering parts of the cell", start, len(covered))
        with torch.inference_mode():
            parts.append(model.encode(torch.from_numpy(covered[start : start + AT_ONCE]).to(model.device)).float().cpu().numpy())
    odds = Bag(model, np.concatenate(parts)).read(np.arange(len(covered))[:, None]).log_odds
    total, times = np.zeros((size, size)), np.zeros((size, size))
    for (top, left), fall in zip(corners, odds[-1] - odds[:-1], strict=True):
        total[top : top + cover, left : left + cover] += fall
        times[top : top + cover, left : left + cover] += 1
    return total / times
