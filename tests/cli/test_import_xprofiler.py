import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from napari_mid.cli import main
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.network import MidModel


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file in the authors' layout for two channels, made from a network of ours by renaming its parts."""
    torch.manual_seed(0)
    channels = (ModelChannel("a", "other"), ModelChannel("b", "other"))
    config = ModelConfig("net", "task", ("no", "yes"), channels, backbone="resnet18", width=16)
    parts = {"encoder.": "sub_model.", "blocks.0.": "trm1.", "blocks.1.": "trm2.", "head.": "cls.0."}
    renamed = {}
    for name, tensor in MidModel(config).state_dict().items():
        ours = next((part for part in parts if name.startswith(part)), "")
        renamed["module." + parts.get(ours, "") + name.removeprefix(ours)] = tensor
    torch.save({"state_dict": renamed}, tmp_path / "herg.pt")
    return tmp_path / "herg.pt"


def test_imported_weights_score_a_plate(weights: Path, disc_plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = tmp_path / "herg_model"
    names = ["--classes", "nontoxic", "toxic", "--channels", "w1=nucleus", "w2=ros"]
    assert main(["import-xprofiler", str(weights), str(model), *names, "--slice-size", "32", "--task", "hERG inhibition"]) == 0
    assert "untested here" in capsys.readouterr().out
    config = json.loads((model / "config.json").read_text())
    assert (config["width"], config["slice_px"], config["normalisation"], config["task"]) == (16, 32, "plate", "hERG inhibition")
    assert config["nucleus_channel"] == "w1"
    card = (model / "card.md").read_text()
    assert "CC BY-NC-SA" in card
    assert "not tested here" in card
    assert str(tmp_path) not in card
    assert main(["score", str(disc_plate), "--model", str(model), "--wells", "A01", "--out", str(tmp_path / "out")]) == 0
    wells = pd.read_csv(tmp_path / "out" / "wells.csv")
    assert wells["n_cells"].tolist() == [9]
    assert 0 < wells["score"][0] < 1


def test_trouble_is_one_line(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    names = ["--classes", "nontoxic", "toxic", "--channels", "w1=nucleus"]
    assert main(["import-xprofiler", str(weights), str(tmp_path / "model"), *names]) == 1
    error = capsys.readouterr().err
    assert "reads 2 channels, but 1" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "model").exists()
