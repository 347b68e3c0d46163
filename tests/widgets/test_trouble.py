"""What goes wrong in the window is said, and nothing else is lost."""

from __future__ import annotations

import copy
import gc
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

from napari_mid.errors import ImageReadError
from napari_mid.progress import Progress
from napari_mid.session import Message, Session
from napari_mid.widgets.guidance import next_step
from napari_mid.widgets.window import MID, PLATE, Window, window_of
from napari_mid.widgets.work import Jobs, Partial

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def told(window: Window) -> list[Message]:
    messages: list[Message] = []
    window.session.events.told.connect(messages.append)
    return messages


def test_no_plate_at_that_path_is_told_and_the_open_plate_stays(
    opened: Window, told: list[Message], tmp_path: Path, wait: Wait
) -> None:
    plate = opened.session.plate
    opened.actions.open_plate(tmp_path / "nothing")
    wait(lambda: bool(told))
    assert told[0].level == "error"
    assert "nothing" in told[0].text
    assert opened.session.plate is plate
    assert opened.panels[MID].run.failure.text() == told[0].text


def test_an_error_becomes_a_notification(window: Window, wait: Wait) -> None:
    from napari.utils.notifications import notification_manager

    text = "The plate has no nucleus channel."
    window.session.tell(text, "error")
    wait(lambda: bool(notification_manager.records) and notification_manager.records[-1].message == text)
    assert notification_manager.records[-1].severity.value == "error"


def test_a_truncated_image_loses_its_field_with_a_warning(
    window: Window, plate_folder: Path, tmp_path: Path, wait: Wait, told: list[Message]
) -> None:
    from napari_mid.plates import open_plate

    copy = tmp_path / "copy"
    shutil.copytree(plate_folder, copy)
    plate = open_plate(copy)
    first = plate[next(iter(plate.wells))]
    damaged = first.fields[min(first.fields)].planes[0].path
    damaged.write_bytes(damaged.read_bytes()[:200])
    window.actions.show_plate(plate)
    wait(lambda: window.session.images is not None)
    assert any(damaged.name in message.text and message.level == "warning" for message in told)
    window.actions.run()
    wait(lambda: window.session.result is not None)
    assert set(window.session.result.cells["Metadata_Site"]) == {max(first.fields)}


def test_a_well_without_nuclei_has_no_score(opened: Window, wait: Wait) -> None:
    import numpy as np

    from napari_mid.cells.from_layers import nuclei_from_points

    well = opened.session.well
    assert well is not None
    opened.actions.use_nuclei(
        {field: nuclei_from_points(np.empty((0, 2)), well=well, field=field) for field in opened.session.images.fields}
    )
    assert "No nuclei" in next_step(opened.session)
    opened.actions.run()
    wait(lambda: opened.session.result is not None)
    panel = opened.panels[MID]
    assert "no cells" in panel.score.score.text()
    assert opened.presenter.points_layer is None or len(opened.presenter.points_layer.data) == 0
    assert not panel.export.gallery.isEnabled()


def test_a_result_of_the_model_before_is_not_shown(opened: Window, wait: Wait, small_model: Any, told: list[Message]) -> None:
    opened.actions.run()
    opened.session.model = copy.deepcopy(small_model)
    wait(lambda: not opened.jobs.running("run"))
    assert opened.session.result is None
    assert any("changed while" in message.text for message in told)


def test_nuclei_are_taken_from_a_points_and_from_a_labels_layer(opened: Window, told: list[Message]) -> None:
    import numpy as np

    images, size = opened.session.images, opened.session.plate.pixel_size_um
    layer = opened.viewer.add_points(np.array([[30.0, 40.0], [50.0, 60.0]]) * size, name="mine")
    opened.viewer.layers.selection.active = layer
    opened.actions.use_selected_layer()
    assert sum(len(found) for found in opened.session.nuclei.values()) == 2
    labels = np.zeros(images.layout.shape, dtype=int)
    labels[20:30, 20:30], labels[60:70, 20:30], labels[60:70, 80:90] = 1, 2, 3
    layer = opened.viewer.add_labels(labels, scale=(size, size))
    opened.viewer.layers.selection.active = layer
    opened.actions.use_selected_layer()
    assert sum(len(found) for found in opened.session.nuclei.values()) == 3
    opened.viewer.layers.selection.active = opened.presenter.image_layers[0]
    opened.actions.use_selected_layer()
    assert "Labels or Points" in told[-1].text


