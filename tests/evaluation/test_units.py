import numpy as np
import pandas as pd
import pytest

from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import NEW, TRAINED, VALIDATION, TrainingSplit, read_split, sides_text, with_sides
from napari_mid.evaluation.units import EvaluationError, Wells, labelled_wells, scored_units, units_table
from napari_mid.files import write_json

COMPOUND, WELL = EvaluationSettings(), EvaluationSettings(unit="well")


def wells(**columns: list[object]) -> pd.DataFrame:
    """Compounds X (toxic) and Y (not), two doses of two wells each, and two control wells."""
    table = {
        "Metadata_Plate": ["P"] * 10,
        "Metadata_Well": [f"A{i:02d}" for i in range(1, 11)],
        "score": [0.9, 0.7, 0.2, 0.4, 0.1, 0.1, 0.2, 0.2, 0.0, 1.0],
        "n_cells": [10] * 10,
        "compound": ["X"] * 4 + ["Y"] * 4 + ["DMSO", "pos"],
        "concentration_um": [10, 10, 1, 1] * 2 + [0, 10],
        "role": ["sample"] * 8 + ["negative_control", "positive_control"],
        "tox": ["yes"] * 4 + ["no"] * 4 + ["no", "yes"],
    }
    return pd.DataFrame(table | columns)


def judged(table: pd.DataFrame, settings: EvaluationSettings = COMPOUND, **asked: object) -> Wells:
    return labelled_wells(table, "tox", settings, **{"positive": "yes", **asked})  # type: ignore[arg-type]


def test_a_compound_is_one_unit_with_the_mean_of_its_wells() -> None:
    found = judged(wells())
    assert found.question.classes == ("no", "yes")
    assert any("2 control wells" in each for each in found.left_out)
    units = units_table(found, COMPOUND).set_index("unit")
    assert units.index.tolist() == ["X", "Y"]
    assert units["score"].tolist() == pytest.approx([0.55, 0.15])
    assert units["n_wells"].tolist() == [4, 4]
    assert scored_units(units.reset_index()).truth.tolist() == [True, False]


@pytest.mark.parametrize(("aggregate", "score"), [("mean", 0.55), ("highest_dose", 0.8), ("maximum", 0.8)])
def test_how_doses_become_one_score(aggregate: str, score: float) -> None:
    settings = EvaluationSettings(aggregate=aggregate)
    assert units_table(judged(wells(), settings), settings)["score"][0] == pytest.approx(score)


def test_the_highest_dose_and_the_strongest_one_differ_where_a_compound_kills() -> None:
    table = wells(score=[0.2, 0.2, 0.9, 0.9, *[0.1] * 6])
    scores = [units_table(judged(table), EvaluationSettings(aggregate=name))["score"][0] for name in ("highest_dose", "maximum")]
    assert scores == pytest.approx([0.2, 0.9])


def test_doses_and_wells_are_units_of_their_compound() -> None:
    doses = units_table(judged(wells()), EvaluationSettings(unit="compound_dose"))
    assert doses["unit"].tolist() == ["X 1 µM", "X 10 µM", "Y 1 µM", "Y 10 µM"]
    unknown = judged(wells().rename(columns={"concentration_um": "concentration"}))
    assert units_table(unknown, EvaluationSettings(unit="compound_dose"))["unit"].tolist() == ["X 1", "X 10", "Y 1", "Y 10"]
    assert doses["score"].tolist() == pytest.approx([0.3, 0.8, 0.2, 0.1])
    per_well = scored_units(units_table(judged(wells(), WELL), WELL))
    assert len(per_well) == 8
    assert set(per_well.compounds) == {"X", "Y"}, "wells of a compound are resampled together"


def test_controls_are_counted_where_asked() -> None:
    settings = EvaluationSettings(controls=True)
    assert units_table(judged(wells(), settings), settings)["unit"].tolist() == ["DMSO", "X", "Y", "pos"]


