"""A report compares with negative controls: they are scored beside the wells that were asked for, and their cells are shown."""

import numpy as np
import pandas as pd
import pytest

from napari_mid.errors import SettingsError
from napari_mid.plates import open_plate
from napari_mid.plates.plate_map import read_plate_map
from napari_mid.progress import finish
from napari_mid.reports.gallery import CONTROLS
from napari_mid.reports.settings import ReportSettings
from napari_mid.workflow import encode_well, report_pictures
from napari_mid.workflow.report import report_steps


@pytest.fixture
def plate(disc_plate):
    plate = open_plate(disc_plate)
    return plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))


def _galleries(monkeypatch):
    """Columns of the galleries that are drawn, by well."""
    shown, draw = {}, report_pictures.gallery_figure
    monkeypatch.setattr(
        report_pictures,
        "gallery_figure",
        lambda columns, channels, caption, **more: (
            shown.update({caption.well: columns}) or draw(columns, channels, caption, **more)
        ),
    )
    return shown


def _report(plate, model, out, wells, **settings):
    asked = [plate[well] for well in wells]
    return finish(
        report_steps(plate, asked, model, out, settings=ReportSettings(width_px=500, pdf=False, **settings), device="cpu")
    )


def test_cells_of_negative_controls_stand_beside(plate, small_model, tmp_path, monkeypatch):
    shown, seen = _galleries(monkeypatch), []
    cut = encode_well.FieldSlices.cut
    monkeypatch.setattr(encode_well.FieldSlices, "cut", lambda *args: seen.append(cut(*args)) or seen[-1])
    written = _report(plate, small_model, tmp_path, ["A04"], gallery_rows=5)
    column = shown["A04"][2]
    assert column.title == CONTROLS
    assert column.names == ("A01", "A01", "A02", "A02", "A03")
    read = np.concatenate([np.asarray(slices) for slices in seen])
    for one in column.slices:
        assert np.abs(read - one).max(axis=(1, 2, 3)).min() < 1e-6
    results = {result.well: result for result in written.plate_result.results}
    assert set(column.relevance[:2]) <= set(results["A01"].cells["relevance"])
    # they are in the table, and what was asked for is drawn
    assert set(pd.read_csv(tmp_path / "wells.csv")["Metadata_Well"]) == {"A01", "A02", "A03", "A04"}
    assert {path.name.split("_")[0] for path in tmp_path.glob("*_gallery.png")} == {"A04"}


def test_a_control_is_not_compared_with_itself(plate, small_model, tmp_path, monkeypatch):
    shown = _galleries(monkeypatch)
    _report(plate, small_model, tmp_path, ["A02", "A04"], gallery_rows=3)
    assert set(shown["A02"][2].names) == {"A01", "A03"}
    assert set(shown["A04"][2].names) == {"A01", "A02", "A03"}


def test_controls_can_be_left_out(plate, small_model, tmp_path, monkeypatch):
    shown = _galleries(monkeypatch)
    written = _report(plate, small_model, tmp_path, ["A04"], controls=False)
    assert [column.title for column in shown["A04"]] == ["RELEVANT", "IRRELEVANT"]
    assert len(written.plate_result.results) == 1


def test_a_plate_without_controls_has_two_columns(plate, small_model, tmp_path, monkeypatch):
    (tmp_path / "map.csv").write_text("well,role\nA04,sample\nA01,negative_control\n")
    shown = _galleries(monkeypatch)
    plate = plate.with_plate_map(read_plate_map(tmp_path / "map.csv"))
    _report(plate, small_model, tmp_path / "out", ["A01"])
    assert [column.title for column in shown["A01"]] == ["RELEVANT", "IRRELEVANT"]


def test_plate_maps_of_any_column(plate, small_model, tmp_path):
    _report(plate, small_model, tmp_path / "out", ["A04"], plate_maps=("score", "role", "cell count"))
    assert {path.name for path in (tmp_path / "out").glob("plate_*")} == {
        "plate_scores.png",
        "plate_role.png",
        "plate_cell_count.png",
    }
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Plate map coloured by cell count" in html
    with pytest.raises(SettingsError, match="coloured by 'colour'"):
        _report(plate, small_model, tmp_path / "none", ["A04"], plate_maps=("colour",))
    assert not (tmp_path / "none").exists()
