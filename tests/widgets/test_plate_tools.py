"""The plate map as a navigator: colours, filter, looks of wells, tabs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QPixmap

from napari_mid.errors import ImageReadError
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.well_names import well_name
from napari_mid.session import Session
from napari_mid.widgets.plate_map import FAILED, RUNNING, PlateMapView
from napari_mid.widgets.window import PLATE, Window

DNA = Channel("DNA", "nucleus")
Wait = Callable[[Callable[[], bool]], None]


def test_wells_are_coloured_by_dose_and_by_what_their_scores_say(scored: Window) -> None:
    panel, session = scored.panels[PLATE], scored.session
    panel.mode.setCurrentText("dose")
    doses = {name: float(well.condition["concentration"]) for name, well in session.plate.wells.items()}
    colours = panel.map.painted.colours
    assert set(colours) == set(doses)
    for first in doses:
        for second in doses:
            if min(doses[first], doses[second]) > 0:
                assert (colours[first] == colours[second]) == (doses[first] == doses[second])
    assert panel.map.painted.scale[:2] == (min(dose for dose in doses.values() if dose > 0), max(doses.values()))
    panel.mode.setCurrentText("call")
    assert dict(panel.map.painted.entries) == {session.result.call: colours_of(panel)[session.well]}
    panel.mode.setCurrentText("warnings")
    assert list(colours_of(panel)) == [session.well]


def colours_of(panel: Any) -> dict[str, str]:
    found: dict[str, str] = panel.map.painted.colours
    return found


def test_wells_that_do_not_fulfil_the_filter_become_faint(scored: Window) -> None:
    panel, plate = scored.panels[PLATE], scored.session.plate
    panel.filter.setText("role = negative_control")
    controls = {name for name, well in plate.wells.items() if well.condition["role"] == "negative_control"}
    assert panel.map.aside == set(plate.wells) - controls
    assert panel.filtered.text() == f"{len(controls)} of {len(plate.wells)} wells"
    panel.filter.setText("score >= 0")
    assert panel.map.aside == set(plate.wells) - {scored.session.well}
    panel.filter.setText("colour = red")
    assert "no column 'colour'" in panel.filtered.text()
    panel.filter.setText("")
    assert not panel.map.aside


def painted(panel: Any, name: str) -> np.ndarray:
    """The pixels of a well as they are on the screen."""
    well = panel.session.plate.wells[name]
    image = QPixmap(panel.map.grab(panel.map.rect_of(well.row, well.column).toRect())).toImage()
    return np.array([image.pixelColor(x, y).getRgb()[:3] for y in range(image.height()) for x in range(image.width())])


def has(pixels: np.ndarray, colour: Any) -> bool:
    return bool((np.abs(pixels - np.array(colour.getRgb()[:3])).max(axis=1) < 12).any())


def test_wells_that_run_and_those_that_failed_look_different(opened: Window, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    session, panel = opened.session, opened.panels[PLATE]
    names = list(session.plate.wells)
    bad, seen, looked = names[2], [], threading.Event()
    from napari_mid.workflow import score_well

    score = score_well.score_well_steps

    def score_or_fail(plate: Any, well: str, *args: Any, **more: Any) -> Any:
        if well == bad:
            raise ImageReadError(f"{well} is damaged.")
        if well == names[1]:
            looked.wait(240)
        return (yield from score(plate, well, *args, **more))

    monkeypatch.setattr(score_well, "score_well_steps", score_or_fail)
    session.events.progress_changed.connect(lambda: seen.append(session.progress.running))
    opened.actions.score_all()
    wait(lambda: session.progress.running == names[1])
    assert has(painted(panel, names[1]), RUNNING)
    assert "being scored" in panel.map.describe(names[1])
    looked.set()
    wait(lambda: not opened.jobs.running("run"))
    assert set(seen) >= set(names)
    assert session.progress.running == ""
    assert dict(session.progress.failed) == {bad: f"{bad} is damaged."}
    assert has(painted(panel, bad), FAILED)
    assert not has(painted(panel, names[0]), FAILED)
    assert "is damaged" in panel.map.describe(bad)


def test_two_plates_are_tabs_and_the_first_comes_back_with_its_results(
    scored: Window, wait: Wait, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from napari_mid.plates import open_plate
    from napari_mid.progress import finish
    from napari_mid.simulation.plate import simulate_steps
    from napari_mid.simulation.settings import SimulationSettings

    session, tabs = scored.session, scored.panels[PLATE].tabs
    first, result, intensity = session.plate, session.result, session.intensity
    assert not tabs.isVisibleTo(scored.panels[PLATE])
    folder = tmp_path_factory.mktemp("second") / "plate"
    finish(simulate_steps(folder, SimulationSettings(wells=6, fields=1, field_px=128, cells_per_field=5, seed=2)))
    scored.actions.show_plate(open_plate(folder))
    wait(lambda: session.images is not None)
    assert session.result is None
    assert tabs.count() == 2
    assert tabs.currentIndex() == 1
    tabs.setCurrentIndex(0)
    assert session.plate is first
    assert session.result is result
    assert session.intensity is intensity
    wait(lambda: session.images is not None)
    tabs.tabCloseRequested.emit(0)
    assert session.plate.path == folder
    assert tabs.count() == 1


def big_plate(rows: int, columns: int) -> Plate:
    planes = (Plane(Path("a.tif"), 0),)
    names = {well_name(row, column): float(row) for row in range(1, rows + 1) for column in range(1, columns + 1)}
    wells = {
        name: Well(
            "big",
            name,
            {1: Field("big", name, 1, planes, (DNA,))},
            {"compound": name[1:], "concentration": dose},
        )
        for name, dose in names.items()
    }
    return Plate("big", Path("big"), "test", rows, columns, (DNA,), wells)


@pytest.mark.parametrize(("rows", "columns"), [(16, 24), (32, 48)])
def test_large_plates_are_painted_without_a_pause(qtbot: Any, rows: int, columns: int) -> None:
    session = Session()
    view = PlateMapView(session)
    qtbot.addWidget(view)
    view.resize(900, 500)
    session.plate = big_plate(rows, columns)
    view.mode = "dose"
    view.grab()
    calls = [0]
    sys.setprofile(lambda *_: calls.__setitem__(0, calls[0] + 1))
    try:
        view.refresh()
        view.grab()
    finally:
        sys.setprofile(None)
    # what a well costs does not grow with the plate
    assert calls[0] < 300 * rows * columns
