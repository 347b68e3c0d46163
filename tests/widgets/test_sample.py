"""File > Open Sample has a simulated plate; it is drawn once and kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_mid.progress import finish
from napari_mid.viewer.sample_data import cache_folder, sample_folder, sample_plate_steps
from napari_mid.widgets.window import Window


@pytest.fixture
def cache(plate_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds a small plate in place of the real sample."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    shutil.copytree(plate_folder, sample_folder("cardiotox"))
    return tmp_path


def test_a_plate_that_is_there_is_not_drawn_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr("napari_mid.simulation.plate.simulate_steps", never)
    assert finish(sample_plate_steps("cardiotox")).simulated


def test_file_open_sample_opens_it_in_the_window(window: Window, cache: Path, wait: Callable[[Callable[[], bool]], None]) -> None:
    assert window.viewer.open_sample("napari-mid", "cardiotox") == []
    wait(lambda: window.session.images is not None)
    assert window.session.plate.simulated
    assert cache in window.session.plate.path.parents


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(blocked))
    assert blocked not in cache_folder().parents
