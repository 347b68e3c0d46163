"""Nuclei in the real window: previewed while settings change, corrected by hand, counted by field."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_mid.cells.edits import EditCount, edits_of
from napari_mid.session import Message
from napari_mid.viewer.compat import camera
from napari_mid.widgets.nuclei_row import NucleiRow
from napari_mid.widgets.window import MID, Window

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def row(opened: Window) -> NucleiRow:
    found: NucleiRow = opened.panels[MID].nuclei
    return found


@pytest.fixture
def told(opened: Window) -> list[Message]:
    messages: list[Message] = []
    opened.session.events.told.connect(messages.append)
    return messages


@pytest.fixture
def located(opened: Window, wait: Wait) -> Window:
    """The window with the nuclei of its first well."""
    opened.actions.detect()
    wait(lambda: opened.session.nuclei is not None)
    return opened


def count(window: Window) -> int:
    return sum(map(len, window.session.nuclei.values()))


def settled(row: NucleiRow, wait: Wait) -> None:
    """Wait until the preview shows what it was last asked for."""
    jobs = row.actions.jobs
    wait(lambda: not row.preview._timer.isActive() and not jobs.running("preview"))


def drag(layer: Any, point: int, by: tuple[float, float]) -> None:
    """What napari's select tool does with a drag: it tells before and after."""
    from napari.layers.base import ActionType

    layer.selected_data = {point}
    layer.events.data(value=layer.data, action=ActionType.CHANGING, data_indices=(point,), vertex_indices=((),))
    start = layer.data[point].copy()
    layer._set_drag_start({point}, start)
    layer._move({point}, start + by)
    layer._drag_start = None


# -- preview -------------------------------------------------------------------------------------------------------------------


def test_a_changed_setting_is_previewed_with_its_count_and_diameter(opened: Window, row: NucleiRow, wait: Wait) -> None:
    row.more.setChecked(True)
    row.form.set_value("detector", "threshold")
    settled(row, wait)
    preview, found = opened.presenter.preview.layer, row.preview.found
    assert preview.name == "nuclei preview"
    assert len(preview.data) == len(found.places) > 4
    assert f"preview: {len(found.places)} nuclei in view" in row.found.text()
    assert f"{found.used_px:.1f} px" in row.found.text()
    assert "µm" in row.found.text()
    assert opened.session.nuclei is None  # a look, not a result
    estimated = found.used_px
    row.take_diameter.click()
    settled(row, wait)
    assert opened.session.detection.diameter_px == pytest.approx(estimated, abs=0.051)
    assert row.preview.found.used_px == opened.session.detection.diameter_px
    np.testing.assert_allclose(np.median(preview.size), estimated, rtol=0.5)


def test_the_preview_follows_the_view_and_ends_with_the_settings(opened: Window, row: NucleiRow, wait: Wait) -> None:
    row.more.setChecked(True)
    settled(row, wait)
    whole = row.preview.found
    view, size = camera(opened.viewer), opened.session.plate.pixel_size_um
    view.zoom *= 4
    target = whole.places[0]
    view.center = (0.0, *(target * size))
    settled(row, wait)
    part = row.preview.found
    top, bottom, left, right = part.region
    assert (bottom - top) * (right - left) < 0.5 * np.prod(opened.session.images.layout.shape)
    assert 1 <= len(part.places) < len(whole.places)
    assert np.abs(part.places - target).max(axis=1).min() < 2
    (estimates,) = row.preview._estimates.values()
    assert part.used_px in estimates.values()  # it is estimated from the field, not from what is in view
    assert whole.used_px == pytest.approx(np.median(list(estimates.values())))
    row.more.setChecked(False)
    assert opened.presenter.preview.layer is None
    view.zoom *= 0.5
    settled(row, wait)
    assert opened.presenter.preview.layer is None


