"""Opening plates as a biologist does: dropped, walked through, looked at as a whole, read in other ways."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QInputDialog

from napari_mid.plates.field import Plane
from napari_mid.plates.pixels import read_plane
from napari_mid.plates.plate import Plate
from napari_mid.session import Message
from napari_mid.viewer.compat import camera, qt_viewer, text_overlay
from napari_mid.viewer.overview import STEP_PX
from napari_mid.widgets.guidance import next_step
from napari_mid.widgets.window import _TELL, PLATE, Window

Wait = Callable[[Callable[[], bool]], None]


def corner_lines(window: Window) -> list[str]:
    """Lines in the corner of the canvas, without the space behind them."""
    return [line.rstrip() for line in text_overlay(window.viewer).text.splitlines()]


def drop(window: Window, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    target = qt_viewer(window.viewer)
    how = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    # Qt delivers a drop only to the widget that a drag has entered
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(10, 10), *how))
    QApplication.sendEvent(target, QDropEvent(QPointF(10, 10), *how))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read from now on."""
    read: list[str] = []

    def note(plane: Plane, *how: Any) -> object:
        read.append(plane.name)
        return read_plane(plane, *how)

    for reader in ("napari_mid.images.fields", "napari_mid.plates.field"):
        monkeypatch.setattr(f"{reader}.read_plane", note)
    return read


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    """Two wells of two fields with two time points of three focal planes: each image is 100 t + 10 z + site."""
    folder = tmp_path / "stack"
    for time in (1, 2):
        for z in (1, 2, 3):
            place = folder / f"TimePoint_{time}" / f"ZStep_{z}"
            place.mkdir(parents=True)
            for well in ("A01", "B02"):
                for site in (1, 2):
                    value = np.full((32, 32), 100 * time + 10 * z + site, dtype=np.uint16)
                    tifffile.imwrite(place / f"stack_{well}_s{site}_w1.tif", value)
    return folder


def test_a_dropped_folder_opens_without_a_question(window: Window, plate_folder: Path, wait: Wait) -> None:
    drop(window, plate_folder)
    wait(lambda: window.session.images is not None)
    assert window.session.plate is not None
    assert window.session.plate.simulated
    assert window.panels[PLATE].map.session.plate is window.session.plate


def test_a_dropped_image_is_left_to_napari(window: Window, tmp_path: Path, wait: Wait) -> None:
    tifffile.imwrite(tmp_path / "mine.tif", np.ones((8, 8), dtype=np.uint8))
    drop(window, tmp_path / "mine.tif")
    wait(lambda: "mine" in [layer.name for layer in window.viewer.layers])
    assert window.session.plate is None


def test_a_well_seen_before_comes_back_without_reading(opened: Window, counted: list[str], wait: Wait) -> None:
    session = opened.session
    first, images = session.well, session.images
    opened.actions.step_well(1)
    wait(lambda: session.images is not None)
    read = len(counted)
    opened.actions.step_well(-1)
    assert session.well == first
    assert session.images is images
    assert len(counted) == read


def test_the_cache_can_be_turned_off_and_the_choice_is_kept(opened: Window, counted: list[str], wait: Wait) -> None:
    from napari_mid.widgets.options import WindowOptions, kept_options

    panel = opened.panels[PLATE]
    panel.options.settings = WindowOptions(image_cache_mb=0)
    panel.options.changed.emit()
    assert kept_options(WindowOptions).image_cache_mb == 0
    opened.actions.step_well(1)
    wait(lambda: opened.session.images is not None)
    read = len(counted)
    opened.actions.step_well(-1)
    wait(lambda: opened.session.images is not None)
    assert len(counted) > read


