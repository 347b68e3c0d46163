"""How far a score can be trusted: effective number of cells, intervals, place among the controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.settings import ScoringSettings

if TYPE_CHECKING:
    from napari_mid.inference.bag import Bag
    from napari_mid.inference.scoring import BagScore
    from napari_mid.model.reference import Reference

#: Bootstrap samples drawn where an interval is asked for.
REPLICATES = 400


@dataclass(frozen=True)
class Trust:
    """Figures that say how far a score can be trusted; NaN where one was not worked out or is not known.

    Parameters
    ----------
    sets_se
        Standard error of the score over its random sets: what another seed would change. 0 where one set holds all cells.
    effective_cells
        Number of equally relevant cells that would concentrate the relevance as much: the number of cells where all have the
        same relevance, 1 where one has it all.
    rank_stability
        Spearman correlation of the relevance over two halves of the random sets.
    training_distance
        Median distance of the cells from the model's training cells; the median training cell has 1.
    far_cells
        Share of the cells that lie farther than 95 % of the training cells: 0.05 where they are alike.
    networks_sd
        Standard deviation of the score over the networks of an ensemble: what another seed of the training would change.
    bootstrap_low, bootstrap_high
        95 % bootstrap interval of the score over cells.
    deletion_area, insertion_area
        Areas between the random order and the deletion curve, and between the insertion curve and the random order.
    """

    sets_se: float = math.nan
    effective_cells: float = math.nan
    rank_stability: float = math.nan
    training_distance: float = math.nan
    far_cells: float = math.nan
    networks_sd: float = math.nan
    bootstrap_low: float = math.nan
    bootstrap_high: float = math.nan
    deletion_area: float = math.nan
    insertion_area: float = math.nan


def trust_of(bag: BagScore, distances: NDArray[np.float64], reference: Reference | None) -> Trust:
    """The figures that come with every score, from what was worked out for it anyway.

    Parameters
    ----------
    bag
        The score.
    distances
        (N,) of the cells from the training cells, where there is a `reference`.
    reference
        Of the model, or None.
    """
    known = reference is not None and len(distances)
    return Trust(
        sets_se=sets_standard_error(bag.set_scores),
        effective_cells=effective_cells(bag.lift),
        rank_stability=bag.rank_stability,
        training_distance=float(np.median(distances)) if known else math.nan,
        far_cells=float((distances > reference.far).mean()) if reference is not None and known else math.nan,
        networks_sd=bag.networks_sd,
    )


def effective_cells(relevance: NDArray[np.float64]) -> float:
    """One over the sum of the squared shares of the (N,) unsigned `relevance` (inverse Simpson index); NaN for none.

    It counts the cells that weigh; the exponential of the entropy would count the many that hardly do, as well.
    """
    total = float(relevance.sum())
    if not len(relevance) or not total > 0:
        return math.nan
    shares = relevance / total
    return float(1 / (shares**2).sum())


def sets_standard_error(set_scores: NDArray[np.float64]) -> float:
    """Standard error of the mean of the scores (S,) of random sets; NaN for fewer than two."""
    return float(set_scores.std(ddof=1) / math.sqrt(len(set_scores))) if len(set_scores) > 1 else math.nan


def bootstrap_interval(bag: Bag, score: float, settings: ScoringSettings, replicates: int = REPLICATES) -> tuple[float, float]:
    """95 % interval of the `score` of a bag over cells: what other cells of the same well would have scored.

    Every replicate is one set of m cells drawn with replacement; m is N, or the set size where that is smaller (the m out of n
    bootstrap; Bickel, Goetze and van Zwet, Stat. Sinica 7 (1997) 1). The deviations from their mean shrink by sqrt(m / N).
    Fewer than four cells know no interval: it is (0, 1).
    """
    if bag.n_cells < 4:
        return 0.0, 1.0
    drawn = min(bag.n_cells, settings.set_size)
    rng = np.random.default_rng(settings.seed)
    scores = bag.read(rng.integers(0, bag.n_cells, (replicates, drawn))).probabilities[:, -1]
    low, high = np.percentile(scores - scores.mean(), [2.5, 97.5]) * math.sqrt(drawn / bag.n_cells)
    return max(0.0, score + float(low)), min(1.0, score + float(high))


def percentile_among(value: float, others: Sequence[float]) -> float:
    """Per cent of the `others` below `value`, those equal to it counting half; NaN where there are none."""
    known = np.array([other for other in others if not math.isnan(other)])
    if not len(known) or math.isnan(value):
        return math.nan
    return float(100 * ((known < value).mean() + (known == value).mean() / 2))