def test_a_preview_never_shows_on_another_well(
    opened: Window, row: NucleiRow, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_mid.viewer.preview_layer import PreviewLayer
    from napari_mid.widgets import nuclei_preview

    shown: list[tuple[str, str]] = []
    show, search = PreviewLayer.show, nuclei_preview.detect_region_steps
    first, left = opened.session.well, threading.Event()

    def held(images: Any, *how: Any, **more: Any) -> Any:
        if images.well == first:
            left.wait(240)
        return (yield from search(images, *how, **more))

    def watched(self: PreviewLayer, found: Any) -> None:
        if found is not None:
            shown.append((found.well, self.session.well or ""))
        show(self, found)

    monkeypatch.setattr(PreviewLayer, "show", watched)
    monkeypatch.setattr(nuclei_preview, "detect_region_steps", held)
    row.more.setChecked(True)
    wait(lambda: opened.jobs.running("preview"))
    opened.actions.step_well(1)
    assert not opened.jobs.running("preview")
    assert row.preview.found is None
    left.set()
    wait(lambda: opened.session.images is not None and bool(shown))
    settled(row, wait)
    assert shown
    assert {well for well, _ in shown} == {opened.session.well}
    assert all(well == at for well, at in shown)
    rings = opened.presenter.preview.layer
    opened.actions.step_well(1)
    assert len(rings.data) == 0


def test_detect_ends_the_preview_and_shows_its_rings(opened: Window, row: NucleiRow, wait: Wait) -> None:
    row.more.setChecked(True)
    settled(row, wait)
    assert opened.presenter.preview.layer is not None
    row.detect_button.click()
    wait(lambda: opened.session.nuclei is not None)
    camera(opened.viewer).zoom *= 0.9
    settled(row, wait)
    assert opened.presenter.preview.layer is None
    assert opened.presenter.points_layer.visible
    areas = np.concatenate([found.area_px for found in opened.session.nuclei.values()])
    np.testing.assert_allclose(opened.presenter.points_layer.size, np.sqrt(4 / np.pi * areas), rtol=1e-5)


def test_without_a_nucleus_channel_the_preview_says_so(opened: Window, row: NucleiRow, wait: Wait) -> None:
    opened.session.model = None
    opened.session.update_plate(opened.session.plate.with_roles({opened.session.plate.channels[0].name: "other"}))
    row.more.setChecked(True)
    wait(lambda: bool(row.preview.text))
    assert "nucleus" in row.found.text()


# -- by hand -------------------------------------------------------------------------------------------------------------------


def test_nuclei_are_added_deleted_and_moved_and_it_is_recorded(located: Window, row: NucleiRow, wait: Wait) -> None:
    session, layout = located.session, located.session.images.layout
    before = dict(session.nuclei)
    assert len(before) == 2
    n, detector = count(located), before[1].detector
    row.edit_button.click()
    layer = located.presenter.editor.layer
    assert not located.presenter.points_layer.visible
    np.testing.assert_array_equal(layer.data[: len(before[1])], layout.to_well(1, before[1].centroids))
    layer.add(layout.to_well(2, np.array([(11.25, 17.5)])))
    layer.selected_data = {1}
    layer.remove_selected()
    drag(layer, 0, (2.5, -1.0))
    assert session.editing == EditCount(1, 1, 1)
    assert "+1 −1, 1 moved" in row.editing.count.text()
    row.editing.done.click()
    assert session.editing is None
    assert layer not in located.viewer.layers
    assert located.presenter.points_layer.visible
    assert count(located) == n
    np.testing.assert_allclose(session.nuclei[2].centroids[-1], (11.25, 17.5))
    np.testing.assert_array_equal(session.nuclei[1].centroids[:-1], before[1].centroids[2:])
    np.testing.assert_array_equal(session.nuclei[1].area_px[:-1], before[1].area_px[2:])
    np.testing.assert_allclose(session.nuclei[1].centroids[-1], before[1].centroids[0] + (2.5, -1.0))
    assert np.isnan(session.nuclei[1].area_px[-1])
    assert "edited: +1 −1, 1 moved" in row.count.text()
    located.actions.run()
    wait(lambda: session.result is not None)
    assert session.result.n_cells == n
    assert session.result.settings["detection"]["source"] == detector
    assert session.result.settings["detection"]["edited"] == {"added": 1, "deleted": 1, "moved": 1}
    assert any("edited by hand" in warning for warning in session.result.warnings)


def test_edits_are_undone_one_by_one_or_all(located: Window, row: NucleiRow) -> None:
    session, before = located.session, located.session.nuclei
    row.edit_button.click()
    editor, layer = located.presenter.editor, located.presenter.editor.layer
    start = layer.data.copy()
    layer.selected_data = {0}  # napari gives the next point what the selected one has
    layer.add([[5.0, 6.0]])
    drag(layer, 2, (4.0, 4.0))
    layer.selected_data = {0, 3}
    layer.remove_selected()
    assert session.editing == EditCount(1, 2, 1)
    editor.undo()
    assert session.editing == EditCount(1, 0, 1)
    row.editing.undo.click()
    assert session.editing == EditCount(1, 0, 0)
    editor.undo()
    np.testing.assert_array_equal(layer.data, start)
    assert not editor.can_undo
    layer.add([[5.0, 6.0]])
    row.editing.discard.click()
    assert session.nuclei is before
    assert "edited" not in row.count.text()


def test_edits_end_with_another_well_and_are_there_when_one_comes_back(located: Window, row: NucleiRow, wait: Wait) -> None:
    session, first, n = located.session, located.session.well, count(located)
    located.actions.edit_nuclei()
    located.presenter.editor.layer.add([[30.0, 30.0], [60.0, 60.0]])
    located.actions.step_well(1)
    assert session.editing is None
    assert session.nuclei is None
    assert [layer.name for layer in located.viewer.layers if "nuclei" in layer.name and len(layer.data)] == []
    wait(lambda: session.images is not None)
    located.actions.step_well(-1)
    wait(lambda: session.images is not None)
    assert session.well == first
    assert count(located) == n + 2
    assert "edited: +2" in row.count.text()
    assert len(located.presenter.points_layer.data) == n + 2
    located.actions.step_well(1)
    wait(lambda: session.images is not None)
    located.actions.score_all()
    wait(lambda: not located.jobs.running("run"))
    assert session.results[first].n_cells == n + 2  # also where another well is open


def test_detect_replaces_edits_and_says_how_they_come_back(
    located: Window, row: NucleiRow, wait: Wait, told: list[Message]
) -> None:
    session, n = located.session, count(located)
    assert not row.restore_button.isVisibleTo(row)
    located.actions.edit_nuclei()
    located.presenter.editor.layer.add([[30.0, 30.0]])
    located.actions.detect()
    wait(lambda: not located.jobs.running("run"))
    assert count(located) == n
    assert not edits_of(session.nuclei)
    assert any("Restore edits" in message.text for message in told)
    assert row.restore_button.isVisibleTo(row)
    row.restore_button.click()
    assert count(located) == n + 1
    assert not row.restore_button.isVisibleTo(row)


def test_a_scored_well_is_edited_and_run_takes_the_edits(scored: Window, wait: Wait) -> None:
    session, n = scored.session, scored.session.result.n_cells
    score = session.result
    scored.actions.step_well(1)
    wait(lambda: session.images is not None)
    scored.actions.step_well(-1)
    wait(lambda: session.images is not None)
    assert session.nuclei is None  # only its result is known
    assert session.result is score
    scored.actions.edit_nuclei()
    scored.presenter.editor.finish()
    assert session.result is score  # nothing was changed
    scored.actions.edit_nuclei()
    scored.presenter.editor.layer.add([[30.0, 30.0]])
    scored.actions.run()
    wait(lambda: session.result is not None)
    assert session.result.n_cells == n + 1


def test_points_outside_every_field_are_refused_with_a_word(located: Window, told: list[Message]) -> None:
    before = located.session.nuclei
    located.actions.edit_nuclei()
    located.presenter.editor.layer.add([[-40.0, 3.0]])
    located.presenter.editor.finish()
    assert located.session.nuclei is before
    assert "outside every field" in told[-1].text


def test_deleting_the_layer_keeps_the_edits(located: Window, wait: Wait) -> None:
    n = count(located)
    located.actions.edit_nuclei()
    located.presenter.editor.layer.add([[30.0, 30.0]])
    located.viewer.layers.remove(located.presenter.editor.layer)
    wait(lambda: located.session.editing is None)
    assert count(located) == n + 1


def test_nuclei_can_be_set_by_hand_where_none_are_known(opened: Window, row: NucleiRow) -> None:
    row.edit_button.click()
    opened.presenter.editor.layer.add([[30.0, 30.0], [70.0, 80.0]])
    row.editing.done.click()
    assert count(opened) == 2
    assert "by hand" in row.count.text()


def test_the_export_says_that_nuclei_were_edited(scored: Window, wait: Wait) -> None:
    from napari_mid.viewer.export import canvas_view

    scored.actions.edit_nuclei()
    scored.presenter.editor.layer.add([[30.0, 30.0]])
    scored.actions.run()
    wait(lambda: scored.session.result is not None)
    lines = [line.text for line in canvas_view(scored.presenter).caption.lines()]
    assert any("nuclei edited by hand: +1" in line for line in lines)


def test_a_click_adds_a_drag_moves_and_ctrl_z_takes_back(
    make_napari_viewer: Any, plate: Any, small_model: Any, wait: Wait, qtbot: Any
) -> None:
    from napari_mid.widgets.open import open_layout

    viewer = make_napari_viewer(show=True)
    window = open_layout(viewer)
    session = window.session
    session.model = small_model
    window.actions.show_plate(plate)
    wait(lambda: session.images is not None)
    qtbot.wait(200)
    window.actions.edit_nuclei()
    layer, canvas = window.presenter.editor.layer, viewer.window._qt_viewer.canvas.native
    middle, by = canvas.rect().center(), QPoint(60, 20)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert session.editing == EditCount(1)
    pixel = plate.pixel_size_um
    centre = np.array(camera(viewer).center[-2:]) / pixel
    np.testing.assert_allclose(layer.data[0], centre, atol=2 / camera(viewer).zoom / pixel)
    placed = layer.data[0].copy()
    window.panels[MID].nuclei.editing.tools["select"].click()
    qtbot.wait(800)  # sooner, Qt takes the next press for a double click
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    for part in (0.3, 0.6, 1.0):
        qtbot.mouseMove(canvas, middle + by * part)
        qtbot.wait(10)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + by)
    moved = (layer.data[0] - placed) * pixel * camera(viewer).zoom
    np.testing.assert_allclose(moved, (by.y(), by.x()), atol=2)
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyRelease(canvas, Qt.Key.Key_Control)  # Qt takes what was held last as held for good
    np.testing.assert_array_equal(layer.data[0], placed)
    layer.selected_data = {0}
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    assert len(layer.data) == 0
    window.jobs.shutdown()


