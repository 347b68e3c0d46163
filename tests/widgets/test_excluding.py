"""Cells left out of a score in the real window: one by one, several, kinds of them; undone, kept, and never of another well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_mid.cells.kept import well_key
from napari_mid.cells.nuclei import Nuclei
from napari_mid.inference.result import WellResult
from napari_mid.session import Message, Session
from napari_mid.viewer.compat import canvas_widget
from napari_mid.viewer.mouse import Lasso
from napari_mid.widgets.excluder import Excluder
from napari_mid.widgets.window import MID, Window

Wait = Callable[[Callable[[], bool]], None]


def n_out(window: Window) -> int:
    return int(window.session.result.excluded.sum())


def settled(window: Window, wait: Wait) -> None:
    wait(lambda: not window.jobs.running("exclude"))


def leave_out(window: Window, cells: list[int], wait: Wait) -> None:
    window.session.chosen = cells
    window.actions.excluder.toggle()
    settled(window, wait)


def shown(window: Window) -> set[int]:
    galleries = window.panels[MID].galleries
    return {*galleries.relevant.cells, *galleries.irrelevant.cells}


@pytest.fixture
def told(scored: Window) -> list[Message]:
    messages: list[Message] = []
    scored.session.events.told.connect(messages.append)
    return messages


def test_a_cell_leaves_score_galleries_and_canvas_and_undo_brings_it_back(scored: Window, wait: Wait) -> None:
    session, card = scored.session, scored.panels[MID].score
    before, points = session.result, scored.presenter.points_layer
    n, cell = before.n_cells, int(np.argmin(before.cells["rank"]))
    colours = points.face_color.copy()
    assert cell in shown(scored)
    assert not card.exclude.leave_out.isEnabled()
    leave_out(scored, [cell], wait)
    after = session.result
    assert n_out(scored) == 1
    assert np.isnan(after.cells["relevance"].iloc[cell])
    assert after.score != before.score
    assert f"{n - 1:,} cells (1 of {n:,} left out)" in card.cells.text()
    assert "1 by hand" in card.exclude.reasons.text()
    assert cell not in shown(scored)
    assert session.cell == cell
    assert "left out of the score" in scored.panels[MID].inspector.title.text()
    assert scored.presenter.points_layer is points  # recoloured: to make a layer takes long
    row = int(np.flatnonzero(points.features["cell"] == cell)[0])
    assert points.face_color[row, 3] == 0
    assert (np.delete(points.face_color[:, 3], row) > 0).all()
    session.cell = None
    assert points.border_color[row, 3] > 0  # hollow, but there
    assert after.settings["excluded_for"] == {"by_hand": 1}
    card.exclude.undo.click()
    settled(scored, wait)
    assert n_out(scored) == 0
    assert session.result.score == pytest.approx(before.score, abs=1e-6)
    np.testing.assert_allclose(points.face_color, colours, atol=1e-6)
    assert cell in shown(scored)
    assert not scored.actions.excluder.can_undo


def test_cells_are_taken_back_one_by_one(scored: Window, wait: Wait) -> None:
    button = scored.panels[MID].score.exclude.leave_out
    leave_out(scored, [1, 2, 3], wait)
    assert button.text() == "Take back 3 cells"
    scored.session.chosen = (2, 4)
    assert button.text() == "Leave out 2 cells"
    button.click()
    settled(scored, wait)
    assert n_out(scored) == 4
    leave_out(scored, [2], wait)
    np.testing.assert_array_equal(np.flatnonzero(scored.session.result.excluded), [1, 3, 4])


def test_the_next_cell_by_relevance_moves_up(scored: Window, wait: Wait) -> None:
    from napari_mid.widgets.keys import step_cell

    session = scored.session
    order = session.result.cells["rank"].to_numpy().argsort()
    session.cell = int(order[2])
    leave_out(scored, [int(order[2])], wait)
    third = session.result.cells.index[session.result.cells["rank"] == 3][0]
    step_cell(session, 1)
    assert session.cell == third
    leave_out(scored, [int(third)], wait)
    step_cell(session, -1)
    assert session.result.cells["rank"].iloc[session.cell] == 2


def send(canvas: QWidget, kind: QEvent.Type, place: QPoint) -> None:
    """A mouse event with Shift, which QTest cannot hold during a move."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    where = canvas.mapToGlobal(place)
    event = QMouseEvent(kind, QPointF(place), QPointF(where), button, held, Qt.KeyboardModifier.ShiftModifier)
    QApplication.sendEvent(canvas, event)


