import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from napari_mid.cli import main
from napari_mid.files import write_json
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.network import MidModel

ROWS = "ABCDEFGH"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What ``score`` leaves of 12 compounds at two doses, half of them toxic, and four control wells; the images are gone."""
    rng = np.random.default_rng(0)
    rows, cells = [], []
    for number in range(28):
        compound, dose = number // 2, (1.0, 10.0)[number % 2]
        toxic = compound % 2 == 1
        control = compound >= 12
        well = f"{ROWS[number // 12]}{number % 12 + 1:02d}"
        score = float(np.clip((0.8 if toxic else 0.2) + rng.normal(0, 0.15), 0, 1))
        rows.append(
            {
                "Metadata_Plate": "P1",
                "Metadata_Well": well,
                "score": score,
                "call": "positive",
                "n_cells": 30,
                "compound": "DMSO" if control else f"C{compound:02d}",
                "concentration": dose,
                "concentration_um": dose,
                "role": "negative_control" if control else "sample",
                "tox": "toxic" if toxic else "safe",
            }
        )
        for _ in range(8):
            place = rng.uniform(0, 300, 2)
            cells.append(
                {
                    "Metadata_Plate": "P1",
                    "Metadata_Well": well,
                    "Metadata_Site": 1,
                    "Nuclei_Location_Center_X": place[0],
                    "Nuclei_Location_Center_Y": place[1],
                    "Nuclei_AreaShape_Area": rng.uniform(100, 200),
                    "touches_border": bool(rng.random() < 0.3),
                    "relevance": rng.uniform(0.5, 1.5),
                    "excluded": False,
                }
            )
    folder = tmp_path / "results"
    folder.mkdir()
    pd.DataFrame(rows).to_csv(folder / "wells.csv", index=False)
    pd.DataFrame(cells).to_parquet(folder / "cells.parquet", index=False)
    run = {
        "plate": {"name": "P1", "path": str(tmp_path / "gone"), "format": "test", "simulated": False},
        "model": {"name": "m", "hash": "0123456789ab", "classes": ["safe", "toxic"], "simulated": False},
        "settings": {
            "scoring": {"seed": 0},
            "roles": {},
            "reading": {"time_point": "first", "focal_plane": "maximum projection", "flat_field": "off"},
            "threshold": 0.5,
        },
        "intensity_range": {},
    }
    write_json(folder / "run.json", run)
    return folder


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def test_results_become_metrics_tables_and_a_page(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = [results, "--label", "tox", "--baselines", "cell_count", "well_position", "--resamples", 100, "--out", out]
    assert evaluate(*arguments) == 0
    said = capsys.readouterr()
    assert "12 compounds counted (all, training unknown), 6 of them toxic" in said.out
    assert "not known on which compounds" in said.err
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["unit"] == "compound"
    assert metrics["n"] == 12
    assert sum(metrics["confusion"].values()) == 12
    assert metrics["metrics"]["auroc"]["value"] > 0.9
    assert set(metrics["baselines"]) == {"cell_count", "well_position"}
    assert metrics["baselines"]["cell_count"]["metrics"]["auroc"]["value"] == 0.5, "every well has 30 cells"
    assert metrics["baselines"]["cell_count"]["minus_mid"]["auroc"]["high"] < 0
    tests = metrics["baselines"]["cell_count"]["paired"]
    assert tests["swap_auroc"] < 0.05
    assert tests["only_reference"] > tests["only_right"] == 0
    assert tests["mcnemar"] == pytest.approx(2 * 0.5 ** tests["only_reference"])
    assert "cross-validated" in metrics["baselines_trained"]
    assert metrics["permuted_labels"]["auroc"] == pytest.approx(0.5, abs=0.06)
    assert [row["dose"] for row in metrics["doses"]] == [1, 10]
    units = pd.read_csv(out / "units.csv")
    assert {"score", "score_cell_count", "n_wells"} <= set(units)
    page = (out / "evaluation.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("data:image/png") == page.count("<figure>") >= 5
    assert "Against the baselines" in page


def test_json_is_what_is_written_and_the_same_every_time(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        results,
        "--label",
        "tox",
        "--unit",
        "well",
        "--controls",
        "--resamples",
        20,
        "--baselines",
        "well_position",
        "--json",
    ]
    printed = []
    for out in (tmp_path / "o", tmp_path / "again"):
        assert evaluate(*arguments, "--out", out) == 0
        printed.append(json.loads(capsys.readouterr().out))
        assert printed[-1] == json.loads((out / "metrics.json").read_text())
    assert printed[0] == printed[1]
    assert printed[0]["n"] == 28
    assert printed[0]["n_compounds"] == 13


def test_what_the_model_was_trained_on_is_never_counted(
    results: Path, small_model: MidModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = {"unit": "compound", "train": ["c00", "C01", "C02", "C03"], "validation": ["C04"], "refitted": False}
    folder = save_model(small_model, tmp_path / "model", card="", metrics={"split": split})
    run = json.loads((results / "run.json").read_text())
    run["model"]["hash"] = load_model(folder).hash
    write_json(results / "run.json", run)
    wells = pd.read_csv(results / "wells.csv")
    wells.loc[wells["compound"].isin(["C00", "C01"]), "score"] = [0.9, 0.9, 0.1, 0.1]  # wrong where it was trained
    wells.to_csv(results / "wells.csv", index=False)
    arguments = [results, "--label", "tox", "--model", folder, "--resamples", 50, "--baselines", "cell_count", "--json"]
    assert evaluate(*arguments, "--out", tmp_path / "o") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counted"] == "held out"
    assert found["n"] == 8
    assert found["metrics"]["accuracy"]["value"] == 1
    assert found["by_side"]["trained"]["n"] == 4
    assert found["by_side"]["trained"]["metrics"]["accuracy"]["value"] == 0.5
    assert found["by_side"]["validation"]["n"] == 1
    assert "4 compounds that the model was trained on" in found["baselines_trained"]
    assert any("4 compounds were in the training" in caution for caution in found["cautions"])


def test_thresholds_are_fitted_on_the_validation_compounds_and_judged_on_new_ones(
    results: Path, small_model: MidModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All scores are far too low, in their right order: at 0.5 nothing is called positive, at a fitted threshold all is right."""
    validation = ["C04", "C05", "C06", "C07"]
    split = {"unit": "compound", "train": ["C00", "C01", "C02", "C03"], "validation": validation, "refitted": False}
    folder = save_model(small_model, tmp_path / "model", card="", metrics={"split": split})
    run = json.loads((results / "run.json").read_text())
    run["model"]["hash"] = load_model(folder).hash
    write_json(results / "run.json", run)
    wells = pd.read_csv(results / "wells.csv")
    wells["score"] /= 4
    wells.to_csv(results / "wells.csv", index=False)
    arguments = [results, "--label", "tox", "--model", folder, "--resamples", 50, "--json"]
    assert evaluate(*arguments, "--out", tmp_path / "plain") == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["balanced_accuracy"]["value"] == 0.5
    arguments += ["--fit-threshold", "--baselines", "cell_count"]
    assert evaluate(*arguments, "--out", tmp_path / "fitted") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 4
    assert found["counted"] == "new; thresholds fitted on 4 others held out of training"
    assert found["metrics"]["balanced_accuracy"]["value"] == 1
    assert 0 < found["threshold"] < 0.25
    assert 0 < found["baselines"]["cell_count"]["threshold"] < 1
    assert not any("validation compounds" in caution for caution in found["cautions"])
    assert evaluate(*arguments, "--threshold", 0.3, "--out", tmp_path / "both") != 0
    assert "leave one of the two out" in capsys.readouterr().err


