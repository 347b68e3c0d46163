"""Which time point and focal plane is read, and with which flat-field correction: the same choices for every command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_mid.cli.main import main
from napari_mid.errors import SettingsError
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.field import Reading
from napari_mid.progress import finish
from napari_mid.training.settings import TrainingSettings
from napari_mid.workflow.contract import fit
from napari_mid.workflow.train import train_model_steps


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Twelve wells on a camera whose right half sees half the light; nuclei only at time point 2, focal plane 2."""
    folder = tmp_path / "series"
    folder.mkdir()
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:96, :96]
    light = 1.3 - 0.6 * xx / 95
    for column in range(1, 13):
        for time in (1, 2):
            for z in (1, 2):
                scene = np.full((96, 96), 300.0)
                if (time, z) == (2, 2):
                    for y, x in ((24, 24), (24, 72), (72, 24), (72, 72)):
                        scene[(yy - y) ** 2 + (xx - x) ** 2 <= 64] = 1500
                image = np.rint(scene * light + rng.normal(0, 3, scene.shape)).astype(np.uint16)
                tifffile.imwrite(folder / f"r01c{column:02d}f01p{z:02d}-ch1sk{time}fk1fl1.tiff", image)
    return folder


def info(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert main(["info", *map(str, arguments), "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_info_tells_the_choices(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = info(capsys, series)
    assert (facts["time_points"], facts["focal_planes"]) == ([1, 2], [1, 2])
    assert facts["flat_field"] == {"index": [], "used": "off"}
    assert info(capsys, series, "--flat-field", "estimated")["flat_field"]["used"] == "estimated"


def test_info_says_in_words_what_is_read(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(series)]) == 0
    assert "time point 1 of 1 to 2; maximum of the focal planes 1 to 2" in capsys.readouterr().out
    assert main(["info", str(series), "--time-point", "2", "--focal-plane", "1", "--flat-field", "estimated"]) == 0
    out = capsys.readouterr().out
    assert "time point 2 of 1 to 2; focal plane 1 of 1 to 2; flat-field correction estimated when images are read" in out


def test_a_real_index_with_profiles_is_corrected_unless_told_otherwise(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plate = real_data / "harmony_phenix_v5"
    flat_field = info(capsys, plate)["flat_field"]
    assert flat_field == {"index": ["Alexa 647", "Alexa 568", "488 long", "Alexa 488", "HOECHST 33342"], "used": "index"}
    assert info(capsys, plate, "--flat-field", "off")["flat_field"] == {**flat_field, "used": "off"}
    assert main(["info", str(plate)]) == 0
    assert "flat-field corrected as the index says (Alexa 647" in capsys.readouterr().out
    assert main(["info", str(plate), "--flat-field", "off"]) == 0
    assert "without the flat-field correction of the index" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time-point", "7"], "has no time point 7; it has 1, 2."),
        (["--focal-plane", "0"], "has no focal plane 0; it has 1, 2."),
        (["--flat-field", "index"], "has no flat-field profiles; choose the flat-field estimated or off."),
    ],
)
def test_what_the_plate_does_not_have_is_one_line(
    series: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["info", str(series), *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_an_unknown_correction_is_wrong_usage(series: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["info", str(series), "--flat-field", "best"])
    assert stopped.value.code == 2


def detect(series: Path, out: Path, *arguments: str) -> int:
    status = main(["detect", str(series), "--channel", "ch1", "--out", str(out), "--device", "cpu", *arguments])
    assert status == 0
    return len(pd.read_csv(out))


def test_commands_read_what_was_chosen(series: Path, tmp_path: Path) -> None:
    at_plane = detect(series, tmp_path / "a.csv", "--time-point", "2", "--focal-plane", "2", "--wells", "A01")
    assert at_plane == 4
    assert detect(series, tmp_path / "b.csv", "--time-point", "2", "--wells", "A01") == 4
    assert detect(series, tmp_path / "c.csv", "--time-point", "1", "--wells", "A01") == 0
    chosen = ["--time-point", "2", "--focal-plane", "2", "--flat-field", "estimated", "--wells", "A01"]
    assert detect(series, tmp_path / "d.csv", *chosen) == 4


def test_loose_images_have_no_such_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros((32, 32), np.uint16))
    arguments = ["detect", str(path), "--out", str(tmp_path / "n.csv"), "--flat-field", "estimated"]
    assert main(arguments) == 1
    assert "leave out --time-point, --focal-plane and --flat-field" in capsys.readouterr().err
    with pytest.raises(SettingsError):
        main([*arguments, "--debug"])


@pytest.mark.parametrize(
    "order",
    [
        ["PLATE", "--roles", "w1=nucleus", "w2=ros"],
        ["--roles", "w1=nucleus", "w2=ros", "PLATE"],
        ["--roles", "w1=nucleus", "--roles", "w2=ros", "PLATE"],
        ["--roles=w1=nucleus", "PLATE", "--roles", "w2=ros"],
    ],
)
def test_roles_may_stand_before_the_plate(disc_plate: Path, capsys: pytest.CaptureFixture[str], order: list[str]) -> None:
    facts = info(capsys, *(str(disc_plate) if part == "PLATE" else part for part in order))
    assert [channel["role"] for channel in facts["channels"]] == ["nucleus", "ros"]


def test_what_was_read_is_in_the_record_of_a_run(disc_plate: Path, small_model: MidModel, tmp_path: Path) -> None:
    save_model(small_model, tmp_path / "model", card="", metrics={})
    roles = ["--roles", "w1=nucleus", "w2=ros"]
    arguments = ["score", str(disc_plate), "--model", str(tmp_path / "model"), "--wells", "A01", "--device", "cpu", *roles]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--time-point", "1", "--focal-plane", "1"]) == 0
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["settings"]["reading"] == {"time_point": 1, "focal_plane": 1, "flat_field": "off"}


def test_a_model_knows_how_its_plates_were_read(disc_plate: Path, tmp_path: Path) -> None:
    as_stored = open_plate(disc_plate, roles={"w1": "nucleus"})
    corrected = as_stored.with_reading(Reading(flat_field="estimated", flat_fields=(None, None)))
    settings = TrainingSettings(slice_size=32, backbone="test_resnet", width=16, heads=2, steps=1, set_size=4, validation=0)
    finish(train_model_steps([corrected], tmp_path / "model", label="role", settings=settings, device="cpu"))
    model = load_model(tmp_path / "model")
    assert model.config.flat_field == "estimated"
    assert "focal plane maximum projection, flat-field estimated" in model.card
    assert fit(corrected, model).warnings == ()
    (warning,) = fit(as_stored, model).warnings
    assert warning == "this plate is read without flat-field correction, the model was trained with"
    other = open_plate(shutil.copytree(disc_plate, tmp_path / "other"), roles={"w1": "nucleus"})
    mixed = finish(train_model_steps([corrected, other], tmp_path / "mixed", label="role", settings=settings, device="cpu"))
    assert any("flat-field" in note for note in mixed.warnings)
    assert fit(as_stored, load_model(tmp_path / "mixed")).warnings == ()
