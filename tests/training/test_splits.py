from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import TrainingError
from napari_mid.plates.plate import Well
from napari_mid.training.bags import LabelledBags, assign
from napari_mid.training.leaks import check_compounds, check_wells_apart, split_record
from napari_mid.training.splits import check_sides, folds_of, held_out_bags

MakeBags = Callable[..., LabelledBags]


@given(st.integers(2, 5), st.integers(5, 9), st.integers(5, 9), st.integers(0, 99))
@settings(max_examples=30)
def test_folds_hold_every_group_once_and_all_classes(n_folds: int, n_no: int, n_yes: int, seed: int) -> None:
    from napari_mid.training.slices import Slices

    labels = np.repeat([0] * n_no + [1] * n_yes, 2)  # two doses of each
    groups = tuple(f"c{number // 2}" for number in range(len(labels)))
    bags = LabelledBags(Slices([]), np.empty(0, np.int64), groups, groups, labels, ("no", "yes"), "compound")
    folds = folds_of(bags, n_folds, seed)
    assert len({(group, fold) for group, fold in zip(groups, folds.tolist(), strict=True)}) == n_no + n_yes
    sizes = []
    for fold in range(n_folds):
        assert set(labels[folds == fold]) == {0, 1}
        sizes.append(int((folds == fold).sum()) // 2)
    assert max(sizes) - min(sizes) <= 1


def test_more_folds_than_compounds_are_refused(make_bags: MakeBags) -> None:
    with pytest.raises(TrainingError, match="Class some has 2 compounds, too few for 3 folds"):
        folds_of(make_bags([0, 0, 0, 1, 1], list("abcde"), 1), 3, 0)
    with pytest.raises(TrainingError, match="two folds or more"):
        folds_of(make_bags([0, 1], list("ab"), 1), 1, 0)


def test_whole_plates_are_held_out(make_bags: MakeBags) -> None:
    bags = make_bags([0, 1] * 6, [f"P{number // 4}" for number in range(12)], 1, unit="plate")
    held = held_out_bags(bags, 0.3, 0)
    assert held.sum() == 4
    assert len({group for group, out in zip(bags.groups, held, strict=True) if out}) == 1
    check_sides(bags, ~held)
    record = split_record(bags, held, refitted=False)
    assert record["unit"] == "well", "whether a well was trained on is asked later, and a well knows its name"
    assert len(record["train"]) == 8
    assert len(record["validation"]) == 4
    assert set(folds_of(bags, 3, 0)) == {0, 1, 2}
    with pytest.raises(TrainingError, match="3 plates, too few for 4"):
        folds_of(bags, 4, 0)


def test_a_class_that_is_on_one_plate_only_cannot_be_held_out_with_it(make_bags: MakeBags) -> None:
    bags = make_bags([0, 0, 1, 1], ["P0", "P0", "P1", "P1"], 1, unit="plate")
    with pytest.raises(TrainingError, match=r"Every plate with class (none|some)"):
        check_sides(bags, ~held_out_bags(bags, 0.5, 0))


def test_a_bag_does_not_reach_over_plates_where_plates_are_split() -> None:
    found = [
        assign(Well(plate, "A01", condition={"compound": "X", "tox": "yes"}), "tox", ["no", "yes"], "compound", "plate")
        for plate in ("P1", "P2")
    ]
    assert [one.group for one in found if one] == ["P1", "P2"]
    assert [one.bag for one in found if one] == ["P1 X", "P2 X"]


def test_replicates_are_not_torn_apart_by_plates_or_wells() -> None:
    wells = [Well(f"P{number % 2}", f"A{number:02d}", condition={"compound": f"C{number // 2}"}) for number in range(1, 9)]
    labels = [number % 2 for number in range(8)]
    with pytest.raises(TrainingError, match=r"several plates \(C1, C2, C3\)"):
        check_compounds(wells, labels, ["no", "yes"], "plate", 0.2)
    check_compounds(wells, labels, ["negative_control", "positive_control"], "plate", 0.2)
    check_compounds(wells, labels, ["no", "yes"], "plate", 0.0)
    with pytest.raises(TrainingError, match="C1 and 2 more compounds on both sides"):
        check_wells_apart(wells, ["no", "yes"])
    check_wells_apart(wells[::2], ["no", "yes"])
