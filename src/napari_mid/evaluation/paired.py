"""Two predictors of the same units: is one better, or would the other have been as often, had their scores been swapped?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, rankdata

from napari_mid.evaluation.bootstrap import Scored

Floats = NDArray[np.float64]
Metric = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: Random swaps behind a p value.
SWAPS = 2000


@dataclass(frozen=True)
class Paired:
    """Tests of a predictor against a reference, both two-sided; NaN where the units allow none.

    Parameters
    ----------
    only_right, only_reference
        Units that the predictor alone calls right, and that the reference alone does.
    mcnemar
        Exact p of these two numbers (McNemar, Psychometrika 12 (1947) 153); NaN where several units come from one compound, since
        they are no independent evidence.
    swap_auroc, swap_balanced_accuracy
        p of the differences when ranks, or calls, of the two are exchanged at random, whole compounds at a time (Bandos, Rockette
        and Gur, Stat Med 24 (2005) 2873).
    """

    only_right: int
    only_reference: int
    mcnemar: float
    swap_auroc: float
    swap_balanced_accuracy: float


def paired(predictor: Scored, reference: Scored, thresholds: tuple[float, float], seed: int, n: int = SWAPS) -> Paired:
    """Test `predictor` against `reference`; `thresholds` are that of the predictor and that of the reference."""
    if predictor.names != reference.names or not np.array_equal(predictor.truth, reference.truth):
        raise ValueError("only predictors of the same units can be compared")
    truth = predictor.truth
    calls = np.stack([predictor.scores >= thresholds[0], reference.scores >= thresholds[1]])
    right = calls == truth
    only, other = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    names, group = np.unique(np.asarray(predictor.compounds, dtype=str), return_inverse=True)
    if truth.all() or not truth.any() or len(names) < 2:
        return Paired(only, other, math.nan, math.nan, math.nan)
    # another scale of the scores must not matter, so that ranks are exchanged
    ranks = np.stack([rankdata(predictor.scores), rankdata(reference.scores)])
    swaps = np.random.default_rng(seed).random((n, len(names)))[:, group] < 0.5
    return Paired(
        only,
        other,
        mcnemar(only, other) if len(names) == len(truth) else math.nan,
        _swapped(ranks, swaps, lambda rows: _aurocs(truth, rows)),
        _swapped(calls.astype(float), swaps, lambda rows: _balanced(truth, rows)),
    )


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p that a fair coin falls as unevenly as `first` to `second`; 1 where both are 0."""
    if first + second == 0:
        return 1.0
    return float(min(1.0, 2 * binom.cdf(min(first, second), first + second, 0.5)))


def _swapped(both: Floats, swaps: NDArray[np.bool_], metric: Metric) -> float:
    """Give p of the difference in `metric` between the rows of `both` (2, N), exchanged where `swaps` (n, N) says so."""
    real = abs(metric(both[:1]) - metric(both[1:]))
    found = np.abs(metric(np.where(swaps, both[1], both[0])) - metric(np.where(swaps, both[0], both[1])))
    # as large but for rounding counts as large
    return float((1 + (found >= real - 1e-12).sum()) / (1 + len(swaps)))


def _aurocs(truth: NDArray[np.bool_], rows: Floats) -> Floats:
    """(n,) AUROC of every one of the `rows` (n, N), ties counting half."""
    n_positive = int(truth.sum())
    above = rankdata(rows, axis=1)[:, truth].sum(axis=1) - n_positive * (n_positive + 1) / 2
    areas: Floats = above / (n_positive * (len(truth) - n_positive))
    return areas


def _balanced(truth: NDArray[np.bool_], called: Floats) -> Floats:
    """(n,) balanced accuracy of the calls (n, N), 0 or 1."""
    balanced: Floats = (called[:, truth].mean(axis=1) + 1 - called[:, ~truth].mean(axis=1)) / 2
    return balanced