def test_a_line_drawn_around_cells_with_shift_selects_them_and_x_leaves_them_out(
    make_napari_viewer: Any, plate: Any, small_model: Any, wait: Wait, qtbot: Any
) -> None:
    from napari_mid.widgets.open import open_layout

    viewer = make_napari_viewer(show=True)
    window = open_layout(viewer)
    session = window.session
    session.model = small_model
    window.actions.show_plate(plate)
    wait(lambda: session.images is not None)
    window.actions.run()
    wait(lambda: session.result is not None)
    qtbot.wait(200)
    canvas = canvas_widget(viewer)
    view = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    centre = tuple(view.center)
    area = canvas.rect().adjusted(2, 2, -2, -2)
    middle = area.center()
    corners = [middle, QPoint(area.right(), middle.y()), area.bottomRight(), QPoint(middle.x(), area.bottom()), middle]
    send(canvas, QEvent.Type.MouseButtonPress, middle)
    for corner in corners:
        qtbot.wait(30)  # vispy passes over moves that follow each other sooner
        send(canvas, QEvent.Type.MouseMove, corner)
    assert canvas.findChild(Lasso) is not None
    send(canvas, QEvent.Type.MouseButtonRelease, middle)
    pixel = plate.pixel_size_um
    y, x = (window.presenter._positions * pixel - np.array(centre[-2:])).T
    inside = np.flatnonzero((y > 0) & (x > 0))
    assert 0 < len(inside) < session.result.n_cells
    assert session.chosen == frozenset(inside.tolist())
    assert tuple(view.center) == centre  # the camera stayed
    canvas.setFocus()
    viewer.layers.selection.active = window.presenter.image_layers[0]  # on which napari has an X of its own
    qtbot.keyClick(canvas, Qt.Key.Key_X)
    settled(window, wait)
    np.testing.assert_array_equal(np.flatnonzero(session.result.excluded), inside)
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyRelease(canvas, Qt.Key.Key_Control)  # Qt takes what was held last as held for good
    settled(window, wait)
    assert n_out(window) == 0
    window.jobs.shutdown()


def test_kinds_of_cells_are_left_out_of_every_scored_well(scored: Window, wait: Wait) -> None:
    session, first = scored.session, scored.session.well
    scored.actions.score_all()
    wait(lambda: not scored.jobs.running("run"))
    box = scored.panels[MID].score.exclude.kinds["border"]
    box.setChecked(True)
    settled(scored, wait)
    for result in session.results.values():
        np.testing.assert_array_equal(result.excluded, result.cells["touches_border"].to_numpy(dtype=bool))
        assert not result.preliminary
    assert n_out(scored) > 0
    session.chosen = np.flatnonzero(~session.result.excluded)[:1].tolist()
    scored.actions.excluder.toggle()
    settled(scored, wait)
    box.setChecked(False)
    settled(scored, wait)
    assert n_out(scored) == 1  # what was chosen by hand stays
    assert {well for well, result in session.results.items() if result.excluded.any()} == {first}


def test_run_keeps_what_was_left_out_and_says_what_is_gone(scored: Window, wait: Wait, told: list[Message]) -> None:
    session = scored.session
    leave_out(scored, [0, 5], wait)
    scored.actions.run()
    wait(lambda: not scored.jobs.running("run"))
    np.testing.assert_array_equal(np.flatnonzero(session.result.excluded), [0, 5])
    assert session.result.settings["excluded"] == 2
    nuclei: dict[int, Nuclei] = dict(session.nuclei)
    first = min(nuclei)
    nuclei[first] = nuclei[first].only(np.arange(len(nuclei[first])) != 0)
    scored.actions.use_nuclei(nuclei)
    scored.actions.run()
    wait(lambda: not scored.jobs.running("run") and session.result is not None)
    assert n_out(scored) == 1
    assert any("1 of the 2 cells left out" in message.text for message in told)


def test_score_all_leaves_out_what_was_left_out_before(scored: Window, wait: Wait) -> None:
    session, first = scored.session, scored.session.well
    leave_out(scored, [3], wait)
    session.model = session.model  # results go, what was left out does not
    assert session.result is None
    scored.actions.score_all()
    wait(lambda: not scored.jobs.running("run"))
    assert np.flatnonzero(session.results[first].excluded).tolist() == [3]
    assert sum(int(result.excluded.sum()) for result in session.results.values()) == 1


