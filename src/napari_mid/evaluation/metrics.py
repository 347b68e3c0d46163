"""Metrics of scores, each with the unit it counts and, where it is a share, its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_mid.inference.scoring import Z95


def z_prime(positive: ArrayLike, negative: ArrayLike) -> float:
    """Z' = 1 - 3 (sd+ + sd-) / |mean+ - mean-| between the scores of control wells (Zhang et al., J Biomol Screen 4 (1999) 67).

    NaN where a group has fewer than two wells; minus infinity where the means are equal.
    """
    plus, minus = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    if len(plus) < 2 or len(minus) < 2:
        return math.nan
    distance = abs(float(plus.mean() - minus.mean()))
    spread = float(plus.std(ddof=1) + minus.std(ddof=1))
    return 1 - 3 * spread / distance if distance else -math.inf


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, JASA 22 (1927) 209): 29 of 32 is 0.76 to 0.97."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def classification_metrics(is_positive: Sequence[bool], scores: Sequence[float], threshold: float, unit: str) -> dict[str, Any]:
    """Accuracy with its interval, balanced accuracy and AUROC of `scores`, counting `unit` (compounds, wells).

    A metric that the data do not define, such as the AUROC of one class, is None.
    """
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    truth, values = np.asarray(is_positive, dtype=bool), np.asarray(scores, dtype=float)
    called = values >= threshold
    right = int((called == truth).sum())
    both = truth.any() and not truth.all()
    low, high = wilson_interval(right, len(truth))
    return {
        "unit": unit,
        "n": len(truth),
        "n_positive": int(truth.sum()),
        "accuracy": right / len(truth) if len(truth) else None,
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": float(balanced_accuracy_score(truth, called)) if both else None,
        "auroc": float(roc_auc_score(truth, values)) if both else None,
    }
