"""The demo says what is missing where it cannot open a window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_mid.cli import demo, main
from napari_mid.plates.plate import Plate, Well

WITHOUT_QT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"PyQt5", "PyQt6", "PySide2", "PySide6"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
from napari_mid.cli import main
sys.exit(main(["demo"]))
"""


def test_without_a_qt_binding_one_line_says_how_to_get_one() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_QT], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "napari-mid[all]" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_display_and_xvfb_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "check_window", lambda: None)
    monkeypatch.setattr(demo, "has_display", lambda: False)
    monkeypatch.setattr(demo.shutil, "which", lambda name: None)
    assert main(["demo"]) == 1
    assert "xvfb" in capsys.readouterr().err


def test_without_a_display_it_runs_again_on_a_virtual_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(demo, "check_window", lambda: None)
    monkeypatch.setattr(demo, "has_display", lambda: False)
    monkeypatch.setattr(demo.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(demo.subprocess, "run", run)
    assert main(["demo", "--model", str(tmp_path)]) == 0
    assert commands[0][0] == "/usr/bin/xvfb-run"
    assert commands[0][commands[0].index("--out") + 1] == "demo-output"
    assert commands[0][commands[0].index("--model") + 1] == str(tmp_path)


def plate_of(**conditions: dict[str, object]) -> Plate:
    from napari_mid.plates.field import Channel, Field, Plane

    channels = (Channel("Hoechst", "nucleus"),)
    wells = {
        name: Well("p", name, {1: Field("p", name, 1, (Plane(Path("a.tif"), 0),), channels)}, condition)
        for name, condition in conditions.items()
    }
    return Plate("p", Path("p"), "test", 2, 3, channels, wells)


def test_the_demo_begins_with_a_toxic_well() -> None:
    doses = {"A01": {"concentration_um": 0.1}, "A02": {"concentration_um": 10.0}, "A03": {"concentration_um": None}}
    assert demo.toxic_well(plate_of(**doses)) == "A02"
    assert demo.toxic_well(plate_of(**doses, B01={"role": "positive_control"})) == "B01"
    assert demo.toxic_well(plate_of(**doses, B01={"role": "positive_control"}, B02={"effect": "toxic"})) == "B02"