def test_a_threshold_cannot_be_fitted_on_nothing(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(results, "--label", "tox", "--fit-threshold", "--out", tmp_path / "o") != 0
    assert "held out for validation; found 0 positive ones and 0 others" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_nothing_held_out_gives_no_number(
    results: Path, small_model: MidModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = {"unit": "compound", "train": [f"C{i:02d}" for i in range(12)], "validation": [], "refitted": True}
    folder = save_model(small_model, tmp_path / "model", card="", metrics={"split": split})
    run = json.loads((results / "run.json").read_text())
    run["model"]["hash"] = load_model(folder).hash
    write_json(results / "run.json", run)
    assert evaluate(results, "--label", "tox", "--model", folder, "--resamples", 50, "--json", "--out", tmp_path / "o") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 0
    assert found["metrics"]["auroc"] == {"value": None, "low": None, "high": None, "undefined": "there is nothing to count"}
    assert any("everything here was in the training" in caution for caution in found["cautions"])
    assert (tmp_path / "o" / "evaluation.html").is_file()


def test_a_property_that_moves_the_score_is_told(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wells = pd.read_csv(results / "wells.csv")
    wells["n_cells"] = (100 - 80 * wells["score"]).round().astype(int)
    wells.to_csv(results / "wells.csv", index=False)
    assert evaluate(results, "--label", "tox", "--resamples", 100, "--out", tmp_path / "o") == 0
    assert "The score falls with the number of cells" in capsys.readouterr().out
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())["audit"]
    strong = {(each["with"], each["among"]) for each in found if each["strong"]}
    assert ("the number of cells", "negative wells") in strong


def test_a_plate_is_scored_first(disc_plate: Path, small_model: MidModel, tmp_path: Path) -> None:
    model, out = save_model(small_model, tmp_path / "model", card="", metrics={}), tmp_path / "o"
    arguments = [
        disc_plate,
        "--roles",
        "w1=nucleus",
        "w2=ros",
        "--label",
        "role",
        "--controls",
        "--unit",
        "well",
        "--model",
        model,
    ]
    arguments += ["--positive", "positive_control", "--resamples", 20, "--out", out]
    networks = ["gated_attention_mil", "gated_attention_encoder", "single_cell"]
    brief = ["--network-steps", 2, "--network-cells", 5, "--network-backbone", "test_resnet"]
    assert evaluate(*arguments, *brief, "--baselines", "mean_intensity", "mean_pooled", *networks) == 0
    found = json.loads((out / "metrics.json").read_text())
    assert found["n"] == 5
    assert any("A06" in note for note in found["notes"]), "the well without nuclei is named"
    assert found["baselines"]["mean_intensity"]["metrics"]["auroc"]["value"] > 0.5
    assert {"mean_pooled", *networks} <= set(found["baselines"])
    (scores,) = (out / "scores").iterdir()
    again = tmp_path / "again"
    assert evaluate(scores, *arguments[4:-1], again) == 0, "what was scored is results like any other"
    assert json.loads((again / "metrics.json").read_text())["metrics"] == found["metrics"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--label", "nothing"], "no column 'nothing'"),
        (["--label", "role"], "two classes"),
        (["--label", "tox", "--positive", "bad"], "'bad'"),
        (["--label", "tox", "--baselines", "mean_intensity"], "images of plate P1 cannot be opened"),
        (["--label", "tox", "--model", "demo"], "score again"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert evaluate(results, *arguments, "--out", tmp_path / "o") == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o" / "metrics.json").exists()


def test_results_that_do_not_belong_together_are_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(results, results, "--label", "tox", "--out", tmp_path / "o") == 1
    assert "there twice" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    for name in ("wells.csv", "cells.parquet"):
        (other / name).write_bytes((results / name).read_bytes())
    run = json.loads((results / "run.json").read_text())
    write_json(other / "run.json", {**run, "model": {**run["model"], "hash": "ffffffffffff"}})
    assert evaluate(results, other, "--label", "tox", "--out", tmp_path / "o") == 1
    assert "2 models" in capsys.readouterr().err
    (other / "run.json").write_text("{")
    assert evaluate(other, "--label", "tox", "--out", tmp_path / "o") == 1
    assert "no folder of results" in capsys.readouterr().err


def test_a_plate_without_a_model_is_refused(disc_plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(disc_plate, "--label", "role", "--out", tmp_path / "o") == 1
    assert "--model" in capsys.readouterr().err


def seeds_of(results: Path, folder: Path, hashes: tuple[str, ...]) -> list[Path]:
    """The same results as if models that differ in their seed had made them; the later ones score a little worse."""
    made = []
    for number, key in enumerate(hashes):
        other = folder / key
        other.mkdir()
        wells = pd.read_csv(results / "wells.csv")
        wells["score"] = (1 - 0.3 * number) * wells["score"] + 0.3 * number * np.random.default_rng(number).random(len(wells))
        wells.to_csv(other / "wells.csv", index=False)
        (other / "cells.parquet").write_bytes((results / "cells.parquet").read_bytes())
        run = json.loads((results / "run.json").read_text())
        write_json(other / "run.json", {**run, "model": {**run["model"], "hash": key}})
        made.append(other)
    return made


def test_seeds_are_evaluated_each_and_together(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "o"
    runs = seeds_of(results, tmp_path, ("aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"))
    arguments = [*runs, "--label", "tox", "--several-models", "--resamples", 20, "--baselines", "cell_count", "--out", out]
    assert evaluate(*arguments) == 0
    said = capsys.readouterr().out
    assert "3 models" in said
    assert "mean of the models' scores: AUROC" in said
    found = json.loads((out / "metrics.json").read_text())
    rows = {(row["of"], row["metric"]): row for row in found["over_seeds"]}
    auroc = rows["MID", "auroc"]
    alone = [json.loads((out / model["folder"] / "metrics.json").read_text()) for model in found["models"]]
    assert auroc["values"] == [each["metrics"]["auroc"]["value"] for each in alone]
    assert auroc["mean"] == pytest.approx(np.mean(auroc["values"]))
    assert auroc["sd"] == pytest.approx(np.std(auroc["values"], ddof=1))
    assert auroc["sd"] > 0
    assert rows["cell_count", "auroc"]["sd"] == 0, "every well has 30 cells, whatever the seed"
    assert found["same_units"]
    units = [pd.read_csv(out / model["folder"] / "units.csv").set_index("unit") for model in found["models"]]
    mean = sum(each["score"] for each in units) / 3
    assert found["ensemble"]["auroc"]["value"] == pytest.approx(roc_auc_score(units[0]["positive"], mean))
    assert {"mean", "sd"} <= set(pd.read_csv(out / "seeds.csv"))
    assert (out / "seeds.png").stat().st_size > 5000


def test_probabilities_of_three_classes_are_judged_together(results: Path, tmp_path: Path) -> None:
    wells = pd.read_csv(results / "wells.csv")
    kinds = np.array(["safe", "unclear", "toxic"])
    wells["tox"] = kinds[wells["compound"].map({name: i % 3 for i, name in enumerate(wells["compound"].unique())})]
    for name in kinds:
        wells[f"probability_{name}"] = np.where(wells["tox"] == name, 0.8, 0.1)
    wells["score"] = wells["probability_toxic"]
    wells.to_csv(results / "wells.csv", index=False)
    run = json.loads((results / "run.json").read_text())
    write_json(results / "run.json", {**run, "model": {**run["model"], "classes": kinds.tolist()}})
    assert evaluate(results, "--label", "tox", "--resamples", 20, "--out", tmp_path / "o") == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())["several_classes"]
    assert found["accuracy"]["value"] == found["macro_auroc"]["value"] == 1
