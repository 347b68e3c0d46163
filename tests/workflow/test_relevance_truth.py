"""Relevance against the truth of a simulated plate, from the files that `simulate` and `score` leave."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_mid.cli import main
from napari_mid.evaluation import audit
from napari_mid.evaluation.checks import artefact_checks
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.units import PLATE, WELL, Question, Wells
from napari_mid.plates.plate import Plate
from napari_mid.workflow.evaluation_audit import associations
from napari_mid.workflow.scored_plates import ScoredPlate

Y, X = "Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small plate, scored and evaluated with the demo model."""
    folder = tmp_path_factory.mktemp("evaluated")
    plate, out = folder / "plate", folder / "out"
    drawn = ["--preset", "easy", "--wells", "8", "--fields", "1", "--field-px", "300", "--cells-per-field", "24", "--seed", "5"]
    assert main(["simulate", str(plate), *drawn]) == 0
    arguments = [
        "evaluate",
        str(plate),
        "--label",
        "effect",
        "--unit",
        "well",
        "--controls",
        "--model",
        "demo",
        "--checks",
        "--shuffles",
        "2",
    ]
    arguments += ["--shuffles", "2", "--network-steps", "3", "--set-sizes"]
    assert main([*arguments, "--resamples", "50", "--out", str(out)]) == 0
    return out


def test_signed_measures_find_the_cells_that_responded(evaluated: Path) -> None:
    found = json.loads((evaluated / "metrics.json").read_text())["relevance"]
    assert found["matched_cells"] >= 0.8 * found["located_cells"]
    rows = {(row["measure"], row["wells"]): row for row in found["measures"]}
    alone = rows["alone", "called positive"]
    assert alone["n_wells"] >= 1
    assert alone["auroc"]["value"] > 0.6
    assert alone["auprc"]["value"] > alone["chance"]
    flat, positive = found["flatness"]
    assert (flat["wells"], positive["wells"]) == ("without responders", "called positive")
    assert flat["n_wells"] >= 1
    assert positive["spread"] > flat["spread"], "where nobody responds, relevance is flat"
    per_well = pd.read_csv(evaluated / "relevance_wells.csv")
    of_alone = per_well[(per_well["measure"] == "alone") & (per_well["wells"] == "called positive")]
    assert len(of_alone) == alone["n_wells"]
    assert of_alone["auroc"].mean() == pytest.approx(alone["auroc"]["value"])
    assert (of_alone["n_responded"] >= 5).all()


def test_sets_of_every_size_and_number_are_in_the_table(evaluated: Path) -> None:
    sets = pd.read_csv(evaluated / "sets.csv")
    assert len(sets) == 6 * 4
    assert sorted(sets["set_size"].unique()) == [1, 4, 12, 50, 100, 400]
    alone = sets[(sets["set_size"] == 1) & (sets["n_sets"] == 200)].iloc[0]
    assert alone["cells_auroc"] == pytest.approx(0.5), "in a set of one, every cell has all the attention"
    most = sets[(sets["set_size"] == 400) & (sets["n_sets"] == 200)].iloc[0]
    assert most["cells_in_set"] < 60
    score = json.loads((evaluated / "metrics.json").read_text())["metrics"]["auroc"]["value"]
    assert math.isclose(most["units_auroc"], score, abs_tol=0.02)


def test_controls_come_out_as_they_should(evaluated: Path) -> None:
    found = {each["name"]: each for each in json.loads((evaluated / "metrics.json").read_text())["checks"]}
    assert found["wells without responders"]["passed"]
    assert found["planted artefact and relevance"]["passed"] is None, "none was planted"
    assert len(pd.read_csv(evaluated / "checks.csv")) == len(found)


def test_the_page_shows_them(evaluated: Path) -> None:
    page = (evaluated / "evaluation.html").read_text()
    assert "Is relevance true?" in page
    assert "Simulated images: 1 of 1 plates" in page


def test_a_planted_artefact_is_found_in_the_truth_and_in_the_audit(tmp_path: Path) -> None:
    """Ten wells of which five have cells with it; relevance and score follow it, and nothing else is known of the plate."""
    rng = np.random.default_rng(0)
    wells, cells, truth = [], [], []
    for number in range(10):
        toxic, well = number % 2 == 1, f"A{number + 1:02d}"
        place = {"Metadata_Well": well, "Metadata_Site": 1}
        for _ in range(30):
            y, x = rng.uniform(0, 500, 2)
            has = bool(toxic and rng.random() < 0.4)
            truth.append({**place, Y: y, X: x, "responded": False, "artefact": has})
            cells.append({**place, Y: y + 0.5, X: x, "relevance": rng.random() + 2 * has, "touches_border": False})
        wells.append({PLATE: "P", WELL: well, "score": 0.8 * toxic + 0.1 * rng.random(), "n_cells": 30, "compound": f"C{number}"})
    pd.DataFrame(truth).to_parquet(tmp_path / "truth.parquet")
    plate = Plate("P", tmp_path, "made up", 8, 12, (), {}, pixel_size_um=1.0)
    table = pd.DataFrame(wells)
    cell_table = pd.DataFrame(cells).assign(Nuclei_AreaShape_Area=200.0)
    scored = ScoredPlate(tmp_path, table, cell_table, {"plate": {"name": "P"}}, plate)
    labelled = table.assign(_label=["no", "yes"] * 5, _compound=table["compound"], _dose=1.0, _side="new")
    found = associations([scored], Wells(labelled, Question("label", ("no", "yes")), ()), {}, EvaluationSettings(resamples=50))
    checks = {each.name: each for each in artefact_checks(found)}
    assert checks["planted artefact and score"].passed
    assert checks["planted artefact and relevance"].passed
    assert "planted artefact" in " ".join(audit.sentence(each, of) for of, each in found if each.strong)
