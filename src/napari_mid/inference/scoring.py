"""From cached embeddings to the score of a bag: softmax averaged over random sets, attention per cell, interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mid.inference.bag import check_embeddings
from napari_mid.inference.lift import lift_of
from napari_mid.inference.result import NO_CELLS
from napari_mid.inference.sets import draw_sets
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

#: Tokens that go through the Transformer at once; bounds memory, does not change the result.
TOKENS_AT_ONCE = 16_384
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


@torch.inference_mode()
def score_bag(model: MidModel, embeddings: NDArray[np.float32], settings: ScoringSettings) -> BagScore:
    """Score the cells with `embeddings` (N, D), N >= 1, as one bag (mid.md, section 4).

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
    check_embeddings(model, embeddings)
    on_device = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32)).to(model.device)
    drawn = draw_sets(n_cells, settings)
    probabilities, attention = _read(model, on_device, drawn.sets)
    if len(drawn.sets) < drawn.n_sets:
        probabilities = np.repeat(probabilities, drawn.n_sets, axis=0)
    set_scores = probabilities[:, -1]
    subset_size, subset_scores = drawn.set_size, set_scores
    half_attention = None
    if drawn.halves is not None:
        subset_size = drawn.halves.shape[1]
        half_probabilities, half_attention = _read(model, on_device, drawn.halves)
        subset_scores = half_probabilities[:, -1]
    lift = lift_of(n_cells, drawn.sets, attention, drawn.halves, half_attention)
    mean = probabilities.mean(axis=0)
    low, high = _interval(float(mean[-1]), subset_scores, subset_size, n_cells)
    alone, _ = _read(model, on_device, np.arange(n_cells)[:, None])
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
        alone=alone[:, -1],
    )


def call_of(score: float, low: float, high: float, threshold: float) -> str:
    """``"positive"``, ``"negative"``, ``"no call"`` where the interval straddles the threshold, or ``"no cells"``."""
    if math.isnan(score):
        return NO_CELLS
    if low >= threshold:
        return "positive"
    return "negative" if high < threshold else "no call"


def _read(model: MidModel, embeddings: Tensor, sets: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Softmax (S, K) and attention, mean over heads, (S, L) of the `sets` (S, L) of cells."""
    probabilities, attentions = [], []
    at_once = max(1, TOKENS_AT_ONCE // (sets.shape[1] + 1))
    for start in range(0, len(sets), at_once):
        chosen = torch.from_numpy(sets[start : start + at_once]).to(embeddings.device)
        logits, attention = model.read_sets(embeddings[chosen])
        probabilities.append(torch.softmax(logits.double() / model.config.temperature, dim=-1).cpu().numpy())
        attentions.append(attention.double().mean(dim=1).cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(attentions)


def _interval(score: float, subset_scores: NDArray[np.float64], subset_size: int, n_cells: int) -> tuple[float, float]:
    if subset_size >= n_cells or len(subset_scores) < 2:
        return 0.0, 1.0  # too few cells to know anything about their spread
    spread = Z95 * float(subset_scores.std(ddof=1)) * math.sqrt(subset_size / (n_cells - subset_size))
    return max(0.0, score - spread), min(1.0, score + spread)
