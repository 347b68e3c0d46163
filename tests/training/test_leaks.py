import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import TrainingError
from napari_mid.plates.plate import Plate, Well
from napari_mid.training.leaks import (
    check_compounds,
    check_labels,
    check_split,
    confounders,
    cramers_v,
    label_text,
    look_alikes,
    misspellings,
    same_group,
)


def plate(name: str, rows: int = 8, columns: int = 12) -> Plate:
    return Plate(name, "nowhere", "test", rows, columns, (), {})


def wells_of(label: str, values: list[object]) -> list[Well]:
    return [Well("P", f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}", condition={label: value}) for i, value in enumerate(values)]


def test_a_compound_on_both_sides_is_refused_whatever_its_spelling() -> None:
    check_split(["X", "X", "Y"], np.array([True, True, False]), "compound")
    with pytest.raises(TrainingError, match=r"Cells of 1 compound .*\(X\)"):
        check_split(["X", "X", "Y"], np.array([True, False, False]), "compound")
    with pytest.raises(TrainingError, match="Taxol = taxol "):
        check_split(["Taxol", "taxol ", "Y"], np.array([True, False, False]), "compound")


@given(st.lists(st.tuples(st.sampled_from(["a", "A", " b", "b", "c d", "cd"]), st.booleans()), max_size=12))
@settings(max_examples=60)
def test_the_guard_lets_through_exactly_the_splits_that_do_not_leak(bags: list[tuple[str, bool]]) -> None:
    names, held = [name for name, _ in bags], np.array([out for _, out in bags], dtype=bool)
    leaks = {same_group(n) for n, out in bags if out} & {same_group(n) for n, out in bags if not out}
    if leaks:
        with pytest.raises(TrainingError, match="both sides"):
            check_split(names, held, "compound")
    else:
        check_split(names, held, "compound")


def test_two_spellings_of_a_compound_are_refused_before_anything_is_read() -> None:
    wells = [Well("P", "A01", condition={"compound": "Taxol"}), Well("P", "A02", condition={"compound": "taxol"})]
    with pytest.raises(TrainingError, match="'Taxol' and 'taxol'"):
        check_compounds(wells, [0, 1], ["no", "yes"], "compound", 0.2)


def test_one_compound_of_a_class_cannot_be_held_out_and_trained_on() -> None:
    wells = [Well("P", f"A{i:02d}", condition={"compound": "X" if i < 4 else f"C{i}"}) for i in range(1, 8)]
    labels = [1 if i < 4 else 0 for i in range(1, 8)]
    with pytest.raises(TrainingError, match=r"Class yes has one compound only, X.*--validation 0"):
        check_compounds(wells, labels, ["no", "yes"], "well", 0.2)
    check_compounds(wells, labels, ["no", "yes"], "well", 0.0)
    check_compounds(wells, labels, ["negative_control", "positive_control"], "well", 0.2)
    check_compounds([Well("P", "A01"), Well("P", "A02")], [0, 1], ["no", "yes"], "well", 0.2)


@pytest.mark.parametrize(
    ("values", "pair"),
    [
        (["toxic", "toxic", "Toxic", "no"], "'Toxic' (1 wells) and 'toxic' (2)"),
        (["toxic ", "toxic", "toxic", "no"], "'toxic ' (1 wells)"),
        (["no effect", "no effect", "no-effect", "toxic"], "'no-effect'"),
        (["1", "1", "1.0", "0"], "'1.0'"),
    ],
)
def test_labels_that_look_alike_are_refused_and_named(values: list[object], pair: str) -> None:
    classes = sorted({str(value) for value in values})
    with pytest.raises(TrainingError, match="look alike") as error:
        check_labels(wells_of("tox", values), "tox", classes)
    assert pair in str(error.value)


def test_a_value_that_looks_like_a_class_is_refused_though_it_was_not_asked_for() -> None:
    with pytest.raises(TrainingError, match="'Toxic'"):
        check_labels(wells_of("tox", ["toxic", "no", "Toxic"]), "tox", ["no", "toxic"])
    assert check_labels(wells_of("tox", ["toxic", "no", "maybe", "Maybe"]), "tox", ["no", "toxic"]) == []


def test_a_slip_of_the_pen_is_told_and_an_opposite_is_not() -> None:
    values: list[object] = ["toxic"] * 9 + ["toxci"] + ["nontoxic"] * 2 + ["inactive", "active"]
    (told,) = check_labels(wells_of("tox", values), "tox", ["nontoxic", "toxic"])
    assert "'toxci' (1 wells) and 'toxic' (9)" in told
    (told,) = check_labels(wells_of("tox", ["toxic"] * 9 + ["toxc"] * 2), "tox", ["nontoxic", "toxic"])
    assert "'toxc' (2 wells) and 'toxic' (9)" in told
    assert misspellings({"low": 40, "slow": 1, "yes": 9, "no": 1}) == []
    assert misspellings({"compound 12": 40, "compound 13": 1}) == []
    assert look_alikes({"active": 5, "inactive": 5, "1": 3, "10": 3}) == []


def test_label_text_makes_one_label_of_the_types_a_table_may_give() -> None:
    assert label_text(1.0) == label_text(1) == label_text("1 ") == "1"
    assert label_text(float("nan")) == label_text(None) == ""
    assert label_text(0.5) == "0.5"
    assert same_group(" SIM 001") == same_group("sim001")


def test_classes_that_differ_by_plate_only_are_told() -> None:
    wells = [(plate(name), well) for name in ("P1", "P2") for well in wells_of("tox", [None] * 10)]
    (told,) = confounders(wells, [0] * 10 + [1] * 10, ["no", "yes"])
    assert "every plate holds one class only" in told
    mixed = [0, 1, 1, 0, 0, 1, 0, 1, 1, 0]
    assert confounders(wells, mixed + [1 - label for label in mixed], ["no", "yes"]) == []


def test_a_class_that_fills_columns_is_told() -> None:
    wells = [(plate("P"), well) for well in wells_of("tox", [None] * 96)]
    labels = [int(well.column > 6) for _, well in wells]
    (told,) = confounders(wells, labels, ["no", "yes"])
    assert "the column" in told
    edge = [int(well.row in (1, 8) or well.column in (1, 12)) for _, well in wells]
    assert any("edge" in sentence for sentence in confounders(wells, edge, ["no", "yes"]))
    rng = np.random.default_rng(0)
    assert confounders(wells, rng.permutation(labels).tolist(), ["no", "yes"]) == []


def test_a_class_that_has_fewer_cells_is_told() -> None:
    wells = [(plate("P"), well) for well in wells_of("tox", [None] * 96)]
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 96)
    few = confounders(wells, labels.tolist(), ["no", "yes"], (100 - 40 * labels + rng.normal(0, 8, 96)).tolist())
    assert len(few) == 1
    assert "yes has fewer cells" in few[0]
    assert confounders(wells, labels.tolist(), ["no", "yes"], rng.normal(100, 8, 96).tolist()) == []


def test_cramers_v_by_hand_and_by_chance() -> None:
    assert cramers_v("aaabbb", "xxxyyy") == 1
    assert cramers_v("aaabbb", "xxxxxx") == 0
    assert cramers_v([], []) == 0
    # 2 x 2 table 40/10/10/40: phi squared 0.36; Bergsma's correction takes 1/99 from it, and as much from 2 - 1
    first = [0] * 50 + [1] * 50
    second = [0] * 40 + [1] * 10 + [0] * 10 + [1] * 40
    assert cramers_v(first, second) == pytest.approx(np.sqrt((0.36 - 1 / 99) / (1 - 1 / 99)))
    rng = np.random.default_rng(1)
    chance = [cramers_v(rng.integers(0, 2, 24), np.tile(np.arange(12), 2)) for _ in range(40)]
    assert np.mean(chance) < 0.25
