"""The main job on a real plate: BBBC013, no index, no pixel size, a channel that only the user can name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from qtpy.QtCore import Qt

from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera
from napari_mid.widgets.window import MID, PLATE, Window


def model_for_bbbc013() -> Any:
    import torch

    from napari_mid.model.config import ModelChannel, ModelConfig
    from napari_mid.model.network import MidModel

    torch.manual_seed(0)
    channels = (ModelChannel("GFP", "other"), ModelChannel("DNA", "nucleus"))
    config = ModelConfig(
        "translocation", "role", ("low", "high"), channels, slice_px=48, backbone="test_resnet", width=16, heads=2
    )
    return MidModel(config).eval()


def test_the_main_job_on_bbbc013(
    window: Window, real_data: Path, wait: Callable[[Callable[[], bool]], None], qtbot: Any, tmp_path: Path
) -> None:
    session, panel, plate_panel = window.session, window.panels[MID], window.panels[PLATE]
    # the demo model, which does not fit this plate, must not keep anybody from locating nuclei
    window.actions.load_model()
    wait(lambda: session.model is not None and session.model.config.simulated)
    window.viewer.open(str(real_data / "bbbc013"), plugin="napari-mid")
    wait(lambda: session.images is not None and session.intensity is not None)
    assert len(session.plate.wells) == 48
    assert [str(unit) for unit in window.presenter.image_layers[0].units] == ["pixel", "pixel"]
    assert "48 wells" in plate_panel.counts.text()

    # without a nucleus channel the window says what to do; the combo box does it
    window.actions.detect()
    wait(lambda: "nucleus" in panel.run.failure.text())
    plate_panel.roles.combos["Channel2"].setCurrentText("nucleus")
    window.actions.detect()
    wait(lambda: session.nuclei is not None)
    rings = window.presenter.points_layer
    assert rings.name == "nuclei"
    assert 100 < len(rings.data) < 450
    dna = session.images.mosaic(1)
    rows, columns = np.rint(rings.data).astype(int).T
    assert dna[rows, columns].mean() > 3 * dna.mean()

    # a model that needs a channel of another name does not fit, and says so
    session.model = model_for_bbbc013()
    assert "GFP" in panel.model.problem.text()
    assert not panel.run.run_button.isEnabled()
    from napari_mid.model.config import ModelChannel

    model = model_for_bbbc013()
    object.__setattr__(model.config, "channels", (ModelChannel("Channel1", "other"), ModelChannel("Channel2", "nucleus")))
    session.model = model
    assert panel.model.problem.text() == ""

    # click a well on the map, run
    plate_map = plate_panel.map
    plate_map.resize(500, 300)
    well = session.plate.wells["C07"]
    qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=plate_map.rect_of(well.row, well.column).center().toPoint())
    wait(lambda: session.images is not None)
    assert "Wortmannin 15.63 nM" in panel.header.condition.text()
    qtbot.mouseClick(panel.run.run_button, Qt.MouseButton.LeftButton)
    wait(lambda: session.result is not None)
    assert session.result.well == "C07"

    # click a cell, click a slice
    positions = cell_positions(session.result.cells, session.images.layout)
    window.presenter.click(tuple(positions[7]))
    assert session.cell == 7
    gallery = panel.galleries.irrelevant
    gallery.clicked.emit(gallery.slices.index(0))
    assert session.result.cells["rank"].iloc[session.cell] == session.result.n_cells
    wait(lambda: np.allclose(camera(window.viewer).center[-2:], positions[session.cell]))

    # export what the canvas shows
    window.actions.export_screenshot(tmp_path / "c07.png", 1000)
    picture = np.asarray(Image.open(tmp_path / "c07.png").convert("RGB"))
    assert picture.shape[1] == 1000
    assert picture.std() > 10