def test_every_well_on_the_overview_where_it_lies_on_the_plate(opened: Window, counted: list[str], wait: Wait) -> None:
    session = opened.session
    assert session.plate is not None
    wells = [well for well in session.plate.wells.values() if well.has_images]
    counted.clear()
    opened.panels[PLATE].overview.click()
    wait(lambda: session.overview is not None and len(session.overview) == len(wells))
    # one field of each well, each image once
    assert len(counted) == len(set(counted)) == len(wells) * len(session.plate.channels)
    layer = next(layer for layer in opened.viewer.layers if layer.name.startswith("overview: Hoechst"))
    for well in wells:
        top, left = (well.row - 1) * STEP_PX, (well.column - 1) * STEP_PX
        assert layer.data[top : top + 90, left : left + 90].mean() > 50
    assert session.plate.name in text_overlay(opened.viewer).text
    # the second time nothing is read
    opened.actions.open_well(wells[0].name)
    wait(lambda: session.images is not None)
    assert not [layer for layer in opened.viewer.layers if layer.name.startswith("overview")]
    counted.clear()
    opened.panels[PLATE].overview.click()
    assert session.overview is not None
    assert len(session.overview) == len(wells)
    assert counted == []
    # a click opens the well
    last = wells[-1]
    opened.presenter.click(((last.row - 0.5) * STEP_PX, (last.column - 0.5) * STEP_PX))
    assert session.well == last.name
    assert session.overview is None


def test_layers_stay_from_well_to_well_and_the_camera_from_time_to_time(window: Window, stack_folder: Path, wait: Wait) -> None:
    session = window.session
    window.actions.open_plate(stack_folder)
    wait(lambda: session.images is not None)
    layers = list(window.presenter.image_layers)
    window.actions.step_well(1)
    wait(lambda: session.images is not None)
    assert list(window.presenter.image_layers) == layers
    view = camera(window.viewer)
    view.center, view.zoom = (0.0, 10.0, 12.0), 7.0
    layers[0].contrast_limits = (20, 90)
    window.actions.set_reading(time=2)
    wait(lambda: session.images is not None)
    assert session.well == "B02"
    assert list(window.presenter.image_layers) == layers
    assert layers[0].data[0, 0] == 231
    assert tuple(layers[0].contrast_limits) == (20, 90)
    assert (view.center[-2:], view.zoom) == ((10.0, 12.0), 7.0)
    # back from the overview the well is in view as a whole again
    window.actions.show_overview()
    assert not window.presenter.image_layers
    window.actions.open_well("B02")
    wait(lambda: session.images is not None)
    assert view.center[-2:] != (10.0, 12.0)
    rows = window.presenter.image_layers[0].extent.world[1][0]
    assert view.center[-2] == pytest.approx(rows / 2, abs=1)
    assert tuple(window.presenter.image_layers[0].contrast_limits) == (20, 90)


def test_a_well_without_any_signal_is_said(window: Window, tmp_path: Path, wait: Wait) -> None:
    for channel, value in ((1, np.zeros((32, 32))), (2, np.arange(1024).reshape(32, 32))):
        tifffile.imwrite(tmp_path / f"dark_A01_s1_w{channel}.tif", value.astype(np.uint16))
    shutil.copy(tmp_path / "dark_A01_s1_w2.tif", tmp_path / "dark_A02_s1_w2.tif")
    window.actions.open_plate(tmp_path)
    wait(lambda: window.session.images is not None)
    assert "every pixel is the same in w1" in corner_lines(window)
    window.actions.step_well(1)
    wait(lambda: window.session.images is not None)
    assert corner_lines(window) == ["A02", "no image of w1"]


def test_time_points_and_focal_planes_are_chosen_in_the_panel(window: Window, stack_folder: Path, wait: Wait) -> None:
    session = window.session
    window.actions.open_plate(stack_folder)
    wait(lambda: session.images is not None and session.intensity is not None)
    row = window.panels[PLATE].reading
    assert session.images is not None
    assert session.images.fields[2][0, 0, 0] == 132  # first time point, maximum over z
    window.actions.open_well("B02")
    wait(lambda: session.images is not None)
    row.time.setCurrentIndex(row.time.findText("2"))
    row.time.activated.emit(row.time.currentIndex())
    wait(lambda: session.images is not None and session.intensity is not None)
    assert session.well == "B02"
    assert session.images.fields[2][0, 0, 0] == 232
    row.z.setCurrentIndex(row.z.findText("2"))
    row.z.activated.emit(row.z.currentIndex())
    wait(lambda: session.images is not None)
    assert session.images.fields[1][0, 0, 0] == 221
    assert row.time.currentText() == "2"
    assert session.plate is not None
    assert session.plate.reading.facts()["focal_plane"] == 2


