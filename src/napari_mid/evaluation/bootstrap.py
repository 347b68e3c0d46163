"""How sure is a metric? Percentile bootstrap over compounds, and two predictors compared on the same resamples.

The compound is what is drawn: all wells and doses of a compound are in a resample together, or not at all, since they are no
independent evidence. Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.weighted import METRICS, binary_metrics, why_undefined

Floats = NDArray[np.float64]

#: Resamples of which most must define a metric before it has an interval.
LEAST_DEFINED = 0.5
INTERVAL = (2.5, 97.5)
FEW_COMPOUNDS = "fewer than two compounds"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Parameters
    ----------
    value, low, high
        NaN where undefined.
    undefined
        Why there is no value or no interval, in words; empty where there are both.
    """

    value: float
    low: float
    high: float
    undefined: str = ""

    def as_dict(self) -> dict[str, float | str | None]:
        """For JSON, which has no NaN."""
        numbers: dict[str, float | str | None] = {
            name: value if math.isfinite(value) else None
            for name, value in (("value", self.value), ("low", self.low), ("high", self.high))
        }
        return {**numbers, "undefined": self.undefined} if self.undefined else numbers


@dataclass(frozen=True)
class Comparison:
    """Predictor minus reference in one metric, on the same resamples.

    Parameters
    ----------
    difference
        With its interval.
    p_value
        Two-sided: twice how often the resamples have the other sign, ties counting half; at least 1 / resamples.
    """

    difference: Estimate
    p_value: float


@dataclass(frozen=True)
class Scored:
    """Units with their truth and the scores of one predictor.

    Parameters
    ----------
    names
        (N,) of the units.
    compounds
        (N,) what is resampled together.
    truth
        (N,) whether it is positive.
    scores
        (N,) probability of the positive class, finite.
    """

    names: tuple[str, ...]
    compounds: tuple[str, ...]
    truth: NDArray[np.bool_]
    scores: Floats

    def __post_init__(self) -> None:
        sizes = {len(self.names), len(self.compounds), len(self.truth), len(self.scores)}
        if len(sizes) != 1:
            raise ValueError(f"names, compounds, truth and scores differ in length: {sorted(sizes)}")
        if not np.isfinite(self.scores).all():
            raise ValueError("scores must be finite; leave out what has none")

    def __len__(self) -> int:
        return len(self.names)

    def with_scores(self, scores: Floats) -> Scored:
        """The same units, scored by another predictor."""
        return Scored(self.names, self.compounds, self.truth, scores)


def resamples(compounds: Sequence[str], n: int, seed: int) -> Floats:
    """(n, N): how often each unit counts in `n` resamples of the compounds; the same seed gives the same ones."""
    names, group = np.unique(np.asarray(compounds, dtype=str), return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n) if len(names) else np.empty((n, 0))
    weights: Floats = counts[:, group].astype(float)
    return weights


def estimate(value: float, resampled: Floats, undefined: str = "", n_compounds: int | None = None) -> Estimate:
    """`value` with the percentile interval of its `resampled` values (B,), of which those that are NaN are passed over."""
    if not math.isfinite(value):
        return Estimate(math.nan, math.nan, math.nan, undefined or "not defined")
    if n_compounds is not None and n_compounds < 2:
        return Estimate(value, math.nan, math.nan, FEW_COMPOUNDS)
    defined = resampled[np.isfinite(resampled)]
    if len(defined) < LEAST_DEFINED * max(len(resampled), 1) or not len(defined):
        return Estimate(value, math.nan, math.nan, "most resamples do not define it")
    low, high = np.percentile(defined, INTERVAL)
    return Estimate(value, float(low), float(high))


def binary_estimates(scored: Scored, threshold: float, n_resamples: int, seed: int) -> dict[str, Estimate]:
    """All metrics of `scored` with intervals over its compounds."""
    if not len(scored):
        return {name: Estimate(math.nan, math.nan, math.nan, "there is nothing to count") for name in METRICS}
    point = binary_metrics(scored.truth, scored.scores, np.ones((1, len(scored))), threshold)
    spread = binary_metrics(scored.truth, scored.scores, resamples(scored.compounds, n_resamples, seed), threshold)
    n_compounds = len(set(scored.compounds))
    return {
        name: estimate(
            float(point[name][0]), spread[name], why_undefined(name, scored.truth, scored.scores, threshold), n_compounds
        )
        for name in METRICS
    }


def compare(
    predictor: Scored, reference: Scored, thresholds: tuple[float, float], n_resamples: int, seed: int
) -> Mapping[str, Comparison]:
    """`predictor` minus `reference`, two predictors of the same units, in every metric.

    `thresholds` are that of the predictor and that of the reference.
    """
    if predictor.names != reference.names or not np.array_equal(predictor.truth, reference.truth):
        raise ValueError("only predictors of the same units can be compared")
    weights = np.vstack([np.ones((1, len(predictor))), resamples(predictor.compounds, n_resamples, seed)])
    ours, theirs = (
        binary_metrics(one.truth, one.scores, weights, threshold)
        for one, threshold in zip((predictor, reference), thresholds, strict=True)
    )
    n_compounds = len(set(predictor.compounds))
    found = {}
    for name in METRICS:
        difference = ours[name] - theirs[name]
        undefined = why_undefined(name, predictor.truth, predictor.scores, thresholds[0]) or why_undefined(
            name, reference.truth, reference.scores, thresholds[1]
        )
        found[name] = Comparison(
            estimate(float(difference[0]), difference[1:], undefined, n_compounds), _p_value(difference[1:], n_compounds)
        )
    return found


def _p_value(differences: Floats, n_compounds: int) -> float:
    defined = differences[np.isfinite(differences)]
    if not len(defined) or n_compounds < 2:
        return math.nan
    above = (defined > 0).mean() + 0.5 * (defined == 0).mean()
    return float(max(min(1.0, 2 * min(above, 1 - above)), 1 / len(defined)))
