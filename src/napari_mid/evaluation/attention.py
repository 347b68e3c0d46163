"""Is relevance true? Measures of relevance as detectors of the cells that reacted, on plates whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_mid.evaluation.bootstrap import Estimate, estimate, resamples
from napari_mid.evaluation.weighted import auprc, auroc
from napari_mid.inference.bag import Bag
from napari_mid.inference.lift import CellMoments
from napari_mid.inference.sets import balanced_sets

Floats = NDArray[np.float64]

#: A located nucleus is the true one that is nearest, if it is nearer than this.
MATCH_UM = 6.0
#: A well needs so many responding and so many other cells for an AUROC.
FEWEST = 5
#: Cells in a set, and random sets, over which the paper's Figure 1 is drawn anew.
SET_SIZES = (1, 4, 12, 50, 100, 400)
SET_NUMBERS = (1, 10, 50, 200)
#: Columns of the positions, in the truth and in the tables of cells.
PLACE = ["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]
SITE, WELL = "Metadata_Site", "Metadata_Well"


@dataclass(frozen=True)
class MeasureFound:
    """A measure as a detector of responding cells, a mean over wells with intervals over compounds.

    Parameters
    ----------
    measure
        Its name.
    wells
        ``"called positive"`` or ``"not called positive"``; a measure without a sign may point at the healthy cells in the latter.
    n_wells, n_cells
        How many it rests on.
    auroc, auprc
        The latter beside `chance`, the share of responders.
    deletion, insertion
        Areas of the curves; 0 is random order.
    """

    measure: str
    wells: str
    n_wells: int
    n_cells: int
    auroc: Estimate
    auprc: Estimate
    chance: float
    deletion: float
    insertion: float


@dataclass(frozen=True)
class SweepPoint:
    """What sets of one size, and so many of them, find.

    Parameters
    ----------
    set_size, n_sets
        L and S.
    cells_auroc
        Attention as a detector of responding cells in wells called positive, among the cells that were in a set.
    units_auroc, units_balanced_accuracy
        Of the scores of the units.
    cells_in_set
        Mean number of cells in a set, less than L where wells have fewer.
    """

    set_size: int
    n_sets: int
    cells_auroc: float
    units_auroc: float
    units_balanced_accuracy: float
    cells_in_set: float


@dataclass(frozen=True)
class RelevanceTruth:
    """All that the truth of simulated plates says about relevance.

    Parameters
    ----------
    measures
        A row per measure and kind of well.
    sweep
        Against size and number of the sets.
    matched, located, true
        Located nuclei that are true ones; located ones; true ones.
    flat_controls, flat_positive
        Mean standard deviation of the relevance (attention, 1 is average) in negative controls and in wells called positive.
    """

    measures: tuple[MeasureFound, ...]
    sweep: tuple[SweepPoint, ...]
    matched: int
    located: int
    true: int
    flat_controls: float
    flat_positive: float


def match_truth(cells: pd.DataFrame, truth: pd.DataFrame, reach_px: float) -> NDArray[np.int64]:
    """(N,) row of `truth` for every one of the `cells` of a well, -1 for a cell that is none.

    A true cell counts once, for the located nucleus nearest to it.

    Parameters
    ----------
    cells
        With `PLACE` and ``Metadata_Site``.
    truth
        The true cells of the same well, with the same columns.
    reach_px
        A located nucleus farther from every true one is none of them.
    """
    found = np.full(len(cells), -1, dtype=np.int64)
    sites, true_sites = cells[SITE].to_numpy(), truth[SITE].to_numpy()
    for site in np.unique(sites):
        rows, true_rows = np.flatnonzero(sites == site), np.flatnonzero(true_sites == site)
        if not len(true_rows):
            continue
        tree = cKDTree(truth[PLACE].to_numpy(dtype=float)[true_rows])
        distance, nearest = tree.query(cells[PLACE].to_numpy(dtype=float)[rows], distance_upper_bound=reach_px)
        order = np.argsort(distance, kind="stable")
        order = order[np.isfinite(distance[order])]
        first = order[np.unique(nearest[order], return_index=True)[1]]
        found[rows[first]] = true_rows[nearest[first]]
    return found


def enough(responded: NDArray[np.bool_]) -> bool:
    """Whether a well has enough responding and other cells for an AUROC."""
    return min(int(responded.sum()), int((~responded).sum())) >= FEWEST


@dataclass(frozen=True)
class Detected:
    """A measure in one well: how well it finds the cells that responded."""

    compound: str
    n_cells: int
    auroc: float
    auprc: float
    chance: float
    deletion: float
    insertion: float


def detected(
    compound: str, responded: NDArray[np.bool_], values: Floats, deletion: float = math.nan, insertion: float = math.nan
) -> Detected:
    """`values` (N,) of a measure against `responded` (N,)."""
    ones = np.ones((1, len(values)))
    return Detected(
        compound,
        len(values),
        float(auroc(responded, values, ones)[0]),
        float(auprc(responded, values, ones)[0]),
        float(responded.mean()),
        deletion,
        insertion,
    )


def over_wells(measure: str, wells: str, found: Sequence[Detected], n_resamples: int, seed: int) -> MeasureFound:
    """The mean over wells, with intervals over the compounds."""
    if not found:
        none = Estimate(math.nan, math.nan, math.nan, "no such well has responders and others")
        return MeasureFound(measure, wells, 0, 0, none, none, math.nan, math.nan, math.nan)
    compounds = [each.compound for each in found]
    weights = resamples(compounds, n_resamples, seed)
    estimates = []
    for values in (np.array([each.auroc for each in found]), np.array([each.auprc for each in found])):
        means = weights @ values / weights.sum(axis=1)
        estimates.append(estimate(float(values.mean()), means, "", len(set(compounds))))
    deletion, insertion = _mean([each.deletion for each in found]), _mean([each.insertion for each in found])
    return MeasureFound(
        measure,
        wells,
        len(found),
        sum(each.n_cells for each in found),
        estimates[0],
        estimates[1],
        float(np.mean([each.chance for each in found])),
        deletion,
        insertion,
    )


def _mean(values: Sequence[float]) -> float:
    """Of those that are finite; NaN where none is."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan


@dataclass(frozen=True)
class Swept:
    """One well, read with sets of one size: the score and the lift of every cell after 1, 10, 50 and 200 of them.

    Parameters
    ----------
    scores
        Number of sets to the score.
    lifts
        Number of sets to (N,) set size times attention; NaN for a cell that was in none of them.
    cells_in_set
        Set size, or the number of cells where the well has fewer.
    """

    scores: Mapping[int, float]
    lifts: Mapping[int, Floats]
    cells_in_set: int


def swept(bag: Bag, set_size: int, numbers: Sequence[int] = SET_NUMBERS, seed: int = 0) -> Swept:
    """Read the cells of `bag` in sets of `set_size`; fewer sets are the first of more."""
    size = min(set_size, bag.n_cells)
    # one set holds all cells: every further one is the same
    n_sets = 1 if size == bag.n_cells else max(numbers)
    sets = balanced_sets(bag.n_cells, n_sets, size, np.random.default_rng(seed))
    read = bag.read(sets)
    lift = size * read.attention.mean(axis=1)
    scores, lifts = {}, {}
    for number in numbers:
        used = min(number, n_sets)
        moments = CellMoments(bag.n_cells)
        moments.add(sets[:used], lift[:used])
        scores[number] = float(read.probabilities[:used, -1].mean())
        lifts[number] = moments.mean()
    return Swept(scores, lifts, size)


def auroc_among_read(lift: Floats, responded: NDArray[np.bool_]) -> float:
    """AUROC of `lift` (N,) among the cells that were in a set; NaN where these are too few or of one kind."""
    read = np.isfinite(lift)
    if not enough(responded[read]):
        return math.nan
    return float(auroc(responded[read], lift[read], np.ones((1, int(read.sum()))))[0])
