"""What a biologist does, in the real window: open, click a well, run, click a cell, click a slice, export."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from qtpy.QtCore import QPoint, Qt

from napari_mid.reports.colours import RELEVANCE_COLORMAPS, to_rgba
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera
from napari_mid.viewer.layers import is_ours
from napari_mid.widgets.window import MID, PLATE, Window

Wait = Callable[[Callable[[], bool]], None]


def image_names(window: Window) -> list[str]:
    return [layer.name for layer in window.presenter.image_layers]


def test_opening_a_plate_by_the_reader_shows_its_map_and_its_first_well(window: Window, plate_folder: Path, wait: Wait) -> None:
    window.viewer.open(str(plate_folder / "Images" / "Index.idx.xml"), plugin="napari-mid")
    wait(lambda: window.session.images is not None)
    plate = window.session.plate
    assert plate is not None
    assert plate.simulated
    assert window.session.well == next(iter(plate.wells))
    assert len(window.presenter.image_layers) == len(plate.channels)
    assert all(channel.name in name for channel, name in zip(plate.channels, image_names(window), strict=True))


def test_images_have_stain_colours_scale_in_micrometres_and_plate_wide_contrast(opened: Window) -> None:
    session = opened.session
    assert session.plate is not None
    assert session.intensity is not None
    assert session.images is not None
    for index, layer in enumerate(opened.presenter.image_layers):
        assert tuple(layer.scale) == (session.plate.pixel_size_um,) * 2
        assert {str(unit) for unit in layer.units} == {"micrometer"}
        assert layer.blending == "additive"
        assert tuple(layer.contrast_limits) == session.intensity.limits(index)
        assert layer.data.shape == session.images.layout.shape
    colours = {tuple(layer.colormap.colors[-1]) for layer in opened.presenter.image_layers}
    assert len(colours) == len(session.plate.channels)


def test_clicking_a_well_on_the_map_opens_it(opened: Window, wait: Wait, qtbot: Any) -> None:
    plate_map = opened.panels[PLATE].map
    plate_map.resize(400, 300)
    names = list(opened.session.plate.wells)
    other = opened.session.plate.wells[names[-1]]
    place = plate_map.rect_of(other.row, other.column).center().toPoint()
    qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=place)
    assert opened.session.well == other.name
    wait(lambda: opened.session.images is not None)
    assert opened.session.images.well == other.name
    assert {layer.metadata["well"] for layer in opened.presenter.image_layers} == {other.name}


def test_run_shows_points_score_and_galleries(scored: Window) -> None:
    result, points, panel = scored.session.result, scored.presenter.points_layer, scored.panels[MID]
    assert points.name == "relevance"
    assert len(points.data) == result.n_cells
    np.testing.assert_allclose(points.features["relevance"], result.cells["relevance"])
    assert scored.colour_bar.isVisibleTo(scored.colour_bar.parentWidget())
    assert not points.face_colorbar.visible
    # the layer's colours are those of the shared colormap between its fixed limits
    from napari_mid.reports.colours import relevance_limits, relevance_rgba

    assert points.face_contrast_limits == pytest.approx(relevance_limits(result.cells["relevance"]))
    expected = relevance_rgba(result.cells["relevance"])
    np.testing.assert_allclose(points.face_color[:, :3], expected[:, :3], atol=0.02)
    from napari_mid.reports.caption import score_numbers

    assert all(text in panel.score.score.text() for text in score_numbers(result.score, *result.interval))
    most, least = panel.galleries.relevant.cells, panel.galleries.irrelevant.cells
    assert len(most) - len(least) == result.n_cells % 2
    assert sorted((*most, *least)) == list(range(result.n_cells))
    best = panel.galleries.relevant.slices.entries[0].label
    assert best.startswith("#1 ")


def test_points_lie_on_their_nuclei(scored: Window) -> None:
    session = scored.session
    nucleus = scored.presenter.image_layers[session.plate.role_index("nucleus")].data
    low, high = session.intensity.limits(session.plate.role_index("nucleus"))
    places = np.rint(scored.presenter.points_layer.data).astype(int)
    at_points = nucleus[places[:, 0], places[:, 1]].mean()
    assert at_points > 2 * nucleus.mean()
    assert at_points > low + 0.1 * (high - low)


def test_clicking_a_cell_on_the_canvas_shows_it_in_the_inspector_and_does_not_move_the_camera(scored: Window, wait: Wait) -> None:
    session, panel = scored.session, scored.panels[MID]
    positions = cell_positions(session.result.cells, session.images.layout)
    cell = 3
    pixel = session.plate.pixel_size_um
    before = tuple(camera(scored.viewer).center)
    scored.presenter.click((positions[cell, 0] * pixel + 0.4, positions[cell, 1] * pixel - 0.4))
    assert session.cell == cell
    assert f"cell {cell + 1}" in panel.inspector.title.text()
    assert f"{session.result.cells['relevance'].iloc[cell]:.2f}" in panel.inspector.facts.text()
    wait(lambda: scored.presenter.points_layer.selected_data == {cell})
    assert tuple(camera(scored.viewer).center) == before


def test_clicking_beside_all_cells_selects_none(scored: Window) -> None:
    scored.presenter.click((-500.0, -500.0))
    assert scored.session.cell is None


def test_clicking_a_slice_centres_the_camera_and_highlights_the_point(scored: Window, wait: Wait) -> None:
    session, gallery = scored.session, scored.panels[MID].galleries.relevant
    gallery.clicked.emit(gallery.slices.index(1))
    cell = session.cell
    assert session.result.cells["rank"].iloc[cell] == 2
    place = cell_positions(session.result.cells, session.images.layout)[cell] * session.plate.pixel_size_um
    points = scored.presenter.points_layer
    wait(lambda: points.selected_data == {cell})
    np.testing.assert_allclose(camera(scored.viewer).center[-2:], place, atol=1e-6)
    others = np.delete(points.size, cell)
    assert (points.size[cell] > others).all()


def test_a_point_selected_with_naparis_own_tool_selects_the_cell(scored: Window) -> None:
    scored.presenter.points_layer.selected_data = {2}
    assert scored.session.cell == 2


def test_keys_walk_through_the_cells_by_relevance(scored: Window) -> None:
    from napari_mid.widgets.keys import step_cell

    ranks = []
    for _ in range(3):
        step_cell(scored.session, 1)
        ranks.append(int(scored.session.result.cells["rank"].iloc[scored.session.cell]))
    step_cell(scored.session, -1)
    assert ranks == [1, 2, 3]
    assert scored.session.result.cells["rank"].iloc[scored.session.cell] == 2


def test_export_writes_the_picture_the_gallery_and_the_tables(scored: Window, tmp_path: Path) -> None:
    scored.actions.export_screenshot(tmp_path / "shot.png", 900)
    scored.actions.export_gallery(tmp_path / "gallery.png", 800)
    scored.actions.export_tables(tmp_path / "tables")
    assert Image.open(tmp_path / "shot.png").width == 900
    assert Image.open(tmp_path / "gallery.png").width == 800
    wells = pd.read_csv(tmp_path / "tables" / "wells.csv")
    assert wells["score"].tolist() == pytest.approx([scored.session.result.score])
    assert len(pd.read_parquet(tmp_path / "tables" / "cells.parquet")) == scored.session.result.n_cells


def test_a_second_well_has_nothing_of_the_first(scored: Window, wait: Wait) -> None:
    scored.session.cell = 1
    first = [layer.data.copy() for layer in scored.presenter.image_layers]
    points = scored.presenter.points_layer
    scored.actions.step_well(1)
    panel = scored.panels[MID]
    assert not any(layer.data.any() for layer in scored.presenter.image_layers)
    assert scored.session.result is None
    assert scored.session.cell is None
    assert panel.galleries.relevant.cells == []
    assert panel.score.score.text() == "not scored"
    wait(lambda: scored.session.images is not None)
    assert scored.presenter.points_layer is None
    assert not len(points.data)
    for index, (layer, before) in enumerate(zip(scored.presenter.image_layers, first, strict=True)):
        assert layer.data.shape == before.shape
        assert (layer.data != before).any()
        np.testing.assert_array_equal(layer.data, scored.session.images.mosaic(index))
        assert layer.metadata["well"] == scored.session.well
    assert list(scored.viewer.layers) == [*scored.presenter.image_layers, points]
    scored.actions.run()
    wait(lambda: scored.session.result is not None)
    assert scored.session.result.well == scored.session.well
    assert set(scored.presenter.points_layer.features["Metadata_Well"]) == {scored.session.well}
    # and the first well's score is still there when one goes back
    scored.actions.step_well(-1)
    wait(lambda: scored.session.images is not None)
    assert scored.presenter.points_layer.name == "relevance"


def test_layers_of_the_user_survive_and_deleting_ours_breaks_nothing(scored: Window, wait: Wait) -> None:
    theirs = scored.viewer.add_points([[1.0, 2.0]], name="mine")
    scored.viewer.layers.remove(scored.presenter.points_layer)
    scored.viewer.layers.remove(scored.presenter.image_layers[0])
    scored.session.cell = 0
    scored.actions.step_well(1)
    wait(lambda: scored.session.images is not None)
    assert theirs in scored.viewer.layers
    channels = [layer.metadata["channel"] for layer in scored.viewer.layers if is_ours(layer)]
    assert sorted(channels) == sorted(scored.session.plate.channel_names)
    assert len(scored.viewer.layers) == len(channels) + 2, "theirs, and ours of cells, which is empty until there are some"


def test_scoring_all_wells_colours_the_map(opened: Window, wait: Wait) -> None:
    plate_map = opened.panels[PLATE].map
    assert plate_map.painted.colours == {}
    opened.actions.score_all()
    wait(lambda: not opened.jobs.running("run"))
    assert set(opened.session.results) == set(opened.session.plate.wells)
    assert set(plate_map.painted.colours) == set(opened.session.plate.wells)


def test_cancelling_scoring_all_keeps_what_is_done(opened: Window, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_mid.workflow import score_well

    score, cancelled = score_well.score_well_steps, threading.Event()
    third = list(opened.session.plate.wells)[2]

    def held(plate: Any, well: str, *how: Any, **more: Any) -> Any:
        if well == third:
            cancelled.wait(240)
        return (yield from score(plate, well, *how, **more))

    monkeypatch.setattr(score_well, "score_well_steps", held)
    opened.actions.score_all()
    wait(lambda: len(opened.session.results) >= 1)
    opened.actions.cancel()
    cancelled.set()
    done = dict(opened.session.results)
    wait(lambda: not opened.jobs.busy())
    assert 1 <= len(done) <= 2
    assert dict(opened.session.results) == done


def test_auto_scores_a_well_as_it_is_opened(scored: Window, wait: Wait) -> None:
    scored.panels[MID].run.auto.setChecked(True)
    scored.actions.step_well(1)
    wait(lambda: scored.session.result is not None)
    assert scored.session.result.well == scored.session.well


def test_the_arrow_keys_walk_on_the_map_and_enter_opens(opened: Window, qtbot: Any) -> None:
    plate_map = opened.panels[PLATE].map
    start = opened.session.well
    qtbot.keyClick(plate_map, Qt.Key.Key_Right)
    reached = plate_map.cursor_well
    assert reached != start
    assert opened.session.well == start
    qtbot.keyClick(plate_map, Qt.Key.Key_Return)
    assert opened.session.well == reached


def test_a_channel_gets_its_role_in_the_window(opened: Window) -> None:
    combo = opened.panels[PLATE].roles.combos[opened.session.plate.channels[1].name]
    combo.setCurrentText("actin")
    assert opened.session.plate.channels[1].role == "actin"
    assert "actin" in opened.presenter.image_layers[1].name
    # the model needs a channel that is no longer known: the window says so, and Run is off
    panel = opened.panels[MID]
    assert "ROS" in panel.model.problem.text()
    assert not panel.run.run_button.isEnabled()


def test_nothing_of_the_map_is_outside_its_widget(opened: Window) -> None:
    plate_map = opened.panels[PLATE].map
    for name, well in opened.session.plate.wells.items():
        centre: QPoint = plate_map.rect_of(well.row, well.column).center()
        assert plate_map.well_at(centre.x(), centre.y()) == name


def test_what_the_user_changed_about_a_channel_stays_from_well_to_well(opened: Window, wait: Wait) -> None:
    hidden, narrowed, grey, plain = opened.presenter.image_layers
    hidden.visible = False
    narrowed.contrast_limits = (200, 300)
    grey.colormap = "gray"
    opened.actions.step_well(1)
    wait(lambda: opened.session.images is not None)
    hidden_now, narrowed_now, grey_now, plain_now = opened.presenter.image_layers
    assert not hidden_now.visible
    assert tuple(narrowed_now.contrast_limits) == (200, 300)
    assert grey_now.colormap.name == "gray"
    assert plain_now.visible
    assert tuple(plain_now.contrast_limits) == tuple(plain.contrast_limits) == opened.session.intensity.limits(3)


def test_the_points_are_made_once_for_a_result(scored: Window) -> None:
    points = scored.presenter.points_layer
    scored.session.events.result_changed.emit()
    assert scored.presenter.points_layer is points
    before = points.face_color.copy()
    scored.panels[PLATE].canvas.colours.setCurrentText("blue to yellow (colour-blind)")
    assert scored.presenter.points_layer is points
    relevance = scored.session.result.cells["relevance"].to_numpy()
    colours = to_rgba(relevance, points.face_contrast_limits, RELEVANCE_COLORMAPS["blue to yellow (colour-blind)"])
    np.testing.assert_allclose(points.face_color, colours, atol=0.02)
    assert not np.allclose(points.face_color, before, atol=0.1)


def test_a_real_click_on_the_canvas_selects_the_cell_and_a_drag_does_not(
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
    # put the cell in the middle of the canvas, as a click on its slice does, then forget it
    session.cell = 4
    session.cell = None
    qtbot.wait(200)
    canvas = viewer.window._qt_viewer.canvas.native
    middle = canvas.rect().center()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(canvas, middle + QPoint(40, 30))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(40, 30))
    qtbot.wait(1000)  # sooner, the camera is still moving, and Qt takes the next press for a double click
    assert session.cell is None
    camera(viewer).center = (0.0, *cell_positions(session.result.cells, session.images.layout)[4] * plate.pixel_size_um)
    qtbot.wait(200)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    wait(lambda: session.cell == 4)
    window.jobs.shutdown()
