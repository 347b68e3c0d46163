"""Attention of cells in sets becomes one lift per cell, with its standard error and the stability of its ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Lift:
    """Set size times attention, averaged over the sets that a cell was in; uniform attention is 1.

    Parameters
    ----------
    mean, standard_error
        (N,); the error is NaN for a cell that was in one set only.
    stability
        Spearman correlation of the lifts of two halves of the sets; NaN for fewer than 4 cells.
    """

    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    stability: float


def lift_of(
    n_cells: int,
    sets: NDArray[np.int64],
    attention: NDArray[np.float64],
    halves: NDArray[np.int64] | None = None,
    half_attention: NDArray[np.float64] | None = None,
) -> Lift:
    """The lift of `n_cells` cells.

    Parameters
    ----------
    n_cells
        N.
    sets, attention
        (S, L) cell numbers and the attention of each; every cell is in one set or more.
    halves, half_attention
        The same for random halves of the bag, where one set holds all cells and tells nothing about the spread.
    """
    lifts = CellMoments(n_cells)
    lifts.add(sets, sets.shape[1] * attention)
    if halves is None or half_attention is None or sets.shape[1] < n_cells:
        return Lift(lifts.mean(), lifts.standard_error(), _stability(n_cells, sets, attention))
    subset_size = halves.shape[1]
    spread = CellMoments(n_cells)
    spread.add(halves, subset_size * half_attention)
    error = spread.standard_deviation() * math.sqrt(subset_size / (n_cells - subset_size))
    return Lift(lifts.mean(), error, _stability(n_cells, halves, half_attention))


def _stability(n_cells: int, sets: NDArray[np.int64], attention: NDArray[np.float64]) -> float:
    middle = len(sets) // 2
    means = []
    for part in (slice(0, middle), slice(middle, None)):
        moments = CellMoments(n_cells)
        moments.add(sets[part], attention[part])
        means.append(moments.mean())
    return spearman(*means)


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's rank correlation over the entries where both are finite; NaN for fewer than 4, or where one is constant."""
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 4:
        return math.nan
    ranks = np.stack([rankdata(values[both]) for values in (first, second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return math.nan
    return float(np.corrcoef(ranks)[0, 1])


class CellMoments:
    """Mean and spread per cell of values that come set by set."""

    def __init__(self, n_cells: int) -> None:
        self.count = np.zeros(n_cells)
        self.sum = np.zeros(n_cells)
        self.squares = np.zeros(n_cells)

    def add(self, sets: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add the `values` (S, L) of the cells with the numbers `sets` (S, L)."""
        np.add.at(self.count, sets, 1)
        np.add.at(self.sum, sets, values)
        np.add.at(self.squares, sets, values**2)

    def mean(self) -> NDArray[np.float64]:
        """Per cell; NaN for a cell that was in no set."""
        with np.errstate(invalid="ignore"):
            return self.sum / self.count

    def standard_deviation(self) -> NDArray[np.float64]:
        """Per cell; NaN for a cell that was in fewer than two sets."""
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (self.squares - self.sum**2 / self.count) / (self.count - 1)
        deviation: NDArray[np.float64] = np.sqrt(
            np.maximum(variance, 0), where=self.count > 1, out=np.full(len(self.count), np.nan)
        )
        return deviation

    def standard_error(self) -> NDArray[np.float64]:
        """Of the mean, per cell."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.standard_deviation() / np.sqrt(self.count)
