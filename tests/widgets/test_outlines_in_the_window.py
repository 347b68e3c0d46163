"""Outlines of nuclei in the real window: on the canvas instead of rings, on slices, looked for when they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_mid.cells.outlined import have_outlines
from napari_mid.widgets.nuclei_row import NucleiRow
from napari_mid.widgets.window import MID, Window

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def row(opened: Window) -> NucleiRow:
    found: NucleiRow = opened.panels[MID].nuclei
    return found


def n_nuclei(window: Window) -> int:
    return sum(map(len, window.session.nuclei.values()))


def rings_seen(window: Window) -> int:
    return int((window.presenter.points_layer.border_color[:, 3] > 0).sum())


def test_detect_brings_outlines_where_they_are_wanted_and_they_take_the_place_of_rings(
    opened: Window, row: NucleiRow, wait: Wait
) -> None:
    row.outlines.setChecked(True)
    assert not opened.jobs.running("outlines")  # no nucleus to outline yet
    opened.actions.detect()
    wait(lambda: opened.session.nuclei is not None)
    assert have_outlines(opened.session.nuclei)
    layer, points = opened.presenter.outlines.layer, opened.presenter.points_layer
    n = n_nuclei(opened)
    assert layer.visible
    assert rings_seen(opened) == 0
    # the edges of a polygon lie around its nucleus and come back to where they began
    edges = layer.data.reshape(n, -1, 2, 2)
    np.testing.assert_allclose(edges[:, :, 1].sum(axis=1), 0, atol=1e-2)
    assert np.abs(edges[:, :, 0].mean(axis=1) - points.data).max() < 2
    assert opened.viewer.layers.index(layer) < opened.viewer.layers.index(points)
    row.outlines.setChecked(False)
    assert opened.presenter.outlines.layer is None
    assert rings_seen(opened) == n


def test_nuclei_located_without_outlines_are_outlined_when_wanted(opened: Window, row: NucleiRow, wait: Wait) -> None:
    opened.actions.detect()
    wait(lambda: opened.session.nuclei is not None)
    before = opened.session.nuclei
    assert not have_outlines(before)
    row.outlines.setChecked(True)
    wait(lambda: opened.presenter.outlines.layer is not None)
    assert opened.session.nuclei is before
    assert rings_seen(opened) == 0
    opened.actions.edit_nuclei()
    assert not opened.presenter.outlines.layer.visible
    opened.presenter.editor.layer.add([[30.0, 30.0]])
    opened.presenter.editor.finish()
    assert opened.presenter.outlines.layer.visible
    assert rings_seen(opened) == 1  # of the one added by hand only the place is known


def test_outlines_follow_the_well_and_go_with_it(opened: Window, row: NucleiRow, wait: Wait) -> None:
    row.outlines.setChecked(True)
    opened.actions.run()
    wait(lambda: opened.session.result is not None)
    layer, n = opened.presenter.outlines.layer, opened.session.result.n_cells
    edges = len(layer.data)
    opened.actions.step_well(1)
    assert len(layer.data) == 0
    assert not layer.visible
    wait(lambda: opened.session.images is not None)
    opened.actions.step_well(-1)
    wait(lambda: opened.session.outlined is not None)
    assert opened.session.result.n_cells == n
    assert len(layer.data) == edges
    assert layer.visible


def test_slices_and_exported_galleries_have_contours(
    scored: Window, row: NucleiRow, wait: Wait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_mid.viewer import gallery_export

    session, galleries = scored.session, scored.panels[MID].galleries
    columns: list[Any] = []
    draw = gallery_export.gallery_figure
    monkeypatch.setattr(
        gallery_export, "gallery_figure", lambda made, *args, **more: columns.append(made) or draw(made, *args, **more)
    )

    def picture() -> bytes:
        image = galleries.relevant.slices.index(0).data(Qt.ItemDataRole.DecorationRole).pixmap(400, 400).toImage()
        return bytes(image.constBits().asarray(image.sizeInBytes()))

    plain = picture()
    scored.actions.export_gallery(tmp_path / "plain.png", 800)
    assert all(column.outlines is None for column in columns[-1])
    galleries.contours.setChecked(True)
    wait(lambda: session.outlined is not None)
    assert scored.presenter.outlines.layer is None  # only the canvas has no outlines
    assert picture() != plain
    scored.actions.export_gallery(tmp_path / "drawn.png", 800)
    for column in columns[-1]:
        assert column.outlines.shape[0] == len(column.slices) > 0
        known = np.isfinite(column.outlines).all(axis=(1, 2))
        assert known.all()
        assert np.abs(column.outlines.mean(axis=1) - 16).max() < 2  # around the middle of a slice of 32 px
    galleries.contours.setChecked(False)
    assert picture() == plain


def test_labels_say_how_their_own_outlines_come(opened: Window, row: NucleiRow) -> None:
    labels = np.zeros(opened.session.images.layout.shape, dtype=int)
    labels[20:40, 20:50] = 1
    told: list[str] = []
    opened.session.events.told.connect(lambda message: told.append(message.text))
    layer = opened.viewer.add_labels(labels, scale=opened.presenter.image_layers[0].scale)
    opened.actions.use_selected_layer()
    assert n_nuclei(opened) == 1
    row.outlines.setChecked(True)
    assert "From layer again" in told[-1]
    opened.viewer.layers.selection.active = layer
    opened.actions.use_selected_layer()
    edges = opened.presenter.outlines.layer.data
    assert edges[:, 0].min(axis=0) == pytest.approx((19.5, 19.5), abs=1.0)
    assert edges[:, 0].max(axis=0) == pytest.approx((39.5, 49.5), abs=1.0)