def test_a_compound_with_two_labels_has_no_truth() -> None:
    table = wells(tox=["yes", "yes", "no", "no"] + ["no"] * 4 + ["no", "yes"])
    with pytest.raises(EvaluationError, match="--unit compound_dose"):
        units_table(judged(table), COMPOUND)
    doses = units_table(judged(table), EvaluationSettings(unit="compound_dose")).set_index("unit")["label"]
    assert doses.to_dict() == {"X 1 µM": "no", "X 10 µM": "yes", "Y 1 µM": "no", "Y 10 µM": "no"}


def test_wells_without_a_score_are_left_out_and_named() -> None:
    found = judged(wells(score=[None, 0.7, 0.2, 0.4, 0.1, 0.1, 0.2, 0.2, 0.0, 1.0]))
    assert any("without a score" in each and "P A01" in each for each in found.left_out)
    assert units_table(found, COMPOUND)["n_wells"].tolist() == [3, 4]


def test_what_cannot_be_judged_is_said() -> None:
    with pytest.raises(EvaluationError, match="no column 'toxin'"):
        labelled_wells(wells(), "toxin", COMPOUND)
    with pytest.raises(EvaluationError, match=r"'Yes' .*'yes'"):
        judged(wells(tox=["yes", "yes", "yes", "Yes"] + ["no"] * 5 + ["yes"]))
    with pytest.raises(EvaluationError, match="--positive"):
        labelled_wells(wells(), "tox", COMPOUND, model_positive="toxic")
    with pytest.raises(EvaluationError, match="'maybe'"):
        judged(wells(), positive="maybe")
    with pytest.raises(EvaluationError, match="two classes"):
        judged(wells(tox=["no"] * 9 + ["yes"]))
    with pytest.raises(EvaluationError, match="--unit well"):
        judged(wells().drop(columns="compound"))
    assert len(judged(wells().drop(columns="compound"), WELL).table) == 8


def test_labels_that_are_numbers_are_the_same_as_text() -> None:
    found = judged(wells(tox=[1.0] * 4 + [0.0] * 4 + [None, 1.0]), positive="1")
    assert found.question.classes == ("0", "1")


def test_three_values_are_one_against_the_rest() -> None:
    found = judged(wells(tox=["yes"] * 4 + ["no", "no", "dim", "dim", "no", "yes"]), WELL)
    assert found.question.classes == ("dim", "no", "yes")
    assert units_table(found, WELL)["positive"].sum() == 4
    two = judged(wells(tox=["yes"] * 4 + ["no", "no", "dim", "dim", "no", "yes"]), WELL, positive=None, classes=["no", "yes"])
    assert len(two.table) == 6
    assert any("another value" in each for each in two.left_out)


def test_compounds_of_the_training_are_told_apart(tmp_path: object) -> None:
    split = TrainingSplit("compound", frozenset({"x"}), frozenset({"y"}))
    table = with_sides(wells(), split)
    assert table["_side"].tolist() == [TRAINED] * 4 + [VALIDATION] * 4 + [NEW] * 2
    told = sides_text(judged(table).table, "compound")
    assert any("1 compounds were in the training" in each for each in told)
    by_well = TrainingSplit("well", frozenset({"pa01"}), frozenset())
    assert with_sides(wells(), by_well)["_side"].tolist() == [TRAINED] + [NEW] * 9
    assert any("not known" in each for each in sides_text(judged(with_sides(wells(), None)).table, "compound"))


def test_the_split_of_a_model_folder_is_read_and_its_absence_is_no_error(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    assert read_split(folder) is None
    write_json(folder / "metrics.json", {"validation": {}})
    assert read_split(folder) is None
    write_json(
        folder / "metrics.json", {"split": {"unit": "compound", "train": ["SIM 001"], "validation": ["b"], "refitted": False}}
    )
    assert read_split(folder) == TrainingSplit("compound", frozenset({"sim001"}), frozenset({"b"}))


def test_scores_of_units_are_finite() -> None:
    assert np.isfinite(scored_units(units_table(judged(wells()), COMPOUND)).scores).all()
