"""Progress for programs, and stopping."""

import json
import os
import signal
from pathlib import Path

import pytest

from napari_mid.cli import main, train
from napari_mid.plates import open_plate
from napari_mid.progress import Progress


def arguments(disc_plate: Path, out: Path) -> list[str]:
    nucleus = open_plate(disc_plate).channel_names[0]
    given = ["train", disc_plate, "--nucleus-channel", nucleus, "--label", "role", "--out", out, "--slice-size", 32]
    given += ["--backbone", "test_resnet", "--width", 16, "--heads", 2, "--steps", 4, "--set-size", 3, "--sets-per-step", 4]
    return [str(argument) for argument in [*given, "--validation", 0, "--progress", "json"]]


def test_a_signal_stops_between_steps_and_resume_goes_on(
    disc_plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = train._tell

    def then_stop(progress: Progress) -> None:
        tell(progress)
        if (progress.step, progress.done) == ("training", 2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patched:
        patched.setattr(train, "_tell", then_stop)
        with pytest.raises(SystemExit) as stopped:
            main(arguments(disc_plate, tmp_path / "m"))
    assert stopped.value.code == 130
    assert signal.getsignal(signal.SIGTERM) is before
    told = capsys.readouterr().err
    assert "--resume goes on from here" in told
    assert not (tmp_path / "m").exists()
    assert main([*arguments(disc_plate, tmp_path / "m"), "--resume"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    assert all(set(event) == {"stage", "done", "total", "detail"} for event in events)
    steps = [event for event in events if event["stage"] == "training"]
    assert [event["done"] for event in steps] == [2, 3, 4]
    assert "loss" in steps[-1]["detail"]
    assert (tmp_path / "m" / "card.md").is_file()
    assert not (tmp_path / "m.training").exists()
