"""From cached embeddings to the score of a bag: softmax averaged over random sets, attention per cell, interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.bag import Bag, Readings
from napari_mid.inference.lift import lift_of
from napari_mid.inference.sets import draw_sets
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

#: Sets that are read before an early stop, at least; every cell is in two of them.
FEWEST_SETS = 10
#: 97.5 % quantile of the normal distribution, for 95 % intervals.
Z95 = 1.959964


@dataclass(frozen=True)
class BagScore:
    """Score of a bag of N cells.

    Parameters
    ----------
    probabilities
        (K,) softmax averaged over the sets.
    score, score_low, score_high
        Probability of the last class and its 95 % interval over cells.
    set_scores
        (S,) probability of the last class in each set.
    attention, lift, lift_se
        (N,) attention averaged over the sets that the cell was in; the same times L; the standard error of the latter.
    rank_stability
        Spearman correlation of the lifts of two halves of the sets; NaN for fewer than 4 cells.
    alone
        (N,) probability of the last class for the cell as a set of one.
    networks_sd
        Standard deviation of the score over the networks of an ensemble; NaN where there is one only.
    """

    probabilities: NDArray[np.float64]
    score: float
    score_low: float
    score_high: float
    set_scores: NDArray[np.float64]
    attention: NDArray[np.float64]
    lift: NDArray[np.float64]
    lift_se: NDArray[np.float64]
    rank_stability: float
    alone: NDArray[np.float64]
    networks_sd: float


def score_bag(
    model: MidModel, embeddings: NDArray[np.float32], settings: ScoringSettings, alone: NDArray[np.float64] | None = None
) -> BagScore:
    """Score the cells with `embeddings` (N, D), N >= 1, as one bag (mid.md, section 4).

    Parameters
    ----------
    model, embeddings, settings
        What is scored, and how.
    alone
        (N,) scores of the cells as sets of one, where they are known from before.

    Notes
    -----
    The interval is that of the cells: another sample of N cells of the same well would score within it 19 times of 20. The
    variance of N cells is m / (N - m) of that of the subsets of m cells (delete-d jackknife; Shao and Wu, Ann. Stat. 17 (1989)
    1176). For large bags the sets themselves are the subsets, else random halves are read as well.
    Where one set holds all cells, every set is the same and is read once; the spread of the lift comes from the halves, too.

    Raises
    ------
    ModelError
        If an embedding is not of finite numbers.
    """
    n_cells = len(embeddings)
    bag = Bag(model, embeddings, settings.precision)
    drawn = draw_sets(n_cells, settings)
    probabilities, attention, network_scores = _read(bag, drawn.sets, settings.stop_at_se)
    sets = drawn.sets[: len(probabilities)]
    if len(drawn.sets) < drawn.n_sets:  # one set holds all cells: every set is that one
        probabilities = np.repeat(probabilities, drawn.n_sets, axis=0)
    set_scores = probabilities[:, -1]
    subset_size, subset_scores = drawn.set_size, set_scores
    half_attention = None
    if drawn.halves is not None:
        subset_size = drawn.halves.shape[1]
        half_probabilities, half_attention, _ = _read(bag, drawn.halves)
        subset_scores = half_probabilities[:, -1]
    lift = lift_of(n_cells, sets, attention, drawn.halves, half_attention)
    mean = probabilities.mean(axis=0)
    low, high = interval_of(float(mean[-1]), subset_scores, subset_size, n_cells)
    if alone is None:
        alone = bag.read(np.arange(n_cells)[:, None]).probabilities[:, -1]
    return BagScore(
        probabilities=mean,
        score=float(mean[-1]),
        score_low=low,
        score_high=high,
        set_scores=set_scores,
        attention=lift.mean / drawn.set_size,
        lift=lift.mean,
        lift_se=lift.standard_error,
        rank_stability=lift.stability,
        alone=alone,
        networks_sd=float(network_scores.mean(axis=1).std(ddof=1)) if len(network_scores) > 1 else math.nan,
    )


def _read(
    bag: Bag, sets: NDArray[np.int64], stop_at_se: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read the `sets` (S, L), or the first ones where these are enough.

    Returns
    -------
    tuple
        Softmax (S, K); attention, mean over heads, (S, L); and the score of each network (M, S).
    """
    every = len(sets) if stop_at_se is None else max(FEWEST_SETS, math.ceil(2 * bag.n_cells / sets.shape[1]))
    readings: list[Readings] = []
    scores = np.empty(0)
    while len(scores) < len(sets):
        readings.append(bag.read(sets[len(scores) : len(scores) + every]))
        scores = np.concatenate([scores, readings[-1].probabilities[:, -1]])
        error = float(scores.std(ddof=1)) / math.sqrt(len(scores)) if len(scores) > 1 else math.inf
        if stop_at_se is not None and error < stop_at_se:
            break
        # each cell is in the balanced sets equally often after as many sets as hold them all
        every = max(1, math.ceil(bag.n_cells / sets.shape[1]))
    return (
        np.concatenate([read.probabilities for read in readings]),
        np.concatenate([read.attention.mean(axis=1) for read in readings]),
        np.concatenate([read.network_scores for read in readings], axis=1),
    )


def interval_of(score: float, subset_scores: NDArray[np.float64], subset_size: int, n_cells: int) -> tuple[float, float]:
    """The 95 % interval of a `score` over its `n_cells` cells, from the scores of subsets of them; see `score_bag`."""
    if subset_size >= n_cells or len(subset_scores) < 2:
        return 0.0, 1.0  # too few cells to know anything about their spread
    spread = Z95 * float(subset_scores.std(ddof=1)) * math.sqrt(subset_size / (n_cells - subset_size))
    return max(0.0, score - spread), min(1.0, score + spread)
