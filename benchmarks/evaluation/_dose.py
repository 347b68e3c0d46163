"""A sigmoid through scores against dose, and the interval of its EC50."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]

#: Slopes of a dose response that occur; steeper ones cannot be told apart at twofold doses.
SLOPES = (0.3, 6.0)
#: EC50 may lie so many times below the lowest dose, or above the highest.
BEYOND = 4.0


@dataclass(frozen=True)
class Sigmoid:
    """``low + (high - low) / (1 + (ec50 / dose) ** slope)``."""

    low: float
    high: float
    ec50: float
    slope: float

    def __call__(self, dose: Floats) -> Floats:
        """The scores at `dose` (N,)."""
        found: Floats = self.low + (self.high - self.low) / (1 + (self.ec50 / dose) ** self.slope)
        return found


@dataclass(frozen=True)
class Fitted:
    """A sigmoid and the 95 % bootstrap interval of its EC50, in the unit of the doses, no narrower than the doses can tell."""

    curve: Sigmoid
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"ec50": self.curve.ec50, "ec50_low": self.low, "ec50_high": self.high, "slope": self.curve.slope}


def fit_sigmoid(dose: Floats, score: Floats) -> Sigmoid:
    """Least squares over the wells (N,), from several slopes, the best of them."""
    spread = max(float(np.ptp(score)), 1e-9)
    low, high = math.log(dose.min() / BEYOND), math.log(dose.max() * BEYOND)
    bounds = (
        [score.min() - spread, score.min() - spread, low, math.log(SLOPES[0])],
        [score.max() + spread, score.max() + spread, high, math.log(SLOPES[1])],
    )

    def curve(p: Floats) -> Sigmoid:
        return Sigmoid(float(p[0]), float(p[1]), math.exp(p[2]), math.exp(p[3]))

    lowest, highest = (score[dose == edge].mean() for edge in (dose.min(), dose.max()))
    middle = dose[np.argmin(np.abs(score - (lowest + highest) / 2))]
    starts = [[lowest, highest, math.log(middle), math.log(slope)] for slope in (1.0, 3.0)]
    fits = [least_squares(lambda p: (curve(p)(dose) - score) / spread, start, bounds=bounds) for start in starts]
    return curve(min(fits, key=lambda fit: fit.cost).x)


def fit_with_interval(dose: Floats, score: Floats, seed: int = 0, n: int = 300) -> Fitted:
    """The sigmoid of all wells, and the interval of its EC50 when the wells of every dose are drawn again."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(dose == value) for value in np.unique(dose)]
    found = []
    for _ in range(n):
        drawn = np.concatenate([rng.choice(rows, len(rows)) for rows in members])
        found.append(fit_sigmoid(dose[drawn], score[drawn]).ec50)
    low, high = np.percentile(found, (2.5, 97.5))
    curve = fit_sigmoid(dose, score)
    if curve.slope > 0.99 * SLOPES[1]:
        # scores jump from one dose to the next: the EC50 may lie anywhere between, and resamples all jump at the same place
        low = min([low, *np.sort(dose[dose < curve.ec50])[-1:]])
        high = max([high, *np.sort(dose[dose > curve.ec50])[:1]])
    return Fitted(curve, float(low), float(high))