def test_choices_that_a_plate_does_not_leave_are_hidden(opened: Window) -> None:
    row = opened.panels[PLATE].reading
    assert not row.time.isVisibleTo(row)
    assert not row.z.isVisibleTo(row)
    assert [row.flat_field.itemData(index) for index in range(row.flat_field.count())] == ["off", "estimated"]


def test_roles_that_were_chosen_come_back_with_the_plate(window: Window, stack_folder: Path, wait: Wait) -> None:
    session = window.session
    window.actions.open_plate(stack_folder)
    wait(lambda: session.images is not None)
    window.panels[PLATE].roles.combos["w1"].setCurrentText("mito")
    assert session.plate is not None
    assert session.plate.channels[0].role == "mito"
    session.plate = None
    window.actions.open_plate(stack_folder / "TimePoint_1" / "..")
    wait(lambda: session.plate is not None)
    assert session.plate.channels[0].role == "mito"
    # another plate with such a channel is another matter
    other = shutil.copytree(stack_folder, stack_folder.with_name("other"))
    window.actions.open_plate(other)
    wait(lambda: session.plate is not None and session.plate.name == "other")
    assert session.plate.channels[0].role == "other"


def test_a_coarse_view_comes_before_the_images_of_a_pyramid(window: Window, tmp_path: Path, wait: Wait) -> None:
    from napari_mid.progress import finish
    from napari_mid.simulation.plate import simulate_steps
    from napari_mid.simulation.settings import SimulationSettings

    settings = SimulationSettings(layout="ome-zarr", wells=6, fields=1, field_px=320, cells_per_field=8)
    folder = finish(simulate_steps(tmp_path / "zarr", settings))
    session = window.session
    previews: list[float] = []

    def look() -> None:
        assert session.preview is not None
        layer = window.presenter.image_layers[0]
        previews.append(session.preview.factor)
        assert "coarse" in text_overlay(window.viewer).text
        # it lies where the full image will lie
        assert layer.extent.world[1][-1] == pytest.approx(320 * 0.6, rel=0.01)

    window.actions.open_plate(folder)
    wait(lambda: session.images is not None)
    # of the first well the images may be there before the layers of the plate are made, and no coarse view is needed then
    session.events.preview_changed.connect(look)
    window.actions.step_well(1)
    wait(lambda: session.images is not None)
    assert previews == [2.0]
    assert session.preview is None
    assert window.presenter.image_layers[0].data.shape == (320, 320)
    assert "coarse" not in text_overlay(window.viewer).text


def test_nuclei_from_a_table_serve_every_well(opened: Window, tmp_path: Path, wait: Wait) -> None:
    session = opened.session
    assert session.plate is not None
    wells = [well.name for well in session.plate.wells.values() if well.has_images][:2]
    rows = ["Metadata_Well,Metadata_Site,Nuclei_Location_Center_X,Nuclei_Location_Center_Y"]
    rows += [f"{well},{site},{20 + 10 * n},{40 + site}" for well in wells for site in (1, 2) for n in range(5)]
    rows.append(f"{wells[0]},1,5000,10")  # outside the image
    table = tmp_path / "nuclei.csv"
    table.write_text("\n".join(rows) + "\n")
    opened.actions.open_well(wells[0])
    wait(lambda: session.images is not None)
    opened.actions.use_table(table)
    wait(lambda: session.nuclei is not None)
    assert session.nuclei is not None
    assert sum(len(found) for found in session.nuclei.values()) == 10
    opened.actions.open_well(wells[1])
    wait(lambda: session.images is not None)
    opened.actions.run()
    wait(lambda: session.result is not None)
    assert session.result is not None
    assert session.result.n_cells == 10
    assert sorted(session.result.cells["Nuclei_Location_Center_X"].unique()) == [20, 30, 40, 50, 60]


def test_a_folder_of_loose_images_is_a_plate_where_the_docks_are_open(window: Window, tmp_path: Path, wait: Wait) -> None:
    for name in ("0b0d", "3f21", "77aa"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.arange(256, dtype=np.uint16).reshape(16, 16))
    drop(window, tmp_path)
    wait(lambda: window.session.images is not None)
    assert window.session.plate is not None
    assert len(window.session.plate["A01"].fields) == 3