def test_every_state_says_what_to_do_next(window: Window, plate: Any, wait: Wait, small_model: Any) -> None:
    session, guide = window.session, window.panels[MID].run.guide
    assert "Open a plate" in guide.text()
    session.model = None
    window.actions.show_plate(plate)
    assert "model" in guide.text()
    session.model = small_model
    wait(lambda: session.images is not None)
    assert "Run" in guide.text()
    assert window.panels[PLATE].score_all.isEnabled()


def test_closing_a_dock_and_opening_it_again(scored: Window, wait: Wait) -> None:
    panel = scored.panels[MID]
    scored.viewer.window.remove_dock_widget(panel)
    panel.deleteLater()
    QApplication.processEvents()
    del panel
    gc.collect()
    scored.session.cell = 1
    scored.actions.step_well(1)
    wait(lambda: scored.session.images is not None)
    scored.open_layout()
    assert scored.session.well in scored.panels[MID].header.title.text()


@pytest.mark.parametrize("action", ["run", "score_all", "detect"])
def test_closing_the_window_during_a_run_ends_cleanly(
    make_napari_viewer: Any, plate: Any, small_model: Any, qtbot: Any, wait: Wait, action: str
) -> None:
    from napari_mid.widgets.open import open_layout

    viewer = make_napari_viewer()
    window = open_layout(viewer)
    window.session.model = small_model
    window.actions.show_plate(plate)
    wait(lambda: window.session.images is not None)
    getattr(window.actions, action)()
    assert window.jobs.running("run")
    with qtbot.captureExceptions() as exceptions:
        viewer.close()
        wait(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)
        qtbot.wait(100)  # what they told on their way out is delivered
    assert exceptions == []
    assert window.session.result is None


def test_one_session_per_viewer(make_napari_viewer: Any) -> None:
    first, second = make_napari_viewer(), make_napari_viewer()
    assert window_of(first) is window_of(first)
    assert window_of(first).session is not window_of(second).session


# -- the module that runs work -------------------------------------------------------------------------------------------------


@pytest.fixture
def jobs(qapp: Any) -> Iterator[Jobs]:
    made = Jobs(Session(), lambda: True)
    yield made
    made.shutdown()


def endless(closed: list[bool]) -> Iterator[Progress]:
    try:
        done = 0
        while True:
            done += 1
            yield Progress("waiting", done, 0)
            time.sleep(0.005)
    finally:
        closed.append(True)


def steps_of(*items: object, result: object = None, error: Exception | None = None) -> Any:
    yield from items
    if error is not None:
        raise error
    return result


def test_work_delivers_progress_parts_and_the_result(jobs: Jobs, wait: Wait) -> None:
    parts: list[object] = []
    results: list[object] = []
    shown: list[object] = []
    session = jobs._session
    session.events.work_changed.connect(lambda: shown.append(session.work))
    jobs.start(
        "run", "counting", steps_of(Progress("one", 1, 2), Partial("part"), result=7), results.append, partial=parts.append
    )
    wait(lambda: bool(results))
    assert results == [7]
    assert parts == ["part"]
    assert 0.5 in [work.fraction for work in shown if work is not None]
    assert session.work is None


def test_cancel_stops_at_the_next_yield_and_closes_the_generator(jobs: Jobs, wait: Wait) -> None:
    closed: list[bool] = []
    results: list[object] = []
    jobs.start("run", "a job", endless(closed), results.append)
    wait(lambda: jobs._session.work is not None and bool(jobs._session.work.detail))
    jobs.cancel("run")
    wait(lambda: bool(closed))
    assert results == []
    assert not jobs.busy()


def test_new_work_in_a_lane_replaces_the_old(jobs: Jobs, wait: Wait) -> None:
    closed: list[bool] = []
    results: list[object] = []
    jobs.start("images", "a job", endless(closed), results.append)
    wait(lambda: jobs._session.work is not None and "waiting" in jobs._session.work.detail)
    jobs.start("images", "counting", steps_of(result=3), results.append)
    wait(lambda: results == [3] and bool(closed))


