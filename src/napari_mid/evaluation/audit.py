"""Shortcut audit: does the score, or the relevance, go with something that a model should not have learned from?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from napari_mid.evaluation.bootstrap import Estimate, estimate, resamples

Floats = NDArray[np.float64]

#: Correlation, its interval apart from 0, from which a person is told.
STRONG = 0.5
#: What a simulated plate may have been drawn with, to see whether it is found: cells, or their share in a well.
ARTEFACT = "the planted artefact"
#: A correlation needs so many wells or cells.
FEWEST = 4


@dataclass(frozen=True)
class Association:
    """How a score or relevance goes with one property.

    Parameters
    ----------
    what, among
        The property, and the wells or cells.
    correlation
        Spearman's, with its interval over compounds.
    n
        Wells.
    """

    what: str
    among: str
    correlation: Estimate
    n: int

    @property
    def apart(self) -> bool:
        """Whether its interval leaves out 0."""
        return self.correlation.low > 0 or self.correlation.high < 0

    @property
    def strong(self) -> bool:
        """Whether it should be told: large, and not by chance."""
        return abs(self.correlation.value) >= STRONG and self.apart


def spearman_rows(first: Floats, second: Floats, weights: Floats) -> Floats:
    """(R,) rank correlation of two lists (W,) for every row of `weights` (R, W); NaN where one of them is constant.

    Ranks are those among all W; drawing a well twice does not change the others' order, so they need not be worked out again.
    """
    a, b = rankdata(first), rankdata(second)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_a, mean_b = weights @ a / total, weights @ b / total
        cov = weights @ (a * b) / total - mean_a * mean_b
        var = (weights @ a**2 / total - mean_a**2) * (weights @ b**2 / total - mean_b**2)
        found = cov / np.sqrt(var)
    found[~(var > 1e-9)] = np.nan
    rows: Floats = np.clip(found, -1, 1)
    return rows


def score_associations(
    scores: Floats,
    properties: Mapping[str, Floats],
    compounds: Sequence[str],
    positive: NDArray[np.bool_],
    n_resamples: int,
    seed: int,
) -> list[Association]:
    """How the `scores` of wells (W,) go with their `properties` (W,): among all of them, and among the negative ones alone.

    Among all, a property may go with the score because compounds change it: toxic ones kill cells. Among the negative ones there
    is nothing for the score to find, so that what goes with it there is a shortcut or chance.
    """
    found = []
    for what, values in properties.items():
        for among, chosen in (("all wells", np.ones(len(scores), dtype=bool)), ("negative wells", ~positive)):
            chosen = chosen & np.isfinite(values) & np.isfinite(scores)
            found.append(_association(what, among, scores, values, np.asarray(compounds, dtype=str), chosen, n_resamples, seed))
    return found


def _association(
    what: str,
    among: str,
    scores: Floats,
    values: Floats,
    compounds: NDArray[np.str_],
    chosen: NDArray[np.bool_],
    n_resamples: int,
    seed: int,
) -> Association:
    n = int(chosen.sum())
    if n < FEWEST:
        return Association(what, among, Estimate(math.nan, math.nan, math.nan, f"fewer than {FEWEST} wells"), n)
    names = compounds[chosen].tolist()
    weights = np.vstack([np.ones((1, n)), resamples(names, n_resamples, seed)])
    rows = spearman_rows(scores[chosen], values[chosen], weights)
    return Association(what, among, estimate(float(rows[0]), rows[1:], "it is the same everywhere", len(set(names))), n)


def relevance_associations(
    per_well: Mapping[str, Sequence[float]], compounds: Sequence[str], n_resamples: int, seed: int
) -> list[Association]:
    """How relevance goes with properties of cells: the mean over wells of the correlation within each, with its interval.

    Parameters
    ----------
    per_well
        Property to the correlation in every well, NaN where a well has none.
    compounds
        Of the wells.
    """
    found = []
    for what, values in per_well.items():
        correlation = np.asarray(values, dtype=float)
        known = np.isfinite(correlation)
        n, names = int(known.sum()), [name for name, there in zip(compounds, known, strict=True) if there]
        if not n:
            found.append(Association(what, "cells of a well", Estimate(math.nan, math.nan, math.nan, "no well tells"), 0))
            continue
        weights = resamples(names, n_resamples, seed)
        means = weights @ correlation[known] / weights.sum(axis=1)
        mean = float(correlation[known].mean())
        found.append(Association(what, "cells of a well", estimate(mean, means, "", len(set(names))), n))
    return found


def sentence(association: Association, subject: str) -> str:
    """What a strong association means, in one sentence."""
    value = association.correlation
    more = "rises" if value.value > 0 else "falls"
    start = (
        f"The {subject} {more} with {association.what} (Spearman {value.value:+.2f}, {value.low:+.2f} to {value.high:+.2f}, "
        f"{association.among}, {association.n} wells)"
    )
    if association.among == "negative wells":
        return f"{start}: the compounds do nothing there, so the property itself, or what goes with it, moves the score."
    if association.among == "all wells":
        return f"{start}: it may be what the compounds do, or a shortcut; the negative wells and the baselines tell which."
    return f"{start}: look at such cells in the gallery."


def neighbours(centres: Floats, reach: float) -> Floats:
    """(N,) number of other cells within `reach` of each of the `centres` (N, 2)."""
    from scipy.spatial import cKDTree

    if not len(centres):
        return np.empty(0)
    tree = cKDTree(centres)
    count: Floats = tree.query_ball_point(centres, reach, return_length=True).astype(float) - 1
    return count
