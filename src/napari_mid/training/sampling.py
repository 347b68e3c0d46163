"""Which cells a training step sees: sets of cells of one bag, drawn ahead of the step that wants them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mid.errors import TrainingError
from napari_mid.training.bags import LabelledBags
from napari_mid.training.settings import TrainingSettings

#: Steps whose slices are read ahead.
AHEAD = 3
#: Cells in the smallest set of a schedule in which sets are not all of one size.
SMALLEST_SET = 2
#: Share of a diluted set that stays. Where one cell was enough, one odd cell of a control well was, too (benchmarks/evaluation).
LEAST_OWN = 0.25


@dataclass(frozen=True)
class Batch:
    """What a step learns from.

    Parameters
    ----------
    sets
        (B, N, C, S, S) on the CPU, as the slices are kept.
    labels
        (B,) numbers of the classes.
    seed
        Of whatever else is random in this step.
    """

    sets: Tensor
    labels: Tensor
    seed: int


class Sampler:
    """Draws the sets of every step; those of a step depend on the seed and its number alone, so that a run can go on anywhere.

    Parameters
    ----------
    bags, train_bags
        All bags, and (bags,) which of them are trained on.
    settings
        Set size and its schedule, sets of a step, how classes are balanced, seed.

    Raises
    ------
    TrainingError
        If a class has no bag with cells.
    """

    def __init__(self, bags: LabelledBags, train_bags: NDArray[np.bool_], settings: TrainingSettings) -> None:
        self._slices = bags.slices
        self._settings = settings
        self._labels = bags.labels
        self._cells = {bag: bags.cells_of(bag) for bag in np.flatnonzero(train_bags).tolist()}
        self._by_class = [
            [bag for bag, cells in self._cells.items() if bags.labels[bag] == label and len(cells)]
            for label in range(len(bags.classes))
        ]
        for name, members in zip(bags.classes, self._by_class, strict=True):
            if not members:
                raise TrainingError(f"No cells of class {name!r} are left to train on.")
        self._partners = _partners(bags, list(self._cells), self._by_class[0]) if settings.dilution else {}

    def class_weights(self) -> Tensor | None:
        """Weight (K,) of each class in the loss, one on average over the bags; None where all count the same."""
        if self._settings.class_weights != "loss":
            return None
        counts = torch.tensor([len(members) for members in self._by_class], dtype=torch.float32)
        return counts.sum() / (len(counts) * counts)

    def batch(self, step: int) -> Batch:
        """What the step of this number sees."""
        rng = np.random.default_rng((self._settings.seed, step))
        cells, labels = self.draw(step, rng)
        read = self._slices.read(cells.reshape(-1))
        sets = read.view(*cells.shape, *read.shape[1:])
        return Batch(sets, torch.from_numpy(labels), int(rng.integers(2**62)))

    def draw(self, step: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the cells (B, N) and of the classes (B,)."""
        size = set_size_at(step, self._settings, rng)
        # as many slices in every step, whatever the size of its sets
        n_sets = max(len(self._by_class), round(self._settings.sets_per_step * self._settings.set_size / size))
        members = self._bags(n_sets, rng)
        chosen = np.empty((n_sets, size), dtype=np.int64)
        for place, bag in enumerate(members):
            cells = self._cells[bag]
            # a bag with fewer cells than a set gives some of them twice, so that its label still counts
            chosen[place] = rng.choice(cells, size, replace=len(cells) < size)
            if self._settings.dilution and size > 1 and rng.random() < self._settings.dilution:
                self._dilute(chosen[place], bag, rng)
        return chosen, self._labels[members]

    def _dilute(self, chosen: NDArray[np.int64], bag: int, rng: np.random.Generator) -> None:
        """Put cells of a bag of the first class in the place of some of the `chosen` ones of `bag`; `LEAST_OWN` of them stay.

        Sets of the first class get cells of another of its bags, so that a mixture by itself tells nothing of the class.
        """
        cells = self._cells[rng.choice(self._partners[bag])]
        most = len(chosen) - math.ceil(LEAST_OWN * len(chosen))
        number = int(rng.integers(1, most + 1))
        places = rng.choice(len(chosen), number, replace=False)
        chosen[places] = rng.choice(cells, number, replace=len(cells) < number)

    def _bags(self, n_sets: int, rng: np.random.Generator) -> list[int]:
        """Bags to draw a set of each: the classes as equally frequent as `n_sets` allows, or the bags as they come."""
        if self._settings.class_weights == "balanced-sets":
            labels = rng.permutation(np.arange(n_sets) % len(self._by_class)).tolist()
            return [self._by_class[label][rng.integers(len(self._by_class[label]))] for label in labels]
        every = [bag for members in self._by_class for bag in members]
        return [every[number] for number in rng.integers(len(every), size=n_sets).tolist()]


def _partners(bags: LabelledBags, members: list[int], first: list[int]) -> dict[int, list[int]]:
    """For each of the bags `members` those of the `first` class that it can be diluted with.

    They are others than itself, and of its own plates, where there are such.
    """
    plates = {bag: {well.rpartition(" ")[0] for well in bags.wells[bag]} if bags.wells else set() for bag in members}
    found = {}
    for bag in members:
        others = [each for each in first if each != bag] or first
        found[bag] = [each for each in others if not plates[each].isdisjoint(plates[bag])] or others
    return found


def set_size_at(step: int, settings: TrainingSettings, rng: np.random.Generator) -> int:
    """Cells in the sets of a step: all of `set_size`, growing up to it over the first half of the steps, or any up to it."""
    smallest = min(SMALLEST_SET, settings.set_size)
    if settings.set_sizes == "curriculum":
        grown = min(1.0, 2 * step / settings.steps)
        return round(smallest + grown * (settings.set_size - smallest))
    if settings.set_sizes == "varying":
        return int(rng.integers(smallest, settings.set_size + 1))
    return settings.set_size


def batches(sampler: Sampler, first: int, end: int) -> Iterator[Batch]:
    """The batches of the steps from `first` to before `end`; a thread reads them ahead of the step that asks."""
    with ThreadPoolExecutor(1, "napari-mid sets") as pool:
        coming: list[Future[Batch]] = [pool.submit(sampler.batch, step) for step in range(first, min(first + AHEAD, end))]
        try:
            for step in range(first, end):
                if step + AHEAD < end:
                    coming.append(pool.submit(sampler.batch, step + AHEAD))
                yield coming.pop(0).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