def test_a_mid_error_is_told_and_a_bug_stays_loud(jobs: Jobs, wait: Wait, qtbot: Any) -> None:
    told: list[Message] = []
    failed: list[object] = []
    jobs._session.events.told.connect(told.append)
    jobs.start("run", "reading", steps_of(error=ImageReadError("a.tif is damaged.")), print, failed=failed.append)
    wait(lambda: bool(told))
    assert told == [Message("a.tif is damaged.", "error")]
    with qtbot.captureExceptions() as exceptions:
        # torch raises RuntimeError for nearly everything, and napari's worker alone would swallow it
        jobs.start("run", "reading", steps_of(error=RuntimeError("shape mismatch")), print, failed=failed.append)
        wait(lambda: len(failed) == 2)
    assert [kind for kind, *_ in exceptions] == [RuntimeError]
    assert not jobs.busy()


def test_a_plate_that_vanishes_while_it_is_open_is_said_and_shows_nothing_of_before(
    window: Window, plate_folder: Path, tmp_path: Path, wait: Wait, told: list[Message]
) -> None:
    folder = shutil.copytree(plate_folder, tmp_path / "gone")
    session, panel = window.session, window.panels[MID]
    window.actions.open_plate(folder)
    wait(lambda: session.images is not None and not window.jobs.busy())
    shutil.rmtree(folder)
    window.actions.step_well(1)
    wait(lambda: bool(told) and not window.jobs.busy())
    assert told[-1].level == "error"
    assert panel.run.failure.text() == told[-1].text
    assert "could not be read" in next_step(session)
    assert not any(layer.data.any() for layer in window.presenter.image_layers)
    # it is back: another click on the same well reads it
    well = session.well
    shutil.copytree(plate_folder, folder)
    assert well is not None
    window.actions.open_well(well)
    wait(lambda: session.images is not None and not window.jobs.busy())
    assert session.well == well
    shutil.rmtree(folder)
    told.clear()
    window.actions.show_overview()
    wait(lambda: not window.jobs.busy())
    assert [message.level for message in told] == ["warning"]
    assert told[0].text.startswith("6 of 6 wells could not be drawn")
    # all wells are scored from the overview, too, and their failures stand in one message
    told.clear()
    window.panels[PLATE].score_all.click()
    wait(lambda: bool(told) and not window.jobs.busy())
    assert [message.text[:32] for message in told] == ["6 wells could not be scored, fir"]


def test_all_wells_are_scored_while_the_overview_is_shown(opened: Window, wait: Wait, told: list[Message]) -> None:
    opened.actions.show_overview()
    opened.panels[PLATE].score_all.click()
    wait(lambda: len(opened.session.results) == 6 and not opened.jobs.busy())
    assert told == []
    assert opened.session.overview is not None
    opened.actions.run()
    assert told[-1].text == "Open a well first: click it on the plate map."


def test_a_flat_field_that_cannot_be_estimated_leaves_the_choice_as_it_was(
    opened: Window, real_data: Path, wait: Wait, told: list[Message]
) -> None:
    opened.actions.open_plate(real_data / "metaxpress_sparse")
    wait(lambda: opened.session.images is not None and not opened.jobs.busy())
    combo = opened.panels[PLATE].reading.flat_field
    combo.setCurrentText("estimated")
    combo.activated.emit(combo.currentIndex())
    wait(lambda: bool(told))
    assert "8 are needed" in told[-1].text
    assert combo.currentText() == "off"


def test_a_slice_of_the_galleries_is_cut_once_when_it_comes_into_view(
    scored: Window, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_mid.widgets import galleries

    cut: list[int] = []
    real = galleries.cell_slices
    scored.actions.step_well(1)
    wait(lambda: scored.session.images is not None)
    monkeypatch.setattr(galleries, "cell_slices", lambda *given: cut.append(1) or real(*given))
    scored.actions.step_well(-1)
    assert scored.session.images is not None
    shown = scored.panels[MID].galleries
    assert shown.relevant.cells
    before = len(cut)
    row = shown.relevant.cells[0]
    first = shown._picture(row)
    assert shown._picture(row) is first
    assert len(cut) <= before + 1