def test_what_is_told_at_once_stands_in_one_notification(window: Window, monkeypatch: pytest.MonkeyPatch, wait: Wait) -> None:
    shown: list[tuple[str, str]] = []
    for level in ("info", "warning", "error"):
        monkeypatch.setitem(_TELL, level, lambda text, level=level: shown.append((level, text)))
    for number in range(7):
        window.session.tell(f"note {number}", "warning")
    window.session.tell("it failed", "error")
    window.session.tell("note 0", "warning")
    wait(lambda: bool(shown))
    [(level, text)] = shown
    assert level == "error"
    assert text.splitlines() == ["it failed", "note 0", "note 1", "note 2", "note 3", "... and 3 more"]


def test_an_index_without_its_images_says_what_to_do(window: Window, real_data: Path, wait: Wait) -> None:
    panel = window.panels[PLATE]
    window.actions.open_plate(real_data / "harmony_v7_index")
    wait(lambda: window.session.plate is not None)
    assert "open the folder that holds" in next_step(window.session)
    assert not panel.overview.isEnabled()
    assert not panel.score_all.isEnabled()
    assert "1 note" in panel.notes.text()
    assert "missing" in panel.notes.toolTip()
    # a long name is cut, not the buttons: the column does not scroll sideways
    assert "…" in panel.counts.text()
    assert "240624_WES_Perturbs_n_densities_1.1" in panel.counts.toolTip()


def test_a_plate_map_with_columns_of_its_own_is_shown(window: Window, real_data: Path, wait: Wait) -> None:
    session, panel = window.session, window.panels[PLATE]
    window.actions.open_plate(real_data / "cellpainting_nf1")
    wait(lambda: session.images is not None)
    assert session.well == "B07"
    assert "genotype Null" in text_overlay(window.viewer).text
    assert "genotype Null" in panel.map.describe("B07")
    panel.mode.setCurrentText("genotype")
    colours = panel.map.painted.colours
    assert colours["B07"] == colours["D07"] != colours["D06"]
    assert [label for label, _ in panel.map.painted.entries] == ["Null", "WT"]
    # another plate has no such column
    window.actions.open_plate(real_data / "bbbc013")
    wait(lambda: session.plate is not None and session.plate.name == "bbbc013")
    assert panel.mode.findText("genotype") == -1
    assert panel.map.mode == panel.mode.currentText() == "score"


def test_the_overview_comes_and_goes_without_a_word_about_units(
    window: Window, real_data: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = window.session
    window.actions.open_plate(real_data / "imagexpress" / "9987_Plate_3435")
    wait(lambda: session.images is not None)
    made = window.presenter.overview._make
    there: list[int] = []

    def make(plate: Plate) -> None:
        there.append(len(window.viewer.layers))
        made(plate)

    monkeypatch.setattr(window.presenter.overview, "_make", make)
    window.panels[PLATE].overview.click()
    # layers in micrometres and in pixels at the same time make napari complain
    assert there == [0]
    wait(lambda: session.overview is not None and len(session.overview) == 2)
    assert window.viewer.layers.selection.active.name == "overview: DAPI (nucleus)"


def test_a_384_well_plate_fits_a_small_screen(window: Window, tmp_path: Path, wait: Wait) -> None:
    for well in ("A01", "P24"):
        tifffile.imwrite(tmp_path / f"big_{well}_s1_w1.tif", np.arange(256, dtype=np.uint16).reshape(16, 16))
    window.actions.open_plate(tmp_path)
    wait(lambda: window.session.images is not None)
    needed = window.panels[PLATE].map.minimumSize()
    assert (needed.width() <= 300, needed.height() <= 210) == (True, True)
    window.actions.show_overview()
    [headers] = [layer for layer in window.viewer.layers if layer.name == "overview: rows and columns"]
    names = list(headers.features["name"])
    assert names[:16] == list("ABCDEFGHIJKLMNOP")
    assert names[16:] == [str(number) for number in range(1, 24, 2)]


def test_a_web_address_without_its_beginning_is_said(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Message] = []
    window.session.events.told.connect(told.append)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("example.org/plate.zarr", True))
    window.panels[PLATE].choose_address()
    assert "https://" in told[0].text
    assert not window.jobs.busy()
