"""Warnings about nuclei follow what a person does with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_mid.cells.nuclei import Nuclei
from napari_mid.widgets.window import MID, Window
from napari_mid.workflow.edited_nuclei import DISC

Wait = Callable[[Callable[[], bool]], None]


def test_a_nucleus_set_by_hand_is_measured_and_rings_stay(opened: Window, wait: Wait) -> None:
    session = opened.session
    opened.actions.detect()
    wait(lambda: session.nuclei is not None)
    place = session.nuclei[1].centroids[0] + 1.0
    opened.actions.edit_nuclei()
    opened.presenter.editor.layer.add(session.images.layout.to_well(1, place[None]))
    opened.presenter.editor.finish()
    nuclei, points = session.nuclei, opened.presenter.points_layer
    assert np.isnan(nuclei[1].mean_intensity[-1])
    wait(lambda: DISC in session.nuclei[1].settings)
    assert session.nuclei is nuclei
    assert opened.presenter.points_layer is points
    image = session.images.fields[1][0]
    assert np.median(image) < nuclei[1].mean_intensity[-1] <= image.max()
    assert np.isnan(nuclei[1].area_px[-1])
    opened.actions.step_well(1)
    wait(lambda: session.images is not None)
    opened.actions.step_well(-1)
    assert DISC in session.nuclei[1].settings  # kept with the edit


def test_deleting_all_nuclei_is_doubted_and_undone_by_others(opened: Window, wait: Wait) -> None:
    session, row = opened.session, opened.panels[MID].nuclei
    opened.actions.detect()
    wait(lambda: session.nuclei is not None)
    opened.actions.edit_nuclei()
    layer = opened.presenter.editor.layer
    layer.selected_data = set(range(len(layer.data)))
    layer.remove_selected()
    opened.presenter.editor.finish()
    wait(lambda: bool(session.nuclei_warnings))
    assert "no nuclei were found" in row.warnings.text()
    opened.actions.detect()
    wait(lambda: not opened.jobs.running("run"))
    assert "no nuclei were found" not in row.warnings.text()


def test_what_was_left_out_of_a_layer_is_still_said(opened: Window, wait: Wait) -> None:
    session = opened.session
    points = {1: Nuclei("A01", 1, np.array([(20.0, 20.0)]), np.full(1, np.nan), np.full(1, np.nan), "points layer")}
    opened.actions.use_nuclei(points, ("2 of the 3 points lie on no field",))
    wait(lambda: DISC in session.nuclei[1].settings)
    assert session.nuclei_warnings == ("2 of the 3 points lie on no field",)
