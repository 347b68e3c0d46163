"""Nuclei from a table instead of a detector, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_mid.cli import main
from napari_mid.model.folder import save_model
from napari_mid.model.network import MidModel

ROLES = ("--roles", "w1=nucleus", "w2=ros", "--device", "cpu")
PLACE = ["Metadata_Well", "Metadata_Site", "Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]


@pytest.fixture
def model_folder(small_model: MidModel, tmp_path: Path) -> Path:
    return save_model(small_model, tmp_path / "model", card="", metrics={})


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_detected_nuclei_give_the_same_cells_and_scores(disc_plate: Path, model_folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "nuclei.csv"
    assert run("detect", disc_plate, "--out", table, *ROLES) == 0
    for name, more in (("own", []), ("given", ["--nuclei", table])):
        assert run("score", disc_plate, "--model", model_folder, "--out", tmp_path / name, *more, *ROLES) == 0
    own, given = (pd.read_parquet(tmp_path / name / "cells.parquet").sort_values(PLACE) for name in ("own", "given"))
    assert len(own) == 45
    assert own["Metadata_Well"].tolist() == given["Metadata_Well"].tolist()
    # the table has three decimals
    np.testing.assert_allclose(own[PLACE[2:]], given[PLACE[2:]], atol=1e-3)
    np.testing.assert_allclose(own["Nuclei_AreaShape_Area"], given["Nuclei_AreaShape_Area"], atol=1e-3)
    own_wells, given_wells = (pd.read_csv(tmp_path / name / "wells.csv") for name in ("own", "given"))
    assert own_wells["n_cells"].tolist() == given_wells["n_cells"].tolist()
    np.testing.assert_allclose(own_wells["score"], given_wells["score"], atol=1e-4)
    assert json.loads((tmp_path / "own" / "run.json").read_text())["settings"]["detection"]["detector"] == "learned"
    record = json.loads((tmp_path / "given" / "run.json").read_text())
    assert record["settings"]["detection"] == {"detector": "table", "table": "nuclei.csv"}


def test_a_well_the_table_lacks_has_no_cells(
    disc_plate: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("A01", 1, 20, 20), ("A01", 1, 60, 60), ("A01", 1, 500, 60)]
    pd.DataFrame(rows, columns=PLACE).to_csv(tmp_path / "n.csv", index=False)
    arguments = ("score", disc_plate, "--model", model_folder, "--out", tmp_path / "out", "--wells", "A01-A02", *ROLES)
    assert run(*arguments, "--nuclei", tmp_path / "n.csv") == 0
    wells = pd.read_csv(tmp_path / "out" / "wells.csv").set_index("Metadata_Well")
    assert wells["n_cells"].to_dict() == {"A01": 2, "A02": 0}
    assert wells.loc["A02", "call"] == "no cells"
    assert "n.csv has no nuclei in A02" in str(wells.loc["A02", "warnings"])
    assert "1 of the nuclei given for A01 field 1 lie outside" in str(wells.loc["A01", "warnings"])
    assert "no nuclei in 5 of the 6 wells" in capsys.readouterr().err


def test_a_table_that_does_not_fit_is_one_line(
    disc_plate: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("score", disc_plate, "--model", model_folder, "--out", tmp_path / "out", *ROLES)
    assert run(*arguments, "--nuclei", disc_plate / "plate_map.csv") == 1
    error = capsys.readouterr().err.strip()
    assert "plate_map.csv is no table of nuclei" in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_report_from_a_table(disc_plate: Path, model_folder: Path, tmp_path: Path) -> None:
    pd.DataFrame([("A04", 1, 20, 20), ("A04", 1, 60, 100)], columns=PLACE).to_csv(tmp_path / "n.csv", index=False)
    out = tmp_path / "report"
    assert (
        run("report", disc_plate, "--model", model_folder, "--wells", "A04", "--out", out, "--nuclei", tmp_path / "n.csv", *ROLES)
        == 0
    )
    assert pd.read_csv(out / "wells.csv")["n_cells"].tolist() == [2]
