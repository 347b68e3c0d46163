"""Galleries, classes, the inspector and the evidence in the real window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_mid.cells.kept import well_key
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera
from napari_mid.widgets.galleries import Galleries
from napari_mid.widgets.options import CONTRASTS, LOOKS
from napari_mid.widgets.window import MID, Window

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("napari_mid.preferences.config_folder", lambda: tmp_path / "config")
    return tmp_path / "config"


@pytest.fixture
def galleries(scored: Window, wait: Wait) -> Galleries:
    wait(lambda: scored.actions.measurer.means is not None)
    found: Galleries = scored.panels[MID].galleries
    return found


def pixels(galleries: Galleries, row: int = 0) -> np.ndarray:
    icon = galleries.relevant.slices.index(row).data(Qt.ItemDataRole.DecorationRole)
    image = icon.pixmap(400, 400).toImage().convertToFormat(image_format())
    return np.frombuffer(bytes(image.constBits().asarray(image.sizeInBytes())), np.uint8).reshape(image.height(), -1)


def image_format() -> object:
    from qtpy.QtGui import QImage

    return QImage.Format.Format_RGB888


def test_cells_are_sorted_and_filtered_by_what_is_known_of_them(scored: Window, galleries: Galleries) -> None:
    cells = scored.session.result.cells
    area = cells["Nuclei_AreaShape_Area"].to_numpy()
    galleries.sort.setCurrentText("nucleus area")
    assert galleries.relevant.cells[0] == int(np.argmax(area))
    assert galleries.irrelevant.cells[0] == int(np.argmin(area))
    assert "nucleus area" in galleries.heads[galleries.relevant].text()
    middle = float(np.median(area))
    galleries.filter.setText(f"nucleus area > {middle}")
    galleries.filter.editingFinished.emit()
    listed = [*galleries.relevant.cells, *galleries.irrelevant.cells]
    assert sorted(listed) == np.flatnonzero(area > middle).tolist()
    galleries.filter.setText("nothing > 3")
    galleries.filter.editingFinished.emit()
    assert "no column 'nothing'" in galleries.problem.text()
    name = scored.session.plate.channel_names[0]
    galleries.filter.setText("")
    galleries.sort.setCurrentText(f"mean {name}")
    means = scored.actions.measurer.means
    assert galleries.relevant.cells[0] == int(np.argmax(means.values[:, 0]))


def test_looks_of_the_slices(galleries: Galleries, config: Path) -> None:
    side_by_side = pixels(galleries)
    galleries.contrast.setCurrentText(CONTRASTS[1])
    assert (pixels(galleries) != side_by_side).any()
    galleries.look.setCurrentText(LOOKS[1])
    together = pixels(galleries)
    assert together.shape[0] > 1.5 * side_by_side.shape[0]  # one square picture instead of two beside each other
    from napari_mid.widgets.options import GALLERIES, GalleryOptions, kept_options

    kept = kept_options(GalleryOptions, GALLERIES)
    assert (kept.look, kept.contrast) == (LOOKS[1], CONTRASTS[1])


def test_more_slices_with_g_and_as_few_as_can_be_after_the_most(scored: Window, galleries: Galleries) -> None:
    galleries.shown.setValue(6)
    assert len(galleries.relevant.cells) == 6
    scored.actions.grow.emit()
    assert galleries.shown.value() == 12
    assert len(galleries.relevant.cells) == min(12, (scored.session.result.n_cells + 1) // 2)
    galleries.shown.setValue(200)
    galleries.grow()
    assert galleries.shown.value() == 6


def test_keys_sort_cells_into_classes_and_undo_takes_back_the_last_of_all_steps(
    scored: Window, galleries: Galleries, wait: Wait, tmp_path: Path
) -> None:
    session, actions = scored.session, scored.actions
    key = well_key(session.plate, session.well)
    session.chosen = (0, 3)
    actions.mark(2)
    session.cell = 1
    actions.leave_out()
    wait(lambda: not scored.jobs.running("exclude"))
    session.cell = 5
    actions.mark(1)
    assert session.marks.of(key, session.result.cells)[[0, 3, 5]].tolist() == [2, 2, 1]
    assert "[2] class 2</span>: 2" in galleries.classes.counts.text()
    actions.marker.rename(["round", "odd"])
    assert "[2] odd</span>: 2" in galleries.classes.counts.text()
    assert any("[2]" in entry.label for each in (galleries.relevant, galleries.irrelevant) for entry in each.slices.entries)
    galleries.filter.setText("class = odd")
    galleries.filter.editingFinished.emit()
    assert {*galleries.relevant.cells, *galleries.irrelevant.cells} == {0, 3}
    actions.export_tables(tmp_path / "tables")
    import pandas as pd

    table = pd.read_parquet(tmp_path / "tables" / "cells.parquet")
    assert table["class"].tolist() == session.marks.names_of(key, session.result.cells)
    actions.undo()
    assert session.marks.of(key, session.result.cells)[5] == 0
    assert session.result.excluded[1]
    actions.undo()
    wait(lambda: not scored.jobs.running("exclude"))
    assert not session.result.excluded[1]
    assert session.marks.of(key, session.result.cells)[3] == 2
    actions.undo()
    assert not session.marks.of(key, session.result.cells).any()


def test_classes_come_back_with_the_plate(scored: Window, galleries: Galleries) -> None:
    from napari_mid.session import Session
    from napari_mid.widgets.marker import Marker

    session = scored.session
    session.cell = 4
    scored.actions.mark(3)
    other = Session()
    marker = Marker(other)
    other.plate = session.plate
    assert marker.session.marks.of(well_key(session.plate, session.well), session.result.cells)[4] == 3


def test_slices_of_negative_controls_come_once_one_is_scored_and_a_click_goes_there(
    scored: Window, galleries: Galleries, wait: Wait
) -> None:
    session, actions = scored.session, scored.actions
    controls = [name for name, well in session.plate.wells.items() if well.condition.get("role") == "negative_control"]
    others = [name for name in controls if name != session.well]
    assert others
    assert not galleries.controls.cells
    assert "scored yet" in galleries.no_controls.text()
    actions.score_controls()
    wait(lambda: bool(galleries.controls.cells))
    control = next(name for name in others if name in session.results)
    result = session.results[control]
    assert len(galleries.controls.cells) == min(24, result.n_cells)
    assert galleries.no_controls.text() == ""
    cell = actions.controls.cells[0]
    assert cell.well == control
    galleries.controls.clicked.emit(galleries.controls.slices.index(0))
    assert session.well == control
    assert session.cell == cell.row
    wait(lambda: session.images is not None)
    place = cell_positions(session.result.cells, session.images.layout)[cell.row] * session.plate.pixel_size_um
    np.testing.assert_allclose(camera(scored.viewer).center[-2:], place, atol=1e-6)


def test_an_open_control_is_not_among_the_others_that_are_not_scored(scored: Window, galleries: Galleries, wait: Wait) -> None:
    session, actions = scored.session, scored.actions
    first, *others = [name for name, well in session.plate.wells.items() if well.condition.get("role") == "negative_control"]
    assert others
    session.results.clear()
    actions.open_well(first)
    wait(lambda: session.images is not None)
    assert f"scored yet ({others[0]}" in actions.controls.why_none


def test_the_inspector_shows_where_a_cell_lies_among_those_of_its_well(scored: Window, galleries: Galleries) -> None:
    session, inspector = scored.session, scored.panels[MID].inspector
    session.cell = 2
    rows = {name: (values, value) for name, _, values, value in inspector.strips.rows}
    means = scored.actions.measurer.means
    name = means.channels[1]
    assert rows[name][1] == means.values[2, 1]
    assert rows["nucleus area"][1] == session.result.cells["Nuclei_AreaShape_Area"].iloc[2]
    brightest = int(np.argmax(means.values[:, 1]))
    assert inspector.strips.place(means.values[:, 1], means.values[brightest, 1]) == 1.0


def test_what_the_model_sees_in_a_cell_is_worked_out_on_request(scored: Window, galleries: Galleries, wait: Wait) -> None:
    session, inspector = scored.session, scored.panels[MID].inspector
    session.cell = 2
    inspector.explain.click()
    assert not inspector.explain.isEnabled()
    wait(lambda: scored.actions.cell_explainer.facts is not None)
    assert "log-odds" in inspector.left_out.text()
    assert inspector.saliency.isVisibleTo(inspector)
    size = session.model.config.slice_px
    assert scored.actions.cell_explainer.facts.saliency.shape == (size, size)
    session.cell = 3
    assert inspector.left_out.text() == ""
    assert not inspector.saliency.isVisibleTo(inspector)


def test_curves_are_worked_out_on_request_and_belong_to_their_result(scored: Window, wait: Wait) -> None:
    session, evidence = scored.session, scored.panels[MID].evidence
    assert evidence.plot.curves is None
    evidence.curve.click()
    wait(lambda: session.result.curves is not None)
    assert evidence.plot.curves is session.result.curves
    assert evidence.areas.text()
    assert session.result.curves.insertion[-1] == pytest.approx(session.result.score, abs=0.02)
    session.cell = 0
    scored.actions.leave_out()
    wait(lambda: not scored.jobs.running("exclude"))
    assert session.result.curves is None
    assert evidence.plot.curves is None


def test_a_picture_that_is_asked_for_when_the_images_have_gone_is_none(scored: Window, galleries: Galleries) -> None:
    index = galleries.relevant.slices.index(0)
    asked: list[object] = []
    # Qt paints when it likes: between two of the events that another well emits, too
    scored.session.events.well_changed.connect(lambda: asked.append(index.data(Qt.ItemDataRole.DecorationRole)))
    scored.actions.step_well(1)
    assert asked == [None]
