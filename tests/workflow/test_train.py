import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch

from napari_mid.cli import main
from napari_mid.errors import ChannelError, PlateMapError, TrainingError
from napari_mid.model.folder import load_model
from napari_mid.plates import open_plate
from napari_mid.progress import finish
from napari_mid.training.settings import TrainingSettings
from napari_mid.workflow.train import train_model_steps

TINY = TrainingSettings(
    slice_size=32, backbone="test_resnet", width=16, heads=2, steps=20, set_size=4, learning_rate=3e-3, validation=0
)


def test_from_plate_to_model_to_scores_on_the_command_line(
    disc_plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "model", tmp_path / "out"
    nucleus = open_plate(disc_plate).channel_names[0]
    arguments = ["train", disc_plate, "--nucleus-channel", nucleus, "--label", "role", "--out", model]
    arguments += ["--classes", "negative_control", "positive_control", "--slice-size", 32, "--backbone", "test_resnet"]
    arguments += ["--width", 16, "--heads", 2, "--steps", 40, "--set-size", 4, "--learning-rate", 3e-3]
    assert main([str(argument) for argument in arguments]) == 0
    card = (model / "card.md").read_text()
    assert "split by well" in card.lower()
    # the model remembers which channel shows the nucleus
    assert main(["score", str(disc_plate), "--model", str(model), "--out", str(out), "--both-formats"]) == 0
    assert (out / "wells.parquet").is_file()
    wells = pd.read_csv(out / "wells.csv").set_index("Metadata_Well")["score"]
    assert wells["A04"] > wells["A01"] + 0.3
    assert "6 wells" in capsys.readouterr().out


def test_what_is_missing_for_training_is_said(disc_plate: Path, tmp_path: Path) -> None:
    plate = open_plate(disc_plate)
    with pytest.raises(ChannelError, match="nucleus"):
        finish(train_model_steps([plate], tmp_path / "m", label="role", settings=TINY))
    plate = plate.with_roles({plate.channel_names[0]: "nucleus"})
    with pytest.raises(PlateMapError, match="no column 'toxic'"):
        finish(train_model_steps([plate], tmp_path / "m", label="toxic", settings=TINY))
    with pytest.raises(TrainingError, match="two classes"):
        finish(train_model_steps([plate], tmp_path / "m", label="role", classes=["positive_control"], settings=TINY))
    classes = ["negative_control", "positive_contol"]
    with pytest.raises(TrainingError, match="positive_contol"):
        finish(train_model_steps([plate], tmp_path / "m", label="role", classes=classes, settings=TINY))
    assert not (tmp_path / "m").exists()


def test_an_unvalidated_model_says_so(disc_plate: Path, tmp_path: Path) -> None:
    plate = open_plate(disc_plate)
    plate = plate.with_roles({plate.channel_names[0]: "nucleus"})
    trained = finish(train_model_steps([plate], tmp_path / "m", label="role", settings=TINY))
    assert "not validated" in load_model(tmp_path / "m").card
    assert trained.metrics["n"] == 0
    assert not load_model(tmp_path / "m").config.simulated


def test_stopping_halfway_leaves_no_model(disc_plate: Path, tmp_path: Path) -> None:
    plate = open_plate(disc_plate)
    plate = plate.with_roles({plate.channel_names[0]: "nucleus"})
    steps = train_model_steps([plate], tmp_path / "m", label="role", settings=TINY)
    for progress in steps:
        if progress.step == "training" and progress.done == 3:
            break
    steps.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["discs", "m.training"], "a checkpoint, and no model"


def test_controls_are_refitted_on_all_wells_after_validation(disc_plate: Path, tmp_path: Path) -> None:
    plate = open_plate(disc_plate)
    plate = plate.with_roles({plate.channel_names[0]: "nucleus"})
    trained = {}
    for refit in ("never", "controls"):
        settings = dataclasses.replace(TINY, validation=0.3, refit=refit, steps=5)
        trained[refit] = finish(train_model_steps([plate], tmp_path / refit, label="role", settings=settings))
    assert trained["never"].metrics["scores"] == trained["controls"].metrics["scores"], (
        "both are validated without the held-out wells"
    )
    assert trained["controls"].metrics["refitted"]
    assert not trained["never"].metrics["refitted"]
    heads = [load_model(tmp_path / refit).head.weight for refit in trained]
    assert not torch.equal(*heads)
    assert "then trained on all wells" in load_model(tmp_path / "controls").card
