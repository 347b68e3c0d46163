"""What comes back another day: results, the plate that was open last, folders of results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress
from napari_mid.session import Message
from napari_mid.widgets.steps import Located
from napari_mid.widgets.window import MID, PLATE, Window
from napari_mid.widgets.work import Partial

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def small_model(small_model: Any) -> Any:
    """One that can be told from others, as those that are read from a folder."""
    small_model.hash = "0123456789abcdef"
    return small_model


def kept(window: Window, wait: Wait) -> None:
    window.actions.keeper.keep()
    wait(lambda: not window.jobs.running("keep"))


def test_results_come_back_when_the_plate_is_opened_again(scored: Window, plate: Any, wait: Wait) -> None:
    session = scored.session
    before = session.result
    kept(scored, wait)
    scored.actions.show_plate(plate)
    assert session.result is None
    wait(lambda: session.result is not None)
    after = session.result
    assert after.score == pytest.approx(before.score)
    assert after.interval == pytest.approx(before.interval)
    assert (after.call, after.call_reason, after.model_hash) == (before.call, before.call_reason, before.model_hash)
    pd.testing.assert_frame_equal(after.cells, before.cells, check_dtype=False)
    assert after.trust.effective_cells == pytest.approx(before.trust.effective_cells)
    wait(lambda: session.images is not None)
    assert len(scored.panels[MID].galleries.relevant.cells) > 0
    assert len(scored.presenter.points_layer.data) == after.n_cells


def test_results_of_channels_that_were_read_otherwise_do_not_come_back(scored: Window, plate: Any, wait: Wait) -> None:
    kept(scored, wait)
    session = scored.session
    other = plate.with_roles({plate.channel_names[1]: "er", plate.channel_names[2]: "ros"})
    scored.actions.show_plate(other)
    wait(lambda: session.images is not None and not scored.jobs.running("stored"))
    assert not session.results


def test_what_the_model_needs_of_a_cell_has_to_be_read_again(scored: Window, plate: Any, wait: Wait) -> None:
    session, told = scored.session, []
    kept(scored, wait)
    scored.actions.show_plate(plate)
    wait(lambda: session.result is not None and session.images is not None)
    session.events.told.connect(told.append)
    session.cell = 0
    scored.panels[MID].inspector.explain.click()
    assert "press Run" in told[-1].text
    scored.panels[MID].evidence.curve.click()
    assert "press Run" in told[-1].text


def test_the_last_plate_is_opened_with_its_plate_map_and_well(scored: Window, plate_folder: Path, wait: Wait) -> None:
    session = scored.session
    second = [name for name, well in session.plate.wells.items() if well.has_images][1]
    session.well = second
    kept(scored, wait)
    last = scored.actions.keeper.last()
    assert last["name"] == session.plate.name
    session.plate = None
    scored.actions.reopen_last()
    wait(lambda: session.well is not None)
    assert session.well == second
    assert session.plate.wells[second].condition.get("role")
    wait(lambda: session.images is not None)


def test_a_damaged_state_is_no_state(scored: Window, wait: Wait) -> None:
    from napari_mid import preferences

    kept(scored, wait)
    (preferences.config_folder() / "session.json").write_text("{")
    assert scored.actions.keeper.last() == {}


@pytest.fixture
def folder(scored: Window, tmp_path: Path) -> Path:
    scored.actions.export_tables(tmp_path / "out")
    return tmp_path / "out"


def test_a_folder_of_results_opens_on_its_plate(scored: Window, folder: Path, wait: Wait) -> None:
    session, before = scored.session, scored.session.result
    session.plate = None
    scored.actions.open_results(folder)
    wait(lambda: session.result is not None)
    assert session.result.well == before.well
    assert session.result.score == pytest.approx(before.score)
    np.testing.assert_array_equal(session.result.cells["rank"], before.cells["rank"])
    assert session.well in scored.panels[PLATE].map.painted.colours


def test_results_of_another_model_or_a_damaged_folder_are_told(scored: Window, folder: Path, wait: Wait) -> None:
    told: list[Message] = []
    scored.session.events.told.connect(told.append)
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "model": {**run["model"], "hash": "0" * 16}}))
    scored.actions.open_results(folder)
    wait(lambda: bool(told))
    assert "choose it above" in told[-1].text
    (folder / "cells.parquet").write_bytes(b"nothing")
    told.clear()
    scored.actions.open_results(folder)
    wait(lambda: bool(told))
    assert "no folder of results" in told[-1].text


def test_results_bring_their_model_where_it_is_still_there(
    scored: Window, folder: Path, tmp_path: Path, wait: Wait, small_model: Any
) -> None:
    from napari_mid.model.folder import load_model, save_model

    session, before = scored.session, scored.session.result
    save_model(small_model, tmp_path / "model", card="", metrics={})
    saved = load_model(tmp_path / "model")
    run = json.loads((folder / "run.json").read_text())
    ours = {**run["model"], "hash": saved.hash, "path": str(tmp_path / "model")}
    (folder / "run.json").write_text(json.dumps({**run, "model": ours}))
    session.plate = session.model = None
    scored.actions.open_results(folder)
    wait(lambda: session.result is not None)
    assert session.model.hash == saved.hash
    assert session.result.score == pytest.approx(before.score)


def test_cancel_leaves_a_result_whose_nuclei_are_located_anew(
    scored: Window, plate: Plate, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = scored.session
    nuclei = dict(session.nuclei)
    kept(scored, wait)
    scored.actions.show_plate(plate)
    wait(lambda: session.result is not None and session.images is not None)
    before = session.result
    assert session.nuclei is None

    def steps(*_: Any) -> Any:
        yield Partial(Located(nuclei))
        while True:
            yield Progress("encoding", 1, 2)
            time.sleep(0.01)

    monkeypatch.setattr("napari_mid.widgets.actions.run_steps", steps)
    scored.actions.run()
    wait(lambda: session.work is not None and "encoding" in session.work.detail)
    scored.actions.cancel()
    assert session.result is before
    assert scored.presenter.points_layer.name == "relevance"
