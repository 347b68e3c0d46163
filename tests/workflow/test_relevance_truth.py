"""Relevance against the truth of a simulated plate, from the files that `simulate` and `score` leave."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from napari_mid.cli import main


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small plate, scored and evaluated with the demo model."""
    folder = tmp_path_factory.mktemp("evaluated")
    plate, out = folder / "plate", folder / "out"
    drawn = ["--preset", "easy", "--wells", "8", "--fields", "1", "--field-px", "300", "--cells-per-field", "24", "--seed", "5"]
    assert main(["simulate", str(plate), *drawn]) == 0
    arguments = ["evaluate", str(plate), "--label", "effect", "--unit", "well", "--controls", "--model", "demo"]
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
    assert found["spread_in_positive_wells"] > found["spread_in_negative_controls"], "where nobody responds, relevance is flat"


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


def test_the_page_shows_them(evaluated: Path) -> None:
    page = (evaluated / "evaluation.html").read_text()
    assert "Is relevance true?" in page
    assert "Simulated images: 1 of 1 plates" in page
