"""Layers are kept from well to well and given what the next well has: to make one takes napari long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QItemSelectionModel, QTimer

from napari_mid.plates.plate import Plate
from napari_mid.reports.colours import RELEVANCE_COLOURS, to_rgba
from napari_mid.viewer.cells import cell_positions
from napari_mid.widgets.window import MID, PLATE, Window

Wait = Callable[[Callable[[], bool]], None]


def points_of(window: Window) -> list[Any]:
    return [layer for layer in window.viewer.layers if type(layer).__name__ == "Points"]


def step(window: Window, wait: Wait, by: int) -> None:
    window.actions.step_well(by)
    wait(lambda: window.session.images is not None)


def run(window: Window, wait: Wait) -> None:
    window.actions.run()
    wait(lambda: window.session.result is not None and not window.session.result.preliminary)
    wait(lambda: not window.jobs.running("run"))


def assert_shows_its_cells(window: Window) -> None:
    """The dots are those of the open well, where its cells lie, in the colours of their relevance."""
    session, layer = window.session, window.presenter.points_layer
    cells = session.result.cells
    assert layer.name == "relevance"
    assert layer.metadata["well"] == session.well
    assert set(layer.features["Metadata_Well"]) == {session.well}
    np.testing.assert_allclose(layer.data, cell_positions(cells, session.images.layout))
    relevance = cells["relevance"].to_numpy()
    limits = window.presenter.look.limits(relevance)
    assert layer.face_contrast_limits == pytest.approx(limits)
    np.testing.assert_allclose(layer.face_color, to_rgba(relevance, limits, RELEVANCE_COLOURS), atol=0.02)
    # what is drawn is what the layer holds
    drawn = window.viewer.window._qt_viewer.canvas.layer_to_visual[layer].node.points_markers._data
    scale = layer.scale[-1]
    shown = np.sort(drawn["a_position"][:, :2][:, ::-1], axis=0) * 1.0
    np.testing.assert_allclose(shown, np.sort(layer.data, axis=0), rtol=1e-4)
    np.testing.assert_allclose(np.sort(drawn["a_size"]), np.sort(layer.size) * scale, rtol=1e-4)


def test_ten_changes_of_the_well_leave_one_layer_with_the_cells_of_the_open_one(scored: Window, wait: Wait) -> None:
    layer = scored.presenter.points_layer
    images = list(scored.presenter.image_layers)
    step(scored, wait, 1)
    assert scored.presenter.points_layer is None
    assert not len(layer.data)
    run(scored, wait)
    assert_shows_its_cells(scored)
    for turn in range(10):
        step(scored, wait, 1 if turn % 2 else -1)
        assert_shows_its_cells(scored)
    step(scored, wait, 1)
    assert scored.session.result is None
    assert points_of(scored) == [layer]
    assert not len(layer.data)
    assert scored.presenter.image_layers == images
    # it lies above the images, and is drawn so
    assert scored.viewer.layers.index(layer) == len(images)


def test_what_the_user_hid_stays_hidden_and_what_was_deleted_comes_back(scored: Window, wait: Wait) -> None:
    layer = scored.presenter.points_layer
    layer.visible = False
    scored.presenter.image_layers[1].visible = False
    # other dots while it is hidden, and fewer of them
    scored.panels[PLATE].canvas.ends.setValue(10)
    layer.visible = True
    assert 0 < len(layer.data) < scored.session.result.n_cells
    layer.visible = False
    scored.panels[PLATE].canvas.ends.setValue(50)
    step(scored, wait, 1)
    run(scored, wait)
    assert scored.presenter.points_layer is layer
    assert not layer.visible
    assert not scored.presenter.image_layers[1].visible
    assert scored.presenter.image_layers[0].visible
    layer.visible = True
    assert_shows_its_cells(scored)
    scored.viewer.layers.remove(layer)
    step(scored, wait, -1)
    assert points_of(scored) == [scored.presenter.points_layer]
    assert scored.presenter.points_layer is not layer
    assert scored.presenter.points_layer.visible
    assert_shows_its_cells(scored)
    # a channel's layer, too; the dots lie above it again
    scored.viewer.layers.remove(scored.presenter.image_layers[0])
    step(scored, wait, 1)
    assert len(scored.presenter.image_layers) == len(scored.session.plate.channels)
    assert scored.viewer.layers.index(scored.presenter.points_layer) == len(scored.presenter.image_layers)


def test_cells_are_selected_everywhere_after_the_well_was_changed(scored: Window, wait: Wait) -> None:
    step(scored, wait, 1)
    run(scored, wait)
    session, layer = scored.session, scored.presenter.points_layer
    size = session.plate.pixel_size_um
    positions = cell_positions(session.result.cells, session.images.layout)
    scored.presenter.click(tuple(positions[3] * size))
    assert session.cell == 3
    wait(lambda: layer.selected_data == {3})
    assert layer.size[3] > layer.size[4]
    gallery = scored.panels[MID].galleries.relevant
    gallery.selectionModel().select(gallery.slices.index(1), QItemSelectionModel.SelectionFlag.ClearAndSelect)
    assert session.cell == gallery.cells[1]
    wait(lambda: layer.selected_data == {session.cell})
    # with napari's own tools
    layer.selected_data = {0, 2}
    assert session.chosen == {0, 2}
    # the other well knows nothing of it
    step(scored, wait, -1)
    assert session.chosen == frozenset()
    wait(lambda: layer.selected_data == set())
    assert len(set(layer.size)) == 1


def test_the_layers_of_a_new_plate_are_made_one_in_a_turn_of_the_event_loop(window: Window, plate: Plate, wait: Wait) -> None:
    turns, made = [0], []
    timer = QTimer()
    timer.timeout.connect(lambda: turns.__setitem__(0, turns[0] + 1))
    timer.start(0)
    window.viewer.layers.events.inserted.connect(lambda _: made.append(turns[0]))
    window.actions.show_plate(plate)
    wait(lambda: window.session.images is not None)
    timer.stop()
    assert len(made) == len(set(made)) == len(plate.channels) + 1  # one for the cells
    images = window.session.images
    for index, layer in enumerate(window.presenter.image_layers):
        np.testing.assert_array_equal(layer.data, images.mosaic(index))


def test_images_of_another_type_are_shown_in_the_same_layers(opened: Window) -> None:
    session, layers = opened.session, list(opened.presenter.image_layers)
    before = session.images
    fields = {number: (pixels // 256).astype(np.uint8) for number, pixels in before.fields.items()}
    assert session.offer_images(session.image_key(session.well), dataclasses.replace(before, fields=fields, canvas=None))
    assert opened.presenter.image_layers == layers
    for index, layer in enumerate(layers):
        assert layer.data.dtype == np.uint8
        np.testing.assert_array_equal(layer.data, session.images.mosaic(index))
        assert layer.contrast_limits_range[1] <= max(255, layer.contrast_limits[1])


def test_the_layers_of_the_well_beside_are_kept_and_show_what_is_chosen(scored: Window, wait: Wait) -> None:
    scored.panels[PLATE].canvas.compare.click()
    panel = scored.beside
    wait(lambda: panel.beside.well != "")
    layers, before = list(panel.beside.model.layers), panel.beside.well
    panel.chooser.setCurrentIndex(panel.chooser.currentIndex() + 1)
    panel.chooser.activated.emit(panel.chooser.currentIndex())
    wait(lambda: panel.beside.well == panel.chooser.currentData())
    assert panel.beside.well != before
    assert list(panel.beside.model.layers) == layers
    images = scored.actions.cache.get(scored.session.image_key(panel.beside.well))
    for index, layer in enumerate(layers):
        np.testing.assert_array_equal(layer.data, images.mosaic(index))
    # still tied to the open well, and still after that was changed
    step(scored, wait, 1)
    scored.presenter.image_layers[0].visible = False
    assert not layers[0].visible
    scored.panels[PLATE].canvas.compare.click()
