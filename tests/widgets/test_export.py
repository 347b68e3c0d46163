"""Pictures and tables: a preview first, written in the background, the choices remembered."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_mid.inference.controls import control_wells
from napari_mid.progress import finish
from napari_mid.reports.gallery import CONTROLS
from napari_mid.session import Message
from napari_mid.widgets.exporter import GALLERY, PLATE_MAP, SCREENSHOT
from napari_mid.widgets.options import EXPORT, ExportOptions, kept_options
from napari_mid.widgets.window import MID, PLATE, Window

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def told(scored: Window) -> list[Message]:
    messages: list[Message] = []
    scored.session.events.told.connect(messages.append)
    return messages


def written(window: Window, wait: Wait) -> None:
    wait(lambda: not window.jobs.running("export"))


@pytest.mark.parametrize("what", [SCREENSHOT, GALLERY, PLATE_MAP])
def test_the_preview_is_what_is_saved(scored: Window, wait: Wait, tmp_path: Path, what: str) -> None:
    dialog = scored.panels[MID].export.open_dialog(what)
    wait(lambda: dialog.picture.pixmap() is not None and not dialog.picture.pixmap().isNull())
    dialog.form.set_value("width_px", 900)
    dialog.save(tmp_path / "picture")
    written(scored, wait)
    saved = np.asarray(Image.open(tmp_path / "picture.png").convert("L"))
    assert saved.shape[1] == 900
    small = dialog.picture.pixmap()
    assert small.height() / small.width() == pytest.approx(saved.shape[0] / saved.shape[1], rel=0.25)


def test_choices_are_remembered_and_the_canvas_has_the_colours_of_the_picture(scored: Window, wait: Wait) -> None:
    row = scored.panels[MID].export
    dialog = row.open_dialog(SCREENSHOT)
    dialog.form.set_value("relevance_colours", "blue to yellow (colour-blind)")
    dialog.form.set_value("whole_well", True)
    dialog.reject()
    options = kept_options(ExportOptions, EXPORT)
    assert options.whole_well
    shown = scored.panels[PLATE].canvas.colours.currentText()
    assert options.relevance_colours == shown == scored.presenter.look.colours
    wait(lambda: not scored.jobs.running("export preview"))


def test_a_picture_shows_what_was_there_when_it_was_asked_for(scored: Window, wait: Wait, tmp_path: Path) -> None:
    draw = scored.actions.exporter.capture(SCREENSHOT, ExportOptions(whole_well=True))
    before = finish(draw(600))
    scored.actions.step_well(1)
    again = finish(draw(600))
    first, second = (
        next(axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()) for figure in (before, again)
    )
    np.testing.assert_array_equal(first, second)
    assert np.asarray(first).max() > 0
    wait(lambda: scored.session.images is not None)


def test_a_gallery_has_cells_of_negative_controls_beside(scored: Window, wait: Wait) -> None:
    session = scored.session
    control = next(name for name in control_wells(session.plate) if name != session.well)
    first = session.well
    scored.actions.open_well(control)
    wait(lambda: session.images is not None)
    scored.actions.run()
    wait(lambda: session.result is not None)
    scored.actions.open_well(first)
    wait(lambda: session.images is not None)

    def words(options: ExportOptions) -> list[str]:
        figure = finish(scored.actions.exporter.capture(GALLERY, options)(700))
        return [text.get_text() for axes in figure.axes for text in axes.texts]

    wait(lambda: not scored.jobs.running("controls"))
    shown = words(ExportOptions(gallery_rows=2))
    assert shown.count(control) == 2
    assert CONTROLS in shown
    # more than the window has, and none
    scored.panels[MID].galleries.with_controls.setChecked(False)
    assert words(ExportOptions(gallery_rows=3)).count(control) == 3
    assert CONTROLS not in words(ExportOptions(gallery_rows=2, controls=False))


def test_the_plate_map_is_that_of_the_window(opened: Window, wait: Wait) -> None:
    row, panel = opened.panels[MID].export, opened.panels[PLATE]

    def words() -> list[str]:
        figure = finish(opened.actions.exporter.capture(PLATE_MAP, ExportOptions())(700))
        return [text.get_text() for axes in figure.axes for text in axes.texts]

    assert not row.plate_map.isEnabled()
    panel.mode.setCurrentText("role")
    assert row.plate_map.isEnabled()  # roles are known without scores
    assert any("negative control" in word for word in words())
    assert not any("score for" in word for word in words())
    panel.mode.setCurrentText("score")
    assert not row.plate_map.isEnabled()
    opened.actions.run()
    wait(lambda: opened.session.result is not None)
    assert row.plate_map.isEnabled()
    assert any("score for" in word for word in words())


def test_tables_as_csv_and_parquet(scored: Window, wait: Wait, tmp_path: Path, told: list[Message]) -> None:
    scored.actions.exporter.save_tables(ExportOptions(both_formats=True), tmp_path / "out")
    written(scored, wait)
    wells = pd.read_parquet(tmp_path / "out" / "wells.parquet")
    assert list(wells.columns) == list(pd.read_csv(tmp_path / "out" / "wells.csv").columns)
    assert wells["score"].tolist() == [scored.session.result.score]
    parquet, csv = pd.read_parquet(tmp_path / "out" / "cells.parquet"), pd.read_csv(tmp_path / "out" / "cells.csv")
    np.testing.assert_allclose(csv["relevance"], parquet["relevance"])
    np.testing.assert_allclose(csv["relevance"], scored.session.result.cells["relevance"])
    assert "Saved" in told[-1].text


def test_points_open_in_napari_as_a_layer_where_they_were(scored: Window, wait: Wait, tmp_path: Path) -> None:
    scored.actions.exporter.save_tables(ExportOptions(napari_points=True), tmp_path)
    written(scored, wait)
    from napari_builtins.io import napari_get_reader

    path = str(tmp_path / f"{scored.session.well}_points.csv")
    data, _, kind = napari_get_reader(path)(path)[0]
    assert kind == "points"
    np.testing.assert_allclose(data, scored.presenter.points_layer.data)


def test_without_anndata_it_says_what_to_install(scored: Window, wait: Wait, tmp_path: Path, told: list[Message]) -> None:
    if importlib.util.find_spec("anndata"):
        pytest.skip("anndata is installed")
    scored.actions.exporter.save_tables(ExportOptions(anndata=True), tmp_path / "out")
    assert "pip install" in told[-1].text
    assert not (tmp_path / "out").exists()


def test_anndata_holds_embeddings_and_places(scored: Window, wait: Wait, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    scored.actions.exporter.save_tables(ExportOptions(anndata=True, both_formats=True), tmp_path)
    written(scored, wait)
    table, csv = anndata.read_h5ad(tmp_path / "cells.h5ad"), pd.read_csv(tmp_path / "cells.csv")
    result = scored.session.result
    np.testing.assert_allclose(table.X, result.embeddings)
    np.testing.assert_allclose(table.obsm["spatial"][:, 0], result.cells["Nuclei_Location_Center_X"])
    np.testing.assert_allclose(table.obsm["spatial"][:, 1], result.cells["Nuclei_Location_Center_Y"])
    # a column of the CSV is found under its name, with its numbers
    assert list(table.obs.columns) == list(csv.columns)
    for name in csv.columns:
        if pd.api.types.is_numeric_dtype(csv[name]) and csv[name].notna().any():
            np.testing.assert_allclose(table.obs[name].astype(float), csv[name].astype(float), err_msg=name)
    assert set(table.obs["Metadata_Well"]) == {result.well}
    assert table.uns["model"]["name"] == result.model_name
    assert json.loads(table.uns["run"])["plate"]["name"] == result.plate


def test_a_folder_that_cannot_be_written_is_told(scored: Window, wait: Wait, tmp_path: Path, told: list[Message]) -> None:
    (tmp_path / "file").write_text("")
    scored.actions.exporter.save(SCREENSHOT, ExportOptions(width_px=500), tmp_path / "file" / "a.png")
    written(scored, wait)
    assert "could not be written" in told[-1].text
