"""Metrics of two classes for many weightings of the same units at once: what a bootstrap needs, in one pass.

A weighting says how often each unit counts, so a resample of compounds is a row of weights. Every metric is the usual one
(scikit-learn computes the same for one row, with ``sample_weight``); where the units do not define it, it is NaN, never 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

#: Metric to the words that a person reads.
METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "f1": "F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "ECE",
}
#: Those of which less is better.
LOWER_IS_BETTER = ("brier", "ece")
#: Bins of equal width from 0 to 1 in which scores are compared with how often they were right.
ECE_BINS = 10


def binary_metrics(truth: NDArray[np.bool_], scores: Floats, weights: Floats, threshold: float) -> dict[str, Floats]:
    """All `METRICS`, each (W,), of `scores` (N,) for every row of `weights` (W, N).

    Parameters
    ----------
    truth
        (N,) whether a unit is positive.
    scores
        (N,) probabilities of the positive class; a unit is called positive from `threshold` on.
    weights
        (W, N) how often each unit counts.
    """
    called = scores >= threshold
    tp, fp = weights @ (truth & called), weights @ (~truth & called)
    fn, tn = weights @ (truth & ~called), weights @ (~truth & ~called)
    total = tp + fp + fn + tn
    recall, specificity = _share(tp, tp + fn), _share(tn, tn + fp)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return {
        "accuracy": _share(tp + tn, total),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": _share(tp, tp + fp),
        "recall": recall,
        "specificity": specificity,
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "auroc": auroc(truth, scores, weights),
        "auprc": auprc(truth, scores, weights),
        "mcc": _share(tp * tn - fp * fn, np.sqrt(product)),
        "brier": _share(weights @ (scores - truth) ** 2, total),
        "ece": ece(truth.astype(float), scores, weights),
    }


def why_undefined(metric: str, truth: NDArray[np.bool_], scores: Floats, threshold: float) -> str:
    """Why `metric` has no value for these units, in words; empty where nothing speaks against one."""
    called = scores >= threshold
    if not len(truth):
        return "there is nothing to count"
    one_class = truth.all() or not truth.any()
    if metric in ("auroc", "auprc", "balanced_accuracy", "mcc") and one_class:
        return "all are positive" if truth.all() else "none is positive"
    if metric in ("recall", "f1") and not truth.any():
        return "none is positive"
    if metric == "specificity" and truth.all():
        return "all are positive"
    if metric == "precision" and not called.any():
        return "nothing is called positive"
    if metric == "mcc" and (called.all() or not called.any()):
        return "all are called the same"
    return ""


def auroc(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """(W,) probability that a positive unit scores higher than a negative one, ties counting half; NaN for one class."""
    positive, negative = _by_score(truth, scores, weights)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    return _share(wins, positive.sum(axis=1) * negative.sum(axis=1))


def auprc(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """(W,) average precision: the precision at every distinct score, weighted by the recall it adds; NaN for one class."""
    positive, negative = (part[:, ::-1] for part in _by_score(truth, scores, weights))
    hits = np.cumsum(positive, axis=1)
    # a score that no unit of a row has adds no recall, so that its precision does not matter
    precision = np.nan_to_num(_share(hits, hits + np.cumsum(negative, axis=1)))
    area = _share((precision * positive).sum(axis=1), positive.sum(axis=1))
    area[negative.sum(axis=1) == 0] = np.nan
    return area


def cells_auroc(truth: NDArray[np.bool_], scores: Floats) -> float:
    """AUROC of one weighting, each of the N once, by ranks: for many cells, where a table of distinct scores would not fit."""
    n_positive = int(truth.sum())
    if not 0 < n_positive < len(truth):
        return math.nan
    above = float(rankdata(scores)[truth].sum()) - n_positive * (n_positive + 1) / 2
    return above / (n_positive * (len(truth) - n_positive))


def cells_auprc(truth: NDArray[np.bool_], scores: Floats) -> float:
    """Average precision of one weighting, each of the N once, by sorting."""
    n_positive = int(truth.sum())
    if not 0 < n_positive < len(truth):
        return math.nan
    order = np.argsort(-scores, kind="stable")
    hits, last = np.cumsum(truth[order]), np.append(np.diff(scores[order]) != 0, True)
    at = np.flatnonzero(last)
    precision, gained = hits[at] / (at + 1), np.diff(hits[at], prepend=0)
    return float((precision * gained).sum() / n_positive)


def ece(right: Floats, confidence: Floats, weights: Floats, bins: int = ECE_BINS) -> Floats:
    """(W,) expected calibration error (Naeini et al., AAAI 2015): mean distance of `confidence` from how often it is `right`.

    Distances are those of the means of `bins` bins of equal width, weighted by the units in each.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    members = np.eye(bins)[place]  # (N, bins)
    gaps = np.abs((weights * (right - confidence)) @ members)
    return _share(gaps.sum(axis=1), weights.sum(axis=1))


def _by_score(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weights of the positive and of the negative units, each (W, U), at the U distinct scores from the lowest on."""
    distinct, place = np.unique(scores, return_inverse=True)
    members = np.zeros((len(scores), len(distinct)))
    members[np.arange(len(scores)), place] = 1.0
    return (weights * truth) @ members, (weights * ~truth) @ members


def _share(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole`, NaN where `whole` is 0."""
    share: Floats = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share
