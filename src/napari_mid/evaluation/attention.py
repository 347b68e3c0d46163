"""Is relevance true? Measures of relevance as detectors of the cells that reacted, on plates whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_mid.evaluation.bootstrap import Estimate, estimate, resamples
from napari_mid.evaluation.weighted import cells_auprc, cells_auroc
from napari_mid.inference.bag import Bag
from napari_mid.inference.lift import CellMoments
from napari_mid.inference.sets import balanced_sets
from napari_mid.inference.trust import effective_cells

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
    pooled_auroc, pooled_auprc, pooled_chance
        The same over all cells of these wells taken together, where a value must mean the same in every well.
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
    pooled_auroc: float = math.nan
    pooled_auprc: float = math.nan
    pooled_chance: float = math.nan


@dataclass(frozen=True)
class Flatness:
    """How unequal the relevance (attention; 1 is average) is in wells of one kind, a mean over them.

    Parameters
    ----------
    wells
        Which ones.
    n_wells
        How many.
    spread, largest
        Standard deviation and maximum over the cells of a well.
    effective
        Share of the cells that would carry the relevance as evenly; 1 where all cells have the same.
    """

    wells: str
    n_wells: int
    spread: float
    largest: float
    effective: float


@dataclass(frozen=True)
class SweepPoint:
    """What sets of one size, and so many of them, find.

    Parameters
    ----------
    set_size, n_sets
        L and S.
    cells_auroc
        Attention as a detector of responding cells in wells called positive, among the cells that were in a set; NaN where no
        truth is known.
    n_wells
        Behind it.
    units_auroc, units_balanced_accuracy
        Of the scores of the units, with intervals over compounds.
    cells_in_set
        Mean number of cells in a set, less than L where wells have fewer.
    """

    set_size: int
    n_sets: int
    cells_auroc: float
    n_wells: int
    units_auroc: Estimate
    units_balanced_accuracy: Estimate
    cells_in_set: float

    def row(self) -> dict[str, float]:
        """As a row of a table."""
        found: dict[str, float] = {"set_size": self.set_size, "n_sets": self.n_sets, "cells_in_set": self.cells_in_set}
        found |= {"cells_auroc": self.cells_auroc, "n_wells": self.n_wells}
        for name in ("units_auroc", "units_balanced_accuracy"):
            each: Estimate = getattr(self, name)
            found |= {name: each.value, f"{name}_low": each.low, f"{name}_high": each.high}
        return found


@dataclass(frozen=True)
class RelevanceTruth:
    """All that the truth of simulated plates says about relevance.

    Parameters
    ----------
    measures
        A row per measure and kind of well.
    matched, located, true
        Located nuclei that are true ones; located ones; true ones.
    flatness
        Of the wells in which no cell responded, and of those called positive.
    wells
        Every measure in every well that is judged.
    """

    measures: tuple[MeasureFound, ...]
    matched: int
    located: int
    true: int
    flatness: tuple[Flatness, ...]
    wells: tuple[Detected, ...]


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
    """A measure in one well: how well it finds the cells that responded.

    Parameters
    ----------
    plate, well, compound
        Where.
    measure, wells
        Its name, and the kind of well.
    responded, values
        (N,) of the cells whose truth is known.
    deletion, insertion
        Areas of the curves; NaN where they were not drawn.
    """

    plate: str
    well: str
    compound: str
    measure: str
    wells: str
    responded: NDArray[np.bool_]
    values: Floats
    deletion: float = math.nan
    insertion: float = math.nan

    @cached_property
    def auroc(self) -> float:
        """Of the values as a detector of the responders."""
        return cells_auroc(self.responded, self.values)

    @cached_property
    def auprc(self) -> float:
        """Average precision."""
        return cells_auprc(self.responded, self.values)

    @property
    def chance(self) -> float:
        """Share of the responders."""
        return float(self.responded.mean())


def over_wells(measure: str, wells: str, found: Sequence[Detected], n_resamples: int, seed: int) -> MeasureFound:
    """The mean over wells, with intervals over the compounds, and the cells of all wells together."""
    if not found:
        none = Estimate(math.nan, math.nan, math.nan, "no such well has responders and others")
        return MeasureFound(measure, wells, 0, 0, none, none, math.nan, math.nan, math.nan)
    compounds = [each.compound for each in found]
    weights = resamples(compounds, n_resamples, seed)
    estimates = []
    for values in (np.array([each.auroc for each in found]), np.array([each.auprc for each in found])):
        means = weights @ values / weights.sum(axis=1)
        estimates.append(estimate(float(values.mean()), means, "", len(set(compounds))))
    responded = np.concatenate([each.responded for each in found])
    together = np.concatenate([each.values for each in found])
    return MeasureFound(
        measure,
        wells,
        len(found),
        len(responded),
        estimates[0],
        estimates[1],
        float(np.mean([each.chance for each in found])),
        _mean([each.deletion for each in found]),
        _mean([each.insertion for each in found]),
        cells_auroc(responded, together),
        cells_auprc(responded, together),
        float(responded.mean()),
    )


def flatness(wells: str, relevance: Sequence[Floats]) -> Flatness:
    """Of wells with the `relevance` (N,) each, attention's lift."""
    some = [values for values in relevance if len(values)]
    return Flatness(
        wells,
        len(some),
        _mean([float(values.std()) for values in some]),
        _mean([float(values.max()) for values in some]),
        _mean([effective_cells(values) / len(values) for values in some]),
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
    return cells_auroc(responded[read], lift[read])
