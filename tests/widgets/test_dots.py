"""How the dots and images on the canvas look, what is told under the mouse, and another well beside the open one."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_mid.reports.colours import RELEVANCE_COLOURS, to_rgba
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera
from napari_mid.viewer.export import canvas_view
from napari_mid.viewer.image_layers import CONTRASTS
from napari_mid.widgets.beside_panel import beside_wells
from napari_mid.widgets.options import DOTS, kept_options
from napari_mid.widgets.plate_panel import PlatePanel
from napari_mid.widgets.window import PLATE, Window

Wait = Callable[[Callable[[], bool]], None]


def row(window: Window) -> Any:
    panel: PlatePanel = window.panels[PLATE]
    return panel.canvas


@pytest.mark.parametrize(("measure", "column"), [("percentile", "percentile"), ("raw attention", "attention")])
def test_dots_have_the_colours_of_the_measure_on_canvas_and_picture(scored: Window, measure: str, column: str) -> None:
    row(scored).measure.setCurrentText(measure)
    points, cells = scored.presenter.points_layer, scored.session.result.cells
    values = cells[column].to_numpy(dtype=float)
    limits = scored.presenter.look.limits(values)
    assert points.face_contrast_limits == pytest.approx(limits)
    np.testing.assert_allclose(points.face_color, to_rgba(values, limits, RELEVANCE_COLOURS), atol=0.02)
    view = canvas_view(scored.presenter, whole_well=True)
    np.testing.assert_array_equal(view.relevance, values)
    assert view.limits == pytest.approx(limits)
    assert measure.split()[-1] in view.label
    assert scored.colour_bar.title == (view.label,)


def test_the_slider_hides_the_middle_and_a_cell_that_is_selected_is_shown(scored: Window, wait: Wait) -> None:
    ranks = scored.session.result.cells["rank"].to_numpy()
    n = len(ranks)
    row(scored).ends.setValue(20)
    each = round(n * 0.2)
    expected = np.flatnonzero((ranks <= each) | (ranks > n - each))
    points = scored.presenter.points_layer
    assert points.features["cell"].tolist() == expected.tolist()
    positions = cell_positions(scored.session.result.cells, scored.session.images.layout)
    np.testing.assert_allclose(points.data, positions[expected])
    assert len(canvas_view(scored.presenter, whole_well=True).points) == len(expected)
    assert "20 % most" in scored.viewer.canvas.overlays.text.text
    # the middle cannot be clicked, but comes when it is chosen elsewhere
    middle = int(np.flatnonzero(ranks == n // 2)[0])
    size = scored.session.plate.pixel_size_um
    assert scored.presenter.cell_at(tuple(positions[middle] * size)) != middle
    scored.session.cell = middle
    wait(lambda: points.features["cell"].tolist() == sorted([*expected, middle]))
    assert points.selected_data == {sorted([*expected, middle]).index(middle)}
    scored.session.cell = None
    row(scored).ends.setValue(50)
    assert len(points.data) == n


def test_dots_as_large_as_their_nuclei(scored: Window) -> None:
    row(scored).by_size.setChecked(True)
    area = scored.session.result.cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float)
    size = scored.presenter.points_layer.size
    np.testing.assert_allclose(size / size[0], np.sqrt(area / area[0]), rtol=1e-5)
    printed = canvas_view(scored.presenter, whole_well=True).dot_px
    np.testing.assert_allclose(printed / printed[0], np.sqrt(area / area[0]), rtol=1e-5)


def test_the_choice_is_remembered(scored: Window, wait: Wait) -> None:
    row(scored).measure.setCurrentText("percentile")
    from napari_mid.reports.dots import DotLook

    wait(lambda: kept_options(DotLook, DOTS).measure == "percentile")


def test_the_contrast_of_the_well_on_request(opened: Window, wait: Wait) -> None:
    layers = opened.presenter.image_layers
    plate_wide = [tuple(layer.contrast_limits) for layer in layers]
    row(opened).contrast.setCurrentText(CONTRASTS[1])
    row(opened).contrast.activated.emit(1)
    for layer in layers:
        assert layer.contrast_limits == pytest.approx(np.percentile(layer.data, (1.0, 99.8)), rel=0.05)
    opened.actions.step_well(1)
    wait(lambda: opened.session.images is not None)
    for layer in opened.presenter.image_layers:
        assert layer.contrast_limits == pytest.approx(np.percentile(layer.data, (1.0, 99.8)), rel=0.05)
    row(opened).contrast.activated.emit(0)
    assert [tuple(layer.contrast_limits) for layer in opened.presenter.image_layers] == plate_wide


def test_the_numbers_of_a_cell_stand_under_the_mouse(scored: Window) -> None:
    session, label = scored.session, scored.presenter._hover.label
    positions, cell = cell_positions(session.result.cells, session.images.layout), 3
    at = SimpleNamespace(position=tuple(positions[cell] * session.plate.pixel_size_um), pos=(50, 60), is_dragging=False)
    for callback in scored.viewer.mouse_move_callbacks:
        callback(scored.viewer, at)
    numbers = session.result.cells.iloc[cell]
    assert not label.isHidden()
    assert f"cell {cell + 1}" in label.text()
    assert f"relevance {numbers['relevance']:.2f}" in label.text()
    assert f"rank {int(numbers['rank'])} of" in label.text()
    at.position = (-900.0, -900.0)
    for callback in scored.viewer.mouse_move_callbacks:
        callback(scored.viewer, at)
    assert label.isHidden()


def test_a_control_beside_the_open_well_moves_with_it_and_has_its_contrast(scored: Window, wait: Wait, qtbot: Any) -> None:
    row(scored).compare.click()
    assert scored.beside is not None
    beside = scored.beside.beside
    wait(lambda: beside.well != "")
    plate = scored.session.plate
    assert plate[beside.well].condition["role"] == "negative_control"
    main, other = camera(scored.viewer), camera(beside.model)
    assert other.zoom == pytest.approx(main.zoom)
    main.center, main.zoom = (0.0, 20.0, 31.0), 7.0
    assert (other.center[-2:], other.zoom) == ((20.0, 31.0), 7.0)
    other.center, other.zoom = (0.0, 12.0, 13.0), 3.0
    assert (main.center[-2:], main.zoom) == ((12.0, 13.0), 3.0)
    mine = [layer for layer in beside.model.layers if layer is not beside.dots]
    assert [layer.name for layer in mine] == [layer.name for layer in scored.presenter.image_layers]
    scored.presenter.image_layers[0].contrast_limits = (150.0, 250.0)
    scored.presenter.image_layers[1].visible = False
    assert tuple(mine[0].contrast_limits) == (150.0, 250.0)
    assert not mine[1].visible
    images = scored.actions.cache.get(scored.session.image_key(beside.well))
    np.testing.assert_array_equal(mine[0].data, images.mosaic(0))
    # its cells come once it is scored, on the colour scale of the open well
    assert beside.dots is None
    scored.actions.score_controls()
    wait(lambda: not scored.jobs.running("run"))
    if beside.well in scored.session.results:
        assert len(beside.dots.data) == scored.session.results[beside.well].n_cells
        assert beside.dots.face_contrast_limits == pytest.approx(scored.presenter.points_layer.face_contrast_limits)
    # and it stays while one walks on
    scored.actions.step_well(1)
    wait(lambda: scored.session.images is not None)
    assert beside.well != scored.session.well
    row(scored).compare.click()
    assert scored.beside is None
    assert not row(scored).compare.isChecked()
    main.zoom = 5.0  # nothing listens any more
    qtbot.wait(50)  # Qt deletes what is closed when it comes to it


def test_controls_come_first_and_the_nearest_of_them(opened: Window) -> None:
    plate, well = opened.session.plate, opened.session.well
    names = beside_wells(plate, well)
    controls = [name for name in names if plate[name].condition.get("role") == "negative_control"]
    assert controls
    assert names[: len(controls)] == controls
    assert well not in names
    assert len(names) == sum(each.has_images for each in plate.wells.values()) - 1
    here = plate[well]
    distances = [abs(plate[name].row - here.row) + abs(plate[name].column - here.column) for name in controls]
    assert distances == sorted(distances)
