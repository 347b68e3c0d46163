"""Every mistake a user can make on the command line ends in one line on stderr, status 1, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from napari_mid.cli import main
from napari_mid.model.folder import save_model
from napari_mid.model.network import MidModel

NUCLEUS = ("--nucleus-channel", "w1")


@pytest.fixture
def model_folder(small_model: MidModel, tmp_path: Path) -> Path:
    return save_model(small_model, tmp_path / "model", card="", metrics={})


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that `arguments` end in."""
    assert main([str(argument) for argument in arguments]) == 1
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err
    return lines[0]


def test_no_plate_at_that_path(capsys: pytest.CaptureFixture[str], model_folder: Path, tmp_path: Path) -> None:
    for command in (["info"], ["score", "--model", model_folder, "--out", tmp_path / "out"]):
        assert str(tmp_path / "nowhere") in failure(capsys, command[0], tmp_path / "nowhere", *command[1:])


def test_an_empty_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in failure(capsys, "info", tmp_path / "empty")


def test_an_unreadable_plate_map(capsys: pytest.CaptureFixture[str], disc_plate: Path, tmp_path: Path) -> None:
    plate_map = tmp_path / "map.csv"
    plate_map.write_bytes(bytes(range(256)) * 10)
    assert "map.csv" in failure(capsys, "info", disc_plate, "--plate-map", plate_map)
    assert "gone.csv" in failure(capsys, "info", disc_plate, "--plate-map", tmp_path / "gone.csv")


def test_a_channel_that_is_not_on_the_plate(capsys: pytest.CaptureFixture[str], disc_plate: Path) -> None:
    line = failure(capsys, "info", disc_plate, "--nucleus-channel", "Hoechst")
    assert "Hoechst" in line
    assert "w1" in line, "the message names the channels that there are"


def test_a_model_whose_channels_the_plate_lacks(
    capsys: pytest.CaptureFixture[str], disc_plate: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = failure(capsys, "score", disc_plate, *NUCLEUS, "--model", model_folder, "--out", out)
    assert "ROS" in line
    assert "--roles" in line
    assert not out.exists()


def test_no_model_at_that_path(capsys: pytest.CaptureFixture[str], disc_plate: Path, tmp_path: Path) -> None:
    line = failure(capsys, "score", disc_plate, "--model", tmp_path / "none", "--out", tmp_path / "out")
    assert str(tmp_path / "none") in line


def test_wells_that_are_not_on_the_plate(
    capsys: pytest.CaptureFixture[str], disc_plate: Path, model_folder: Path, tmp_path: Path
) -> None:
    for wells in ("H12", "potato", "A01-B02-C03"):
        failure(capsys, "score", disc_plate, "--model", model_folder, "--out", tmp_path / "out", "--wells", wells)


def test_a_device_that_is_not_there(
    capsys: pytest.CaptureFixture[str], disc_plate: Path, model_folder: Path, tmp_path: Path
) -> None:
    arguments = ["score", disc_plate, "--roles", "w1=nucleus", "w2=ros", "--model", model_folder, "--out", tmp_path / "out"]
    assert "cuda:7" in failure(capsys, *arguments, "--device", "cuda:7")


def test_a_damaged_image_and_a_well_without_nuclei_lose_only_their_wells(
    capsys: pytest.CaptureFixture[str], disc_plate: Path, model_folder: Path, tmp_path: Path
) -> None:
    damaged = next(disc_plate.glob("*A02*w2.tif"))
    damaged.write_bytes(damaged.read_bytes()[:5000])
    next(disc_plate.glob("*A03*w2.tif")).unlink()
    arguments = ["score", disc_plate, "--roles", "w1=nucleus", "w2=ros", "--model", model_folder, "--out", tmp_path / "out"]
    assert main([str(argument) for argument in arguments]) == 0
    errors = capsys.readouterr().err
    assert damaged.name in errors
    assert "A03" in errors
    assert "no nuclei were found in A06" in errors
    wells = pd.read_csv(tmp_path / "out" / "wells.csv").set_index("Metadata_Well")
    assert wells["call"].to_dict() | {"A01": "", "A04": "", "A05": ""} == {
        "A01": "",
        "A02": "unreadable",
        "A03": "unreadable",
        "A04": "",
        "A05": "",
        "A06": "no cells",
    }
    assert wells.loc[["A02", "A03", "A06"], "score"].isna().all()
    assert wells.loc[["A01", "A04", "A05"], "score"].notna().all()


def test_a_place_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], disc_plate: Path, model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    arguments = ["score", disc_plate, "--roles", "w1=nucleus", "w2=ros", "--model", model_folder, "--wells", "A01"]
    assert str(tmp_path / "file") in failure(capsys, *arguments, "--out", tmp_path / "file" / "out")


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], disc_plate: Path) -> None:
    for arguments in (["info"], ["no-such-command"], ["info", str(disc_plate), "--roles", "w1"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_two_nucleus_channels_are_wrong_usage(capsys: pytest.CaptureFixture[str], disc_plate: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["info", str(disc_plate), "--roles", "w2=nucleus", "--nucleus-channel", "w1"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == ("napari-mid: error: --nucleus-channel says 'w1', --roles 'w2'; give one nucleus channel\n")
