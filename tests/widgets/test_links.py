"""Selection is one thing everywhere, and nothing of one well is ever shown on another."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt

from napari_mid.plates.plate import Plate
from napari_mid.viewer.cells import cell_positions
from napari_mid.widgets.window import MID, Window

Wait = Callable[[Callable[[], bool]], None]


def chosen_everywhere(window: Window) -> list[frozenset[int]]:
    """What canvas, galleries, histogram and plot show as selected."""
    panel, points, result = window.panels[MID], window.presenter.points_layer, window.session.result
    galleries = panel.galleries
    on_canvas = points.features["cell"].iloc[sorted(points.selected_data)].astype(int)
    relevance = result.cells["relevance"].to_numpy()
    in_histogram = np.flatnonzero(np.isin(relevance, panel.evidence.histogram.chosen))
    return [
        frozenset(map(int, on_canvas)),
        frozenset((*galleries.relevant.selected(), *galleries.irrelevant.selected())),
        frozenset(map(int, in_histogram)),
        panel.plot.plot._chosen,
    ]


def test_what_is_dragged_over_in_the_histogram_is_selected_everywhere(scored: Window, wait: Wait, qtbot: Any) -> None:
    panel = scored.panels[MID]
    histogram = panel.evidence.histogram
    relevance = scored.session.result.cells["relevance"].to_numpy()
    low, width = 1.0, histogram.top / histogram.BINS  # a bar begins at 1: the axis ends at 2, since all cells are read alike
    assert histogram.top == 2.0
    start = QPoint(round(histogram.x_of(low + width / 2)), 20)
    qtbot.mousePress(histogram, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(histogram, QPoint(histogram.width() - 2, 20))
    qtbot.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=QPoint(histogram.width() - 2, 20))
    expected = frozenset(np.flatnonzero(relevance >= low).tolist())
    assert 1 < len(expected) < len(relevance)
    assert scored.session.chosen == expected
    wait(lambda: chosen_everywhere(scored) == [expected] * 4)


def test_a_line_drawn_in_the_plot_and_a_click_select_everywhere(scored: Window, wait: Wait, qtbot: Any) -> None:
    plot = scored.panels[MID].plot.plot
    places = plot.places()
    # around the two cells that lie farthest to the left
    left = np.argsort(places[:, 1])[:2]
    right = places[np.argsort(places[:, 1])[2], 1]
    edge = (places[left, 1].max() + right) / 2
    corners = [(2, 2), (edge, 2), (edge, plot.height() - 2), (2, plot.height() - 2)]
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    for x, y in corners[1:]:
        qtbot.mouseMove(plot, QPoint(round(x), round(y)))
    qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=QPoint(2, plot.height() - 2))
    expected = frozenset(left.tolist())
    assert scored.session.chosen == expected
    wait(lambda: chosen_everywhere(scored) == [expected] * 4)
    y, x = places[5]
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    cell = scored.session.cell
    assert cell is not None
    assert np.hypot(*(places[cell] - places[5])) < 1.5
    assert f"cell {cell + 1}" in scored.panels[MID].inspector.title.text()


def test_several_pictures_of_a_gallery_are_selected_everywhere(scored: Window, wait: Wait) -> None:
    gallery = scored.panels[MID].galleries.relevant
    model = gallery.selectionModel()
    for row in (0, 2):
        model.select(gallery.slices.index(row), QItemSelectionModel.SelectionFlag.Select)
    expected = frozenset((gallery.cells[0], gallery.cells[2]))
    wait(lambda: chosen_everywhere(scored) == [expected] * 4)
    assert "2 cells are selected" in scored.panels[MID].inspector.title.text()


def test_a_click_is_in_gallery_and_inspector_before_the_canvas_follows(scored: Window, wait: Wait) -> None:
    gallery, points = scored.panels[MID].galleries.relevant, scored.presenter.points_layer
    gallery.clicked.emit(gallery.slices.index(2))
    cell = gallery.cells[2]
    assert scored.session.cell == cell
    assert f"cell {cell + 1}" in scored.panels[MID].inspector.title.text()
    assert set(gallery.selected()) == {cell}
    assert points.selected_data == set()
    wait(lambda: points.selected_data == {cell})


def test_the_arrow_keys_walk_through_a_gallery(scored: Window, qtbot: Any) -> None:
    gallery = scored.panels[MID].galleries.relevant
    gallery.clicked.emit(gallery.slices.index(0))
    qtbot.keyClick(gallery, Qt.Key.Key_Down)
    assert scored.session.cell == gallery.cells[1]


def test_a_line_drawn_on_the_canvas_selects_everywhere(scored: Window, wait: Wait) -> None:
    session = scored.session
    places = cell_positions(session.result.cells, session.images.layout)
    middle = float(np.median(places[:, 0]))
    size = session.plate.pixel_size_um
    box = [(-10.0, -10.0), (-10.0, 5000.0), (middle * size, 5000.0), (middle * size, -10.0)]
    scored.presenter.select_within(box)
    expected = frozenset(np.flatnonzero(places[:, 0] < middle).tolist())
    assert 1 < len(expected) < len(places)
    wait(lambda: chosen_everywhere(scored) == [expected] * 4)


def test_cancel_answers_at_once_and_leaves_the_earlier_result(
    scored: Window, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, session = scored.session.result, scored.session
    scored.actions.run()
    assert scored.jobs.running("run")
    begun = time.perf_counter()
    scored.actions.cancel()
    assert not scored.jobs.running("run")
    assert time.perf_counter() - begun < 0.5
    assert scored.panels[MID].run.run_button.isEnabled()
    wait(lambda: not scored.jobs.busy())
    assert session.result is before
    assert scored.presenter.points_layer.name == "relevance"
    assert session.progress.running == ""


def test_another_well_opened_during_a_run_never_gets_its_result(opened: Window, wait: Wait) -> None:
    session = opened.session
    first = session.well
    seen: list[tuple[str | None, str]] = []
    session.events.result_changed.connect(
        lambda: session.result is not None and seen.append((session.well, session.result.well))  # type: ignore[func-returns-value]
    )
    for _ in range(3):
        opened.actions.run()
        opened.actions.step_well(1)
        wait(lambda: session.images is not None)
    assert session.well != first
    assert session.result is None
    assert opened.presenter.points_layer is None or opened.presenter.points_layer.name != "relevance"
    opened.actions.run()
    wait(lambda: session.result is not None)
    assert session.result.well == session.well
    assert all(shown == of for shown, of in seen)
    assert set(opened.presenter.points_layer.features["Metadata_Well"]) == {session.well}


def test_two_viewers_at_once_score_their_own_plates(make_napari_viewer: Any, plate: Plate, small_model: Any, wait: Wait) -> None:
    from napari_mid.widgets.open import open_layout

    windows = [open_layout(make_napari_viewer()) for _ in range(2)]
    wells = list(plate.wells)[:2]
    for window, well in zip(windows, wells, strict=True):
        window.session.model = small_model
        window.actions.show_plate(plate)
        window.actions.open_well(well)
    wait(lambda: all(window.session.images is not None for window in windows))
    for window in windows:
        window.actions.run()
    wait(lambda: all(window.session.result is not None for window in windows))
    for window, well in zip(windows, wells, strict=True):
        assert window.session.result.well == well
        assert list(window.session.results) == [well]
        assert set(window.presenter.points_layer.features["Metadata_Well"]) == {well}
    windows[0].session.cell = 1
    assert windows[1].session.cell is None
    for window in windows:
        window.jobs.shutdown()


def test_exported_numbers_are_those_on_the_screen(scored: Window, wait: Wait, tmp_path: Path) -> None:
    session, panel = scored.session, scored.panels[MID]
    session.cell = 2
    scored.actions.leave_out()
    wait(lambda: not scored.jobs.running("exclude") and not session.result.preliminary)
    scored.actions.export_tables(tmp_path)
    well = pd.read_csv(tmp_path / "wells.csv").iloc[0]
    cells = pd.read_parquet(tmp_path / "cells.parquet")
    from napari_mid.reports.caption import score_numbers

    number, interval = score_numbers(well["score"], well["score_low"], well["score_high"])
    assert number in panel.score.score.text()
    assert interval in panel.score.score.text()
    assert well["call"].upper() in panel.score.score.text()
    assert cells["excluded"].tolist() == [row == 2 for row in range(len(cells))]
    points = scored.presenter.points_layer.features
    np.testing.assert_array_equal(points["relevance"].to_numpy(), cells["relevance"].to_numpy())
    for gallery in (panel.galleries.relevant, panel.galleries.irrelevant):
        for entry in gallery.slices.entries:
            row = cells.iloc[entry.cell]
            assert entry.label.split("  [")[0] == f"#{int(row['rank']):,}   {row['relevance']:.2f}"
    places = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy()
    first = session.images.layout.to_well(int(cells["Metadata_Site"].iloc[0]), places[:1])
    np.testing.assert_allclose(scored.presenter.points_layer.data[0], first[0])