# -- counts and warnings -------------------------------------------------------------------------------------------------------


def test_nuclei_are_counted_by_field_and_a_click_goes_there(located: Window, row: NucleiRow) -> None:
    nuclei, size = located.session.nuclei, located.session.plate.pixel_size_um
    row.fields.setChecked(True)
    texts = [[row.counts.item(r, c).text() for c in range(4)] for r in range(row.counts.rowCount())]
    median = float(np.median(nuclei[2].diameter_px))
    assert texts[1] == ["2", str(len(nuclei[2])), f"{median:.1f}", f"{median * size:.1f}"]
    row.counts.cellClicked.emit(1, 0)
    (top, left), (height, width) = located.session.images.layout.origins[2], located.session.images.layout.shapes[2]
    centre = np.array(camera(located.viewer).center[-2:]) / size
    np.testing.assert_allclose(centre, (top + (height - 1) / 2, left + (width - 1) / 2))


def test_what_is_odd_about_the_nuclei_stands_in_the_panel(opened: Window, row: NucleiRow, wait: Wait) -> None:
    row.form.set_value("detector", "threshold")
    row.form.set_value("diameter_px", 90.0)
    opened.actions.detect()
    wait(lambda: opened.session.nuclei is not None)
    assert opened.session.nuclei_warnings
    assert all(warning in row.warnings.text() for warning in opened.session.nuclei_warnings)
    opened.actions.step_well(1)
    assert row.warnings.text() == ""
