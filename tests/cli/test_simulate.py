from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_mid.cli.main import main

SMALL = ["--wells", "6", "--fields", "1", "--field-px", "128"]


def test_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "plate"
    assert main(["simulate", str(out), *SMALL, "--seed", "4", "--preset", "easy", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["plate"] == str(out)
    assert facts["wells"] == facts["fields"] == 6
    assert facts["settings"]["seed"] == 4
    assert facts["settings"]["preset"] == "easy"
    assert facts["cells"] > 0
    assert (out / "Images" / "Index.idx.xml").is_file()
    assert Path(facts["plate_map"]).is_file()
    assert Path(facts["truth"]).is_file()


def test_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["simulate", str(tmp_path), *SMALL]) == 1
    assert main(["simulate", str(tmp_path / "plate"), "--wells", "2"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "not empty" in lines[0]
    assert "wells is 2" in lines[1]
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["simulate", "out", "--layout", "papyrus"])
    assert stop.value.code == 2
    assert "harmony" in capsys.readouterr().err


def test_help_shows_defaults_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["simulate", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "(default: 24)" in text
    assert "napari-mid simulate my_plate" in text


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_mid.cli", "simulate", str(tmp_path / "plate"), "--wells", "96"]
    # a suite that runs in the background ignores SIGINT, and so would what it starts
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        try:
            while not list(tmp_path.rglob("*.tiff")) and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 130, errors
    assert errors.strip() == "napari-mid simulate: stopped; nothing half-written is left."
    assert not list(tmp_path.iterdir())
