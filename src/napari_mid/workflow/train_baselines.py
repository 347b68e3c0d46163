"""Predictors that need no network, on the bags that a training held out: they stand on the card beside the model's metrics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from napari_mid.evaluation.baselines import Material
from napari_mid.evaluation.bootstrap import Estimate, Scored, binary_estimates
from napari_mid.evaluation.learning import Design, predicted_steps
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.plates.well_names import STANDARD_PLATES, well_position
from napari_mid.progress import finish
from napari_mid.training.bags import LabelledBags
from napari_mid.training.slices import as_float

#: Those that take no more than what was cut.
NAMES = ("cell_count", "mean_intensity", "well_position")
METRICS = ("balanced_accuracy", "auroc")
#: Cells of a bag whose intensity is measured, at most: a mean needs no more, and a training may have a million.
CELLS = 50


def baselines_on(
    bags: LabelledBags, judged: NDArray[np.int64], folds: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Mapping[str, Estimate]]:
    """Metrics of each of `NAMES` on the bags that the model was judged on.

    Empty where there are more than two classes, or one alone to learn from.

    They learn from the bags of all groups that are not among those of the fold that is judged: from what the model learned from.

    Parameters
    ----------
    judged
        (N,) numbers of the bags.
    folds
        (N,) number of the fold of each.
    """
    if len(bags.classes) != 2 or not len(judged) or not bags.wells:
        return {}
    rows = [(bag, well) for bag in range(len(bags.names)) for well in bags.wells[bag]]
    bag_of_row = np.array([bag for bag, _ in rows])
    count = np.bincount(bags.bag_of_cell, minlength=len(bags.names))
    known = count[bag_of_row] > 0
    groups, positive = np.array(bags.groups), bags.labels[bag_of_row] == 1
    pairs = []
    for fold in np.unique(folds):
        asked = judged[folds == fold]
        train = ~np.isin(groups, groups[asked])[bag_of_row] & known
        if len(np.unique(positive[train])) < 2:
            return {}
        pairs.append((train, np.isin(bag_of_row, asked)))
    material = _material(bags, [well for _, well in rows], bag_of_row, count)
    settings = EvaluationSettings(seed=seed)
    names, of_groups = (tuple(values[bag] for bag in judged) for values in (bags.names, bags.groups))
    found: dict[str, Mapping[str, Estimate]] = {}
    for name in NAMES:
        design = Design(tuple(pairs), "the bags that the model was trained on", False)
        with threadpool_limits(1):  # more threads take longer to meet than to work on so few rows
            scores = finish(predicted_steps(name, material, positive, design, settings))
        mean = np.array([scores[bag_of_row == bag].mean() for bag in judged])
        estimates = binary_estimates(Scored(names, of_groups, bags.labels[judged] == 1, mean), 0.5, resamples, seed)
        found[name] = {metric: estimates[metric] for metric in METRICS}
    return found


def _material(bags: LabelledBags, wells: list[str], bag_of_row: NDArray[np.int64], count: NDArray[np.int64]) -> Material:
    """A row per bag and well; the number of cells and the intensity are those of the bag, for one well of it."""
    plates, names = zip(*(well.rsplit(" ", 1) for well in wells), strict=True)
    wells_of_bag = np.bincount(bag_of_row, minlength=len(count))
    per_well = (count / np.maximum(wells_of_bag, 1))[bag_of_row]
    table = pd.DataFrame({"Metadata_Plate": plates, "Metadata_Well": names, "n_cells": per_well})
    sizes = {plate: _size(list(some)) for plate, some in table.groupby("Metadata_Plate")["Metadata_Well"]}
    intensity = np.stack([_intensity(bags, bag) for bag in range(len(count))])
    return Material(table, np.array([sizes[plate] for plate in plates]), intensity[bag_of_row])


def _intensity(bags: LabelledBags, bag: int) -> NDArray[np.float64]:
    """(C,) mean over the slices of some cells of a bag; NaN where it has none."""
    cells = bags.cells_of(bag)
    if not len(cells):
        return np.full(bags.slices.read(np.array([0])).shape[1], np.nan)
    some = np.sort(np.random.default_rng(bag).permutation(cells)[:CELLS])
    means: NDArray[np.float64] = as_float(bags.slices.read(some)).mean(dim=(0, 2, 3)).double().numpy()
    return means


def _size(wells: list[str]) -> tuple[int, int]:
    """Rows and columns of the smallest standard plate that has all of these wells."""
    rows, columns = np.array([well_position(name) for name in wells]).max(axis=0).tolist()
    return next(((r, c) for r, c in STANDARD_PLATES if r >= rows and c >= columns), (rows, columns))
