"""From cached embeddings to the score of a bag: softmax averaged over random sets, attention per cell, interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mid.inference.result import NO_CELLS
from napari_mid.inference.sets import balanced_sets, set_shape
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

#: Tokens that go through the Transformer at once; bounds memory, does not change the result.
TOKENS_AT_ONCE = 16_384
#: 97.5 % quantile of the normal distribution, for 95 % intervals.
Z95 = 1.959964
#: Random halves of a bag with which the spread of its score is measured where one set holds all its cells.
N_HALVES = 50


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
    """
    n_cells = len(embeddings)
    n_sets, set_size = set_shape(n_cells, settings)
    rng = np.random.default_rng(settings.seed)
    on_device = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32)).to(model.device)
    if set_size == n_cells:
        probabilities, attention = _read(model, on_device, np.arange(n_cells)[None])
        probabilities = np.repeat(probabilities, n_sets, axis=0)
        lifts = _Moments(n_cells)
        lifts.add(np.arange(n_cells)[None], set_size * attention)
    else:
        sets = balanced_sets(n_cells, n_sets, set_size, rng)
        probabilities, attention = _read(model, on_device, sets)
        lifts = _Moments(n_cells)
        lifts.add(sets, set_size * attention)
    set_scores = probabilities[:, -1]
    lift_se = lifts.standard_error()
    subset_size, subset_scores = set_size, set_scores
    if set_size > n_cells // 2 and n_cells >= 4:
        subset_size = n_cells // 2
        halves = balanced_sets(n_cells, N_HALVES, subset_size, rng)
        half_probabilities, half_attention = _read(model, on_device, halves)
        subset_scores = half_probabilities[:, -1]
        if set_size == n_cells:
            half_lifts = _Moments(n_cells)
            half_lifts.add(halves, subset_size * half_attention)
            lift_se = half_lifts.standard_deviation() * math.sqrt(subset_size / (n_cells - subset_size))
    mean = probabilities.mean(axis=0)
    low, high = _interval(float(mean[-1]), subset_scores, subset_size, n_cells)
    alone, _ = _read(model, on_device, np.arange(n_cells)[:, None])
    lift = lifts.mean()
    return BagScore(mean, float(mean[-1]), low, high, set_scores, lift / set_size, lift, lift_se, alone[:, -1])


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


class _Moments:
    """Mean and spread per cell of values that come set by set."""

    def __init__(self, n_cells: int) -> None:
        self.count = np.zeros(n_cells)
        self.sum = np.zeros(n_cells)
        self.squares = np.zeros(n_cells)

    def add(self, sets: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        np.add.at(self.count, sets, 1)
        np.add.at(self.sum, sets, values)
        np.add.at(self.squares, sets, values**2)

    def mean(self) -> NDArray[np.float64]:
        return self.sum / self.count

    def standard_deviation(self) -> NDArray[np.float64]:
        """Per cell; NaN for a cell that was in one set only."""
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (self.squares - self.sum**2 / self.count) / (self.count - 1)
        deviation: NDArray[np.float64] = np.sqrt(
            np.maximum(variance, 0), where=self.count > 1, out=np.full(len(self.count), np.nan)
        )
        return deviation

    def standard_error(self) -> NDArray[np.float64]:
        return self.standard_deviation() / np.sqrt(self.count)