class Slow:
    """Stands for `rescore`: waits for leave before the final result, and says which wells it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.leave = threading.Event()

    def __call__(self, result: WellResult, model: Any, excluded: np.ndarray, settings: Any = None) -> Iterator[WellResult]:
        import dataclasses

        self.asked.append(result.well)
        cells: pd.DataFrame = result.cells.assign(excluded=excluded)
        yield dataclasses.replace(result, cells=cells, score=0.125, score_low=0.1, score_high=0.2, preliminary=True)
        self.leave.wait(240)
        yield dataclasses.replace(result, cells=cells, score=0.25)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    monkeypatch.setattr("napari_mid.workflow.exclude.rescore", made)
    yield made
    made.leave.set()


def test_the_preliminary_score_is_marked_and_the_final_one_follows(
    scored: Window, wait: Wait, slow: Slow, tmp_path: Path
) -> None:
    from napari_mid.viewer.export import canvas_view

    session, card = scored.session, scored.panels[MID].score
    session.cell = 2
    scored.actions.excluder.toggle()
    wait(lambda: session.result.preliminary)
    assert "0.12" in card.score.text()
    assert "preliminary" in card.score.text()
    assert 2 not in shown(scored)
    lines = " ".join(line.text for line in canvas_view(scored.presenter).caption.lines())
    assert "preliminary" in lines
    slow.leave.set()
    settled(scored, wait)
    assert session.result.score == 0.25
    assert "preliminary" not in card.score.text()
    view = canvas_view(scored.presenter)
    assert len(view.points) == session.result.n_cells - 1
    assert "1 of " in " ".join(line.text for line in view.caption.lines())


def test_a_well_that_was_left_gets_its_own_score_and_another_well_none(scored: Window, wait: Wait, slow: Slow) -> None:
    session, first = scored.session, scored.session.well
    scored.actions.step_well(1)
    wait(lambda: session.images is not None)
    scored.actions.run()
    wait(lambda: session.result is not None)
    second, its_result = session.well, session.result
    scored.actions.step_well(-1)
    wait(lambda: session.images is not None)
    session.cell = 1
    scored.actions.excluder.toggle()
    wait(lambda: session.result.preliminary)
    scored.actions.step_well(1)
    slow.leave.set()
    settled(scored, wait)
    assert session.well == second
    assert session.result is its_result
    assert session.results[first].score == 0.25
    assert np.flatnonzero(session.results[first].excluded).tolist() == [1]
    assert set(slow.asked) == {first}


def test_a_score_of_cells_that_are_gone_is_dropped(scored: Window, wait: Wait, slow: Slow) -> None:
    session = scored.session
    session.cell = 1
    scored.actions.excluder.toggle()
    wait(lambda: session.result.preliminary)
    scored.actions.use_nuclei(session.nuclei)  # its result goes
    slow.leave.set()
    settled(scored, wait)
    assert session.result is None
    assert session.well not in session.results


def test_undo_while_it_is_scored_ends_it(scored: Window, wait: Wait, slow: Slow) -> None:
    session, before = scored.session, scored.session.result
    session.cell = 1
    scored.actions.excluder.toggle()
    assert scored.jobs.running("exclude")
    scored.actions.undo()
    slow.leave.set()
    settled(scored, wait)
    assert not session.result.excluded.any()
    assert session.result is before or session.result.score == 0.25


def test_without_a_selected_cell_or_during_an_edit_it_says_what_to_do(scored: Window, told: list[Message]) -> None:
    scored.actions.excluder.toggle()
    assert "Select a cell first" in told[-1].text
    scored.session.cell = 1
    scored.actions.edit_nuclei()
    scored.actions.excluder.toggle()
    assert "Finish editing" in told[-1].text
    assert not scored.actions.excluder.can_undo


def test_exported_tables_say_which_cells_are_left_out(scored: Window, wait: Wait, tmp_path: Path) -> None:
    leave_out(scored, [0, 1], wait)
    scored.actions.export_tables(tmp_path)
    cells, wells = pd.read_parquet(tmp_path / "cells.parquet"), pd.read_csv(tmp_path / "wells.csv")
    assert np.flatnonzero(cells["excluded"]).tolist() == [0, 1]
    assert wells["n_excluded"].tolist() == [2]


def test_cells_left_out_come_back_when_the_plate_is_opened_another_day(scored: Window, wait: Wait) -> None:
    plate, well = scored.session.plate, scored.session.well
    leave_out(scored, [0, 3], wait)
    another_day, told = Session(), []
    another_day.events.told.connect(told.append)
    excluder = Excluder(another_day, scored.jobs)
    another_day.plate = plate
    another_day.well = well
    assert f"2 cells of {well} that you left out before are left out again" in told[0].text
    assert np.flatnonzero(excluder.wish.by_hand(scored.session.result.cells)).tolist() == [0, 3]
    assert excluder.can_undo
    excluder.undo()
    assert not excluder.wish.by_hand(scored.session.result.cells).any()
    later = Session()
    Excluder(later, scored.jobs)
    later.plate = plate
    later.well = well
    assert not later.exclusions.can_undo(well_key(plate, well))
