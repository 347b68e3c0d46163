"""Metrics of three classes or more: macro means over the classes, one class against the rest where a curve needs two."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.bootstrap import Estimate, estimate, resamples
from napari_mid.evaluation.weighted import auprc, auroc, ece

Floats = NDArray[np.float64]

#: Metric to the words that a person reads.
MULTICLASS_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "precision (macro)",
    "macro_f1": "F1 (macro)",
    "macro_auroc": "AUROC (one against the rest, macro)",
    "macro_auprc": "AUPRC (one against the rest, macro)",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "ECE",
}


def multiclass_metrics(truth: NDArray[np.int64], probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    """All `MULTICLASS_METRICS`, each (W,), for every row of `weights` (W, N).

    A macro mean is NaN where a class has no unit, or, for precision, where nothing is called so: it is not the mean of those that
    happen to be defined, which would be another metric.

    Parameters
    ----------
    truth
        (N,) numbers of the classes.
    probabilities
        (N, K); the call is the most probable class.
    weights
        (W, N) how often each unit counts.
    """
    n_classes = probabilities.shape[1]
    called = probabilities.argmax(axis=1)
    one_hot = np.eye(n_classes)[truth]
    confusion = np.einsum("wn,nt,nc->wtc", weights, one_hot, np.eye(n_classes)[called])
    hits, true, said = np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(axis=2), confusion.sum(axis=1)
    total = confusion.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        # the correlation of K classes, Gorodkin, Comput Biol Chem 28 (2004) 367
        covariance = hits.sum(axis=1) * total - (true * said).sum(axis=1)
        spread = np.sqrt(total**2 - (said**2).sum(axis=1)) * np.sqrt(total**2 - (true**2).sum(axis=1))
        found = {
            "accuracy": hits.sum(axis=1) / total,
            "balanced_accuracy": (hits / true).mean(axis=1),
            "macro_precision": (hits / said).mean(axis=1),
            "macro_f1": (2 * hits / (true + said)).mean(axis=1),
            "macro_auroc": np.mean([auroc(truth == k, probabilities[:, k], weights) for k in range(n_classes)], axis=0),
            "macro_auprc": np.mean([auprc(truth == k, probabilities[:, k], weights) for k in range(n_classes)], axis=0),
            "mcc": np.where(spread > 0, covariance / spread, np.nan),
            "brier": weights @ ((probabilities - one_hot) ** 2).sum(axis=1) / total,
        }
    found["ece"] = ece((called == truth).astype(float), probabilities.max(axis=1), weights)
    return found


def multiclass_estimates(
    truth: NDArray[np.int64], probabilities: Floats, compounds: Sequence[str], n_resamples: int, seed: int
) -> dict[str, Estimate]:
    """All metrics with intervals over the compounds."""
    if not len(truth):
        return {name: Estimate(math.nan, math.nan, math.nan, "there is nothing to count") for name in MULTICLASS_METRICS}
    point = multiclass_metrics(truth, probabilities, np.ones((1, len(truth))))
    spread = multiclass_metrics(truth, probabilities, resamples(compounds, n_resamples, seed))
    absent = "a class has no unit, or nothing is called so"
    n_compounds = len(set(compounds))
    return {name: estimate(float(point[name][0]), spread[name], absent, n_compounds) for name in MULTICLASS_METRICS}
