"""Is the relevance true? Deletion and insertion curves, against cells in random order."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_mid.inference.sets import draw_sets
from napari_mid.inference.settings import ScoringSettings

if TYPE_CHECKING:
    from napari_mid.inference.bag import Bag

#: Shares of the cells; every one has its complement, since deleting a share is keeping the rest.
FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 1.0)
#: Random orders that the band is drawn from.
N_RANDOM = 20


@dataclass(frozen=True)
class Curves:
    """Scores of a well from which cells were taken out, or to which they were added, the most relevant first.

    Parameters
    ----------
    fractions
        (F,) share of the cells.
    deletion
        (F,) score without that share of the cells; the first is the score of all cells. NaN where no cell is left.
    insertion
        (F,) score of that share of the cells alone; the last is the score of all cells. NaN where there is no cell.
    random, random_low, random_high
        (F,) score of that share of the cells in random order: mean and 95 % band. Its mirror image is the deletion's.
    deletion_area
        Mean over the fractions of random order minus deletion. Above 0: without the relevant cells the score falls faster.
    insertion_area
        Mean over the fractions of insertion minus random order. Above 0: the relevant cells alone score higher.
    """

    fractions: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    random: NDArray[np.float64]
    random_low: NDArray[np.float64]
    random_high: NDArray[np.float64]
    deletion_area: float
    insertion_area: float


def deletion_insertion(
    bag: Bag,
    relevance: NDArray[np.float64],
    settings: ScoringSettings,
    n_random: int = N_RANDOM,
    random: NDArray[np.float64] | None = None,
) -> Curves:
    """The curves of a bag of one cell or more, ranked by `relevance` (N,); re-scored from embeddings, seeded.

    `random` is what `random_orders` gives of this bag, where it is known already: it is the same for every relevance.
    """
    fractions, counts = np.array(FRACTIONS), _counts(bag)
    order = np.argsort(-np.nan_to_num(relevance, nan=-np.inf), kind="stable")
    deletion = np.array([_score(bag, order[count:], settings) for count in counts])
    insertion = np.array([_score(bag, order[:count], settings) for count in counts])
    if random is None:
        random = random_orders(bag, settings, n_random)
    low, high = np.percentile(random, [2.5, 97.5], axis=0)
    mean = random.mean(axis=0)
    return Curves(
        fractions=fractions,
        deletion=deletion,
        insertion=insertion,
        random=mean,
        random_low=low,
        random_high=high,
        deletion_area=_area(fractions, mean[::-1] - deletion),
        insertion_area=_area(fractions, insertion - mean),
    )


def random_orders(bag: Bag, settings: ScoringSettings, n_random: int = N_RANDOM) -> NDArray[np.float64]:
    """Scores (n_random, len(FRACTIONS)) of growing parts of a bag of one cell or more, in random orders, seeded.

    They are read with as few sets as hold all cells once, so that they cost little: their band is a little wider than it has to
    be.
    """
    quick = dataclasses.replace(settings, n_sets=1, uses_per_cell=1)
    rng = np.random.default_rng(settings.seed)
    orders = [rng.permutation(bag.n_cells) for _ in range(n_random)]
    # all cells, in whatever order, have the score of the well
    whole = _score(bag, np.arange(bag.n_cells), settings)
    return np.array([[_score(bag, cells[:count], quick) for count in _counts(bag)[:-1]] + [whole] for cells in orders])


def _counts(bag: Bag) -> NDArray[np.int64]:
    """How many cells each of `FRACTIONS` is."""
    return np.round(np.array(FRACTIONS) * bag.n_cells).astype(np.int64)


def _score(bag: Bag, cells: NDArray[np.int64], settings: ScoringSettings) -> float:
    """Score of a part of the bag, as `score_bag` gives it; NaN for no cell."""
    if not len(cells):
        return float("nan")
    # the order of the cells decides which sets they are drawn into, but not which cells there are
    cells = np.sort(cells)
    return float(bag.read(cells[draw_sets(len(cells), settings).sets]).probabilities[:, -1].mean())


def _area(fractions: NDArray[np.float64], heights: NDArray[np.float64]) -> float:
    known = np.isfinite(heights)
    if known.sum() < 2:
        return float("nan")
    width = np.ptp(fractions[known])
    return float(np.trapezoid(heights[known], fractions[known]) / width)
