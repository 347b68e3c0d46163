"""What is odd about nuclei reaches the result of a score and its table."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_mid.cells.settings import DetectionSettings
from napari_mid.inference.settings import ScoringSettings
from napari_mid.plates import open_plate
from napari_mid.progress import finish
from napari_mid.workflow.detect import detect_well_steps
from napari_mid.workflow.score_plate import score_plate_steps, wells_table
from napari_mid.workflow.score_well import score_well_steps

DETECTION = DetectionSettings("threshold", diameter_px=16)
SCORING = ScoringSettings(precision="float32")


@pytest.fixture
def plate(disc_plate):
    """A01 as it is; A02 is saturated everywhere, A03 inverted."""
    tifffile.imwrite(disc_plate / "discs_A02_s1_w1.tif", np.full((120, 120), 65535, np.uint16))
    path = disc_plate / "discs_A03_s1_w1.tif"
    tifffile.imwrite(path, (2000 - tifffile.imread(path)).astype(np.uint16))
    plate = open_plate(disc_plate)
    return plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))


def test_they_stand_in_the_table_of_wells(plate, small_model):
    steps = score_plate_steps(
        plate, plate.select_wells("A01-A03"), small_model, detection=DETECTION, settings=SCORING, device="cpu"
    )
    table = wells_table(finish(steps))
    told = dict(zip(table["Metadata_Well"], table["warnings"], strict=True))
    assert "equally bright everywhere, so there are no nuclei" in told["A02"]
    assert "no bright things on a dark background" in told["A03"]
    assert "bright" not in told["A01"]


def test_a_score_rests_on_the_nuclei_that_detect_gives(plate, small_model):
    result = finish(score_well_steps(plate, "A01", small_model, detection=DETECTION, settings=SCORING, device="cpu"))
    nuclei = finish(detect_well_steps(plate, "A01", settings=DETECTION, device="cpu"))
    places = result.cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy()
    np.testing.assert_array_equal(places, nuclei[1].centroids)
    odd = finish(score_well_steps(plate, "A03", small_model, detection=DETECTION, settings=SCORING, device="cpu"))
    assert any("no bright things" in warning for warning in odd.warnings)
