"""Which bags are held out: whole groups (compounds, or wells), never part of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import TrainingError
from napari_mid.training.bags import LabelledBags


def held_out_bags(bags: LabelledBags, share: float, seed: int) -> NDArray[np.bool_]:
    """Choose the validation bags, as (bags,) bool.

    Of every class, about `share` of its groups are held out: at least one where the class has three or more, and never all. A
    group whose bags have different labels (a compound that is toxic at high doses only) stays on one side as a whole.
    """
    rng = np.random.default_rng(seed)
    held: set[str] = set()
    for of_class in _groups_by_class(bags):
        count = min(round(share * len(of_class)), len(of_class) - 1)
        # two plates are enough to hold one out, since each may have all classes
        if share > 0 and len(of_class) >= (2 if bags.split_unit == "plate" else 3):
            count = max(count, 1)
        held.update(str(group) for group in rng.permutation(of_class)[: max(count, 0)])
    return np.isin(np.array(bags.groups), sorted(held))


def folds_of(bags: LabelledBags, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Number of the fold of each bag, as (bags,), from 0: groups as a whole, those of every class dealt out evenly.

    Raises
    ------
    TrainingError
        If a class has fewer groups than there are folds, or fewer than two folds are asked for.
    """
    if n_folds < 2:
        raise TrainingError(f"Cross-validation needs two folds or more, not {n_folds}; --folds 5 is usual.")
    rng = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    for label, of_class in enumerate(_groups_by_class(bags)):
        if len(of_class) < n_folds:
            whose = f"Class {bags.classes[label]}" if bags.split_unit != "plate" else "The training"
            raise TrainingError(
                f"{whose} has {len(of_class)} {bags.split_unit}{'s' * (len(of_class) != 1)}, too few for {n_folds} folds; give "
                "fewer folds, or more of them."
            )
        # the fold that would be next goes on with the next class, so that folds are of one size
        start = len(fold_of)
        fold_of.update({str(group): (start + place) % n_folds for place, group in enumerate(rng.permutation(of_class))})
    return np.array([fold_of[group] for group in bags.groups], dtype=np.int64)


def check_sides(bags: LabelledBags, train_bags: NDArray[np.bool_]) -> None:
    """Raise `TrainingError` where a class has no bag to train on; only whole plates can take all bags of a class away."""
    for number, name in enumerate(bags.classes):
        if not (train_bags & (bags.labels == number)).any():
            raise TrainingError(
                f"Every {bags.split_unit} with class {name} would be held out, so that nothing of it is left to train on; hold "
                "out a smaller share, or split in another way."
            )


def _groups_by_class(bags: LabelledBags) -> list[list[str]]:
    """The groups of every class, each in one place: a group counts for the class of its first bag, a plate for all together."""
    first_label: dict[str, int] = {}
    for group, label in zip(bags.groups, bags.labels.tolist(), strict=True):
        first_label.setdefault(group, 0 if bags.split_unit == "plate" else label)
    n_kinds = 1 if bags.split_unit == "plate" else len(bags.classes)
    return [[group for group, first in first_label.items() if first == label] for label in range(n_kinds)]
