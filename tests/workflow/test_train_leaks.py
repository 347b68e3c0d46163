"""What training refuses, tells and records about its split."""

import dataclasses
import json
from pathlib import Path

import pytest

from napari_mid.errors import ChannelError, TrainingError
from napari_mid.evaluation.sides import read_split
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.training.settings import TrainingSettings
from napari_mid.workflow.train import train_model_steps

TINY = TrainingSettings(
    slice_size=32, backbone="test_resnet", width=16, heads=2, steps=3, set_size=4, learning_rate=3e-3, validation=0.4
)


def plate_with(folder: Path, rows: list[str]) -> Plate:
    """The plate of discs with the columns compound and tox."""
    path = folder / "plate_map.csv"
    path.write_text("\n".join(["well,compound,tox", *rows]) + "\n")
    plate = open_plate(folder)
    return plate.with_roles({plate.channel_names[0]: "nucleus"})


def rows(compounds: str, labels: list[str]) -> list[str]:
    return [f"A0{i + 1},{compound},{label}" for i, (compound, label) in enumerate(zip(compounds, labels, strict=True))]


def test_the_split_is_recorded_and_read_back(disc_plate: Path, tmp_path: Path) -> None:
    plate = plate_with(disc_plate, rows("abcdef", ["no"] * 3 + ["yes"] * 3))
    trained = finish(train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY))
    split = read_split(tmp_path / "m")
    assert split is not None
    assert split.unit == "compound"
    assert split.trained | split.validation == set("abcdef")
    assert not split.trained & split.validation
    assert split.validation
    assert any("no nuclei were found in A06" in warning for warning in trained.warnings)
    refit = dataclasses.replace(TINY, refit="always")
    finish(train_model_steps([plate], tmp_path / "refit", label="tox", settings=refit))
    record = json.loads((tmp_path / "refit" / "metrics.json").read_text())["split"]
    assert record["refitted"]
    assert record["train"] == list("abcdef")
    assert record["validation"] == []


@pytest.mark.parametrize(
    ("compounds", "labels", "told"),
    [
        ("abcDdf", ["no"] * 3 + ["yes"] * 3, "'D' and 'd'"),
        ("xxxabc", ["yes"] * 3 + ["no"] * 3, "Class yes has one compound only, x"),
        ("abcdef", ["no"] * 3 + ["yes", "Yes", "yes"], "'Yes'"),
        ("abcdef", ["yes"] * 6, "two classes"),
    ],
)
def test_what_would_leak_or_mix_classes_is_refused_before_an_image_is_read(
    disc_plate: Path, tmp_path: Path, compounds: str, labels: list[str], told: str
) -> None:
    plate = plate_with(disc_plate, rows(compounds, labels))
    steps = train_model_steps([plate], tmp_path / "m", label="tox", settings=TINY)
    with pytest.raises(TrainingError, match=told):
        next(steps)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"folds": 4}, "Class no has 3 compounds, too few for 4 folds"),
        ({"folds": 1}, "two folds or more"),
        ({"split": "plate", "folds": 2}, "has 1 plate, too few for 2 folds"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused_before_an_image_is_read(
    disc_plate: Path, tmp_path: Path, changed: dict[str, object], told: str
) -> None:
    plate = plate_with(disc_plate, rows("abcdef", ["no"] * 3 + ["yes"] * 3))
    with pytest.raises(TrainingError, match=told):
        next(train_model_steps([plate], tmp_path / "m", label="tox", settings=dataclasses.replace(TINY, **changed)))  # type: ignore[arg-type]
    assert not (tmp_path / "m.training").exists()


def test_two_plates_of_one_name_are_refused(disc_plate: Path, tmp_path: Path) -> None:
    plate = plate_with(disc_plate, rows("abcdef", ["no"] * 3 + ["yes"] * 3))
    with pytest.raises(TrainingError, match="Two plates are called discs"):
        next(train_model_steps([plate, plate], tmp_path / "m", label="tox", settings=TINY))


def test_plates_with_other_channels_are_refused_at_once(disc_plate: Path, tmp_path: Path) -> None:
    plate = plate_with(disc_plate, rows("abcdef", ["no"] * 3 + ["yes"] * 3))
    other = plate.with_channels(
        dataclasses.replace(channel, name="Cy5" if channel.name == plate.channel_names[1] else channel.name)
        for channel in plate.channels
    )
    with pytest.raises(ChannelError, match=f"no channel '{plate.channel_names[1]}'.*Cy5"):
        next(train_model_steps([plate, other], tmp_path / "m", label="tox", settings=TINY))
