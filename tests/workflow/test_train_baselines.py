"""Predictors without a network on the held-out bags, and what the card says of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_mid.training.bags import LabelledBags
from napari_mid.training.card import _baseline_lines, _held_out_text
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import Slices
from napari_mid.workflow.train_baselines import NAMES, baselines_on

N = 40


def bags_of(tells: str) -> LabelledBags:
    """40 compounds of two wells each, of which `tells` alone says the class."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 2
    count = np.where(labels == 1, 4, 12) if tells == "cell_count" else rng.integers(4, 12, N)
    parts = []
    for label, n in zip(labels, count, strict=True):
        bright = 0.2 + 0.3 * label if tells == "mean_intensity" else 0.3
        parts.append(np.clip(rng.normal(bright, 0.1, (n, 8, 8, 2)), 0, 1).astype(np.float16))
    places = rng.permutation(2 * N)
    if tells == "well_position":  # class by column, as on a plate that was filled by class
        places = np.array([12 * (i % 8) + (6 * label + i % 6) for i, label in enumerate(np.repeat(labels, 2))])
    names = [f"P {'ABCDEFGH'[place // 12]}{place % 12 + 1:02d}" for place in places]
    compounds = tuple(f"C{i}" for i in range(N))
    return LabelledBags(
        slices=Slices(parts),
        bag_of_cell=np.repeat(np.arange(N), count),
        names=compounds,
        groups=compounds,
        labels=labels,
        classes=("no", "yes"),
        split_unit="compound",
        wells=tuple(zip(names[::2], names[1::2], strict=True)),
    )


@pytest.mark.parametrize("tells", NAMES)
def test_what_tells_the_class_is_found_by_its_baseline_alone(tells: str) -> None:
    folds = np.arange(N) // 2 % 4
    found = baselines_on(bags_of(tells), np.arange(N), folds, 100, 0)
    assert tuple(found) == NAMES
    for name, estimates in found.items():
        value = estimates["balanced_accuracy"].value
        assert value > 0.9 if name == tells else value < 0.75, name
        assert estimates["auroc"].low <= estimates["auroc"].value <= estimates["auroc"].high


def test_bags_are_never_judged_by_what_learned_from_their_group() -> None:
    bags = bags_of("cell_count")
    # every compound is there twice, with labels that only its other bag knows
    rng = np.random.default_rng(1)
    labels = np.repeat(rng.permutation(np.arange(N // 2) % 2), 2)
    groups = tuple(f"C{i // 2}" for i in range(N))
    twins = LabelledBags(bags.slices, bags.bag_of_cell, bags.names, groups, labels, bags.classes, "compound", bags.wells)
    found = baselines_on(twins, np.arange(N), np.arange(N) % 4, 50, 0)
    assert all(each["balanced_accuracy"].value < 0.8 for each in found.values())


def test_nothing_is_said_where_nothing_can_be_learned() -> None:
    bags = bags_of("cell_count")
    nothing = np.empty(0, dtype=np.int64)
    assert baselines_on(bags, nothing, nothing, 50, 0) == {}
    everything = np.arange(N)
    assert baselines_on(bags, everything, np.zeros(N, dtype=np.int64), 50, 0) == {}, "nothing is left to learn from"


def test_the_card_says_where_the_model_is_not_needed() -> None:
    def estimate(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    found = {name: {"balanced_accuracy": estimate(0.6), "auroc": estimate(0.7)} for name in NAMES}
    found["well_position"]["balanced_accuracy"] = estimate(0.85)
    lines = _baseline_lines({"intervals": {"balanced_accuracy": estimate(0.8)}, "baselines": found})
    assert "number of cells: balanced accuracy 0.600 (0.50 to 0.70), AUROC 0.700" in lines[1]
    assert [("no less than the model" in line) for line in lines[1:]] == [False, False, True]
    assert _baseline_lines({"intervals": {}}) == []


def test_the_card_names_the_compounds_that_were_held_out_once() -> None:
    bags = bags_of("cell_count")
    names = tuple(f"C{i // 2} {1 + i % 2} uM" for i in range(N))
    doses = dataclasses.replace(bags, names=names, groups=tuple(f"C{i // 2}" for i in range(N)))
    held_out = [name for name in names if name.split()[0] in ("C3", "C1")]
    assert _held_out_text(held_out, TrainingSettings(), doses) == "2 compounds, 4 bags: C1, C3"
    assert _held_out_text([names[2]], TrainingSettings(), doses) == "1 compound, 1 bag: C1"
    assert _held_out_text([], TrainingSettings(), doses) == "nothing"
