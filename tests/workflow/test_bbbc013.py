"""The main job on a real plate, as a data scientist would run it; minutes long, so `make test-slow` runs it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import spearmanr

from napari_mid.cli import main
from napari_mid.evaluation.metrics import z_prime


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_controls_are_apart_and_the_score_follows_the_dose(real_data: Path, tmp_path: Path) -> None:
    plate, model, out = real_data / "bbbc013", tmp_path / "model", tmp_path / "out"
    plate_map = ["--plate-map", str(plate / "plate_map.csv")]
    train = ["train", str(plate), *plate_map, "--nucleus-channel", "Channel2", "--label", "role", "--out", str(model)]
    train += ["--classes", "negative_control", "positive_control", "--preset", "fast", "--slice-size", "48"]
    assert main(train) == 0
    assert main(["score", str(plate), *plate_map, "--model", str(model), "--out", str(out)]) == 0
    wells = pd.read_csv(out / "wells.csv").set_index("role")
    assert len(wells) == 48
    assert z_prime(wells.loc["positive_control", "score"], wells.loc["negative_control", "score"]) >= 0.9
    samples = wells.loc["sample"]
    assert spearmanr(samples["concentration"], samples["score"]).statistic >= 0.85
