"""A real window on a small simulated plate, with a small model of random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from napari_mid.model.network import MidModel
    from napari_mid.plates.plate import Plate
    from napari_mid.widgets.window import Window

#: Milliseconds that a test waits for background work before it gives up: much more than a busy machine needs.
PATIENCE = 240_000


@pytest.fixture(scope="session")
def plate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from napari_mid.progress import finish
    from napari_mid.simulation.plate import simulate_steps
    from napari_mid.simulation.settings import SimulationSettings

    out = tmp_path_factory.mktemp("plates") / "tiny"
    return finish(simulate_steps(out, SimulationSettings(wells=6, fields=2, field_px=160, cells_per_field=8)))


@pytest.fixture
def plate(plate_folder: Path) -> Plate:
    from napari_mid.plates import open_plate

    return open_plate(plate_folder)


@pytest.fixture
def window(make_napari_viewer: Any, small_model: MidModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    """The usual layout in a viewer, with a model, before a plate is open."""
    monkeypatch.setenv("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")
    from napari_mid.widgets.open import open_layout

    opened = open_layout(make_napari_viewer())
    opened.session.model = small_model
    yield opened
    opened.jobs.shutdown()


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Callable[[], bool]], None]:
    return lambda condition: qtbot.waitUntil(condition, timeout=PATIENCE)


@pytest.fixture
def opened(window: Window, plate: Plate, wait: Callable[[Callable[[], bool]], None]) -> Window:
    """The window with the plate open and the images of its first well shown."""
    window.actions.show_plate(plate)
    wait(lambda: window.session.images is not None and window.session.intensity is not None)
    return window


@pytest.fixture
def scored(opened: Window, wait: Callable[[Callable[[], bool]], None]) -> Window:
    """The window after Run."""
    opened.actions.run()
    wait(lambda: opened.session.result is not None)
    return opened
