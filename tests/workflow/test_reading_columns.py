"""Which time point, focal plane and correction a result comes from stands in every table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.reports.caption import reading_text
from napari_mid.workflow.detect import detect_plate_steps, nuclei_table
from napari_mid.workflow.score_plate import cells_table, score_plate_steps, wells_table


@pytest.fixture
def series(tmp_path: Path) -> Plate:
    """Two time points of two focal planes, with one more nucleus at the second time point."""
    yy, xx = np.mgrid[:96, :96]
    for time in (1, 2):
        for z in (1, 2):
            place = tmp_path / "series" / f"TimePoint_{time}" / f"ZStep_{z}"
            place.mkdir(parents=True)
            image = np.random.default_rng(time).normal(100, 3, (96, 96))
            for x in (24, 48, 72)[: 1 + time]:
                image[(yy - 48) ** 2 + (xx - x) ** 2 <= 64] += 400 * z
            for wavelength in (1, 2):
                tifffile.imwrite(place / f"series_A01_s1_w{wavelength}.tif", image.astype(np.uint16))
    return open_plate(tmp_path / "series", roles={"w1": "nucleus", "w2": "ros"})


def test_tables_say_what_was_read(series: Plate, small_model: MidModel) -> None:
    assert series.reading_columns() == {"Metadata_TimePoint": 1, "Metadata_FocalPlane": "maximum"}
    later = series.with_reading(dataclasses.replace(series.reading, time=2, z=1))
    result = finish(score_plate_steps(later, later.select_wells(None), small_model))
    for table in (wells_table(result), cells_table(result)):
        assert table["Metadata_TimePoint"].tolist() == [2] * len(table)
        assert table["Metadata_FocalPlane"].tolist() == [1] * len(table)
    assert result.results[0].n_cells == 3
    assert result.run["settings"]["reading"] == {"time_point": 2, "focal_plane": 1, "flat_field": "off"}
    nuclei = nuclei_table(finish(detect_plate_steps(series, series.select_wells(None))))
    assert nuclei["Metadata_TimePoint"].tolist() == [1, 1]
    assert reading_text(later.reading_columns()) == "time point 2, focal plane 1"


def test_a_plate_without_a_choice_has_no_such_columns(disc_plate: Path) -> None:
    assert open_plate(disc_plate).reading_columns() == {}
    assert reading_text({}) == ""
