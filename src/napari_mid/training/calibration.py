"""One temperature for all scores, so that of the bags with a score of 0.8 about 80 % are positive (Guo et al., ICML 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Fewer bags tell too little about how sure a model may be.
FEWEST_BAGS = 10
#: Bounds of the temperature.
COLDEST, HOTTEST = 0.1, 10.0


def tempered(logits: Sequence[NDArray[np.float64]], temperature: float) -> NDArray[np.float64]:
    """Probabilities (N, K) of N bags from the logits (S, K) of their sets: the softmax, averaged over the sets."""
    found = []
    for of_sets in logits:
        scaled = of_sets / temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        found.append((powers / powers.sum(axis=1, keepdims=True)).mean(axis=0))
    return np.array(found)


def fit_temperature(logits: Sequence[NDArray[np.float64]], labels: NDArray[np.int64]) -> float | None:
    """The temperature with the least cross-entropy on bags that were not trained on; None for fewer than `FEWEST_BAGS`.

    Where a model tells all bags apart, the best temperature would be 0, and scores 0 or 1. As Platt does (Advances in Large
    Margin Classifiers (1999) 61), the truth of a class with n bags counts as (n + 1) / (n + K): what n right answers prove.

    Parameters
    ----------
    logits
        Of N bags, each (S, K) of its sets.
    labels
        (N,) numbers of the classes.
    """
    from scipy.optimize import minimize_scalar

    if len(labels) < FEWEST_BAGS or len(np.unique(labels)) < 2:
        return None
    n_classes = logits[0].shape[1]
    counts = np.bincount(labels, minlength=n_classes)[labels]
    truth = np.repeat(1 / (counts + n_classes)[:, None], n_classes, axis=1)
    truth[np.arange(len(labels)), labels] = (counts + 1) / (counts + n_classes)

    def loss(log_temperature: float) -> float:
        shares = np.clip(tempered(logits, float(np.exp(log_temperature))), 1e-12, 1.0)
        return -float((truth * np.log(shares)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def cross_fitted(
    logits: Sequence[NDArray[np.float64]], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Probabilities (N, K) of every bag with the temperature that the bags of the other `folds` (N,) give.

    None where one of these is not defined.
    """
    found = np.empty((len(labels), logits[0].shape[1]))
    for fold in np.unique(folds):
        others, here = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
        temperature = fit_temperature([logits[bag] for bag in others], labels[others])
        if temperature is None:
            return None
        found[here] = tempered([logits[bag] for bag in here], temperature)
    return found
