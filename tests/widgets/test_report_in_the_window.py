"""The report of chosen wells from the window is that of the command line, picture by picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_mid.plates import open_plate
from napari_mid.progress import finish
from napari_mid.reports.settings import ReportSettings
from napari_mid.widgets.window import MID, Window

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_mid.preferences.config_folder", lambda: tmp_path / "config")


def test_the_same_pictures_as_the_command_line(scored: Window, wait: Wait, plate_folder: Path, tmp_path: Path) -> None:
    session = scored.session
    scored.actions.score_all()
    wait(lambda: not scored.jobs.busy() and len(session.results) == len(session.plate.wells))
    dialog = scored.panels[MID].export.open_report()
    assert dialog.names == [session.well]
    dialog.wells.setText(",".join(session.results))
    dialog.form.set_value("width_px", 500)
    dialog.save(tmp_path / "window")
    wait(lambda: not scored.jobs.running("export"))
    from napari_mid.workflow.report import report_steps

    plate, model = open_plate(plate_folder), session.model
    wells = list(plate.wells.values())
    finish(report_steps(plate, wells, model, tmp_path / "line", settings=ReportSettings(width_px=500), device="cpu"))
    names = sorted(path.name for path in (tmp_path / "line").iterdir())
    assert sorted(path.name for path in (tmp_path / "window").iterdir()) == names
    assert f"{session.well}_card.png" in names
    for name in names:
        if name.endswith(".png") and "card" not in name:  # the card says how fast the cells were read
            assert (tmp_path / "window" / name).read_bytes() == (tmp_path / "line" / name).read_bytes(), name
    html = (tmp_path / "window" / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 3 * len(wells) + 1
    assert "http" not in html.replace("http-equiv", "")
    assert (tmp_path / "window" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_wells_are_chosen_as_on_the_command_line(scored: Window, wait: Wait) -> None:
    dialog = scored.panels[MID].export.open_report()
    save = dialog.buttons.button(dialog.buttons.StandardButton.Save)
    assert save.isEnabled()
    dialog.wells.setText("A-D")
    assert dialog.names == list(scored.session.results)
    assert "1 scored well of 1" in dialog.chosen.text()
    dialog.wells.setText("Z99")
    assert dialog.names_or_none() is None
    assert "Z99" in dialog.problem.text()
    assert not save.isEnabled()
    dialog.reject()


def test_a_report_leaves_out_the_cells_that_are_left_out(scored: Window, wait: Wait, tmp_path: Path) -> None:
    scored.session.cell = 1
    scored.actions.leave_out()
    wait(lambda: not scored.jobs.running("exclude") and not scored.session.result.preliminary)
    scored.actions.exporter.save_report([scored.session.well], ReportSettings(width_px=400, pdf=False), tmp_path / "out")
    wait(lambda: not scored.jobs.running("export"))
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    n = scored.session.result.n_cells
    assert f"{n - 1} cells (1 of {n} left out)" in html
    assert not (tmp_path / "out" / "report.pdf").exists()
