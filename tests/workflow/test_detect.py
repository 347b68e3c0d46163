from __future__ import annotations

import numpy as np
import pytest

from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import ChannelError, ImageReadError, MidError
from napari_mid.images.well_images import load_well
from napari_mid.plates import open_plate
from napari_mid.progress import Progress, finish
from napari_mid.workflow.detect import DetectedFields, detect_images_steps, detect_plate_steps, detect_well_steps, nuclei_table

SETTINGS = DetectionSettings(diameter_px=16)


@pytest.fixture
def plate(disc_plate):
    plate = open_plate(disc_plate)
    return plate.with_roles({plate.channel_names[0]: "nucleus"})


def image_of(disc_plate, well, channel=1):
    return disc_plate / f"discs_{well}_s1_w{channel}.tif"


def test_nuclei_of_a_well_by_field(plate):
    nuclei = finish(detect_well_steps(plate, "A1", settings=SETTINGS))
    assert {number: len(found) for number, found in nuclei.items()} == {1: 9}
    assert nuclei[1].well == "A01"
    expected = [(y, x) for y in (20, 60, 100) for x in (20, 60, 100)]
    np.testing.assert_allclose(sorted(map(tuple, nuclei[1].centroids.round())), expected, atol=1)


def test_images_in_memory_are_used(plate, disc_plate):
    images = finish(load_well(plate["A02"]))
    expected = finish(detect_well_steps(plate, "A02", settings=SETTINGS))
    image_of(disc_plate, "A02").unlink()
    nuclei = finish(detect_well_steps(plate, "A02", images=images, settings=SETTINGS))
    np.testing.assert_array_equal(nuclei[1].centroids, expected[1].centroids)


def test_another_channel_can_be_asked_for(plate):
    # the second channel of the well without nuclei has discs, too
    assert len(finish(detect_well_steps(plate, "A06", settings=SETTINGS))[1]) == 0
    assert len(finish(detect_well_steps(plate, "A06", channel=1, settings=SETTINGS))[1]) == 9


def test_the_channel_has_to_be_known(disc_plate):
    plate = open_plate(disc_plate)
    plate = plate.with_roles({name: "other" for name in plate.channel_names})
    with pytest.raises(ChannelError, match="--roles"):
        finish(detect_well_steps(plate, "A01"))


def test_an_unknown_device_is_a_plain_error(plate):
    with pytest.raises(MidError, match="cpu"):
        finish(detect_well_steps(plate, "A01", device="gpu:9"))


def test_a_plate_goes_on_without_what_cannot_be_read(plate, disc_plate):
    image_of(disc_plate, "A03").write_bytes(b"II*\0 cut short")
    wells = plate.select_wells("A01-A04")
    progress: list[Progress] = []
    detected = finish(detect_plate_steps(plate, wells, settings=SETTINGS), progress.append)
    assert [field.well for field in detected.fields] == ["A01", "A02", "A04"]
    assert len(detected.warnings) == 1
    assert "discs_A03_s1_w1.tif" in detected.warnings[0]
    assert detected.n_nuclei == 27
    done = [step.done for step in progress]
    assert done == sorted(done)
    assert {step.total for step in progress} == {4}


def test_a_plate_of_which_nothing_can_be_read_is_an_error(plate, disc_plate):
    for well in ("A01", "A02"):
        image_of(disc_plate, well).write_bytes(b"")
    with pytest.raises(ImageReadError, match="A01"):
        finish(detect_plate_steps(plate, plate.select_wells("A01-A02"), settings=SETTINGS))


def test_the_table_follows_the_cellprofiler_convention(plate):
    detected = finish(detect_plate_steps(plate, plate.select_wells("A05-A06"), settings=SETTINGS))
    table = nuclei_table(detected)
    assert list(table.columns) == [
        "Metadata_Plate",
        "Metadata_Well",
        "Metadata_Site",
        "Image_FileName",
        "Nuclei_Location_Center_X",
        "Nuclei_Location_Center_Y",
        "Nuclei_AreaShape_Area",
        "Nuclei_AreaShape_EquivalentDiameter",
        f"Nuclei_Intensity_MeanIntensity_{plate.channel_names[0]}",
        "Nuclei_TouchesBorder",
        "Nuclei_Confidence",
    ]
    assert len(table) == 9
    assert set(table["Image_FileName"]) == {"discs_A05_s1_w1.tif"}
    np.testing.assert_array_equal(table["Nuclei_Location_Center_Y"], detected.fields[0].nuclei.centroids[:, 0])
    np.testing.assert_allclose(table["Nuclei_AreaShape_EquivalentDiameter"], 16, atol=2)
    # in units of the file: discs of 900, whose sharp rims the maps of the detector mix with the background
    np.testing.assert_allclose(table[detected.intensity_column], 840, atol=60)
    assert not table["Nuclei_TouchesBorder"].any()


def test_the_column_of_intensities_names_the_channel_as_cellprofiler_would():
    assert (
        DetectedFields((), channel="HOECHST 33342 (405)").intensity_column == "Nuclei_Intensity_MeanIntensity_HOECHST_33342_405"
    )
    assert DetectedFields(()).intensity_column == "Nuclei_Intensity_MeanIntensity"


def test_loose_images_are_fields_of_their_own(disc_plate):
    paths = [image_of(disc_plate, "A01"), disc_plate / "absent.tif", image_of(disc_plate, "A02")]
    detected = finish(detect_images_steps(paths, settings=SETTINGS))
    assert [(field.plate, field.well, field.site, field.file) for field in detected.fields] == [
        ("discs", "", 1, "discs_A01_s1_w1.tif"),
        ("discs", "", 3, "discs_A02_s1_w1.tif"),
    ]
    assert len(detected.warnings) == 1
    assert "absent.tif" in detected.warnings[0]


def test_micrometres_without_a_pixel_size_are_left_aside_and_told(plate):
    assert plate.pixel_size_um is None
    warnings: list[str] = []
    settings = DetectionSettings(diameter_um=3)
    found = finish(detect_well_steps(plate, "A01", settings=settings, device="cpu", warnings=warnings))
    assert len(found[1]) == 9
    assert any("the diameter of 3 µm was left aside" in warning for warning in warnings)


def test_stopping_early_is_possible(plate):
    steps = detect_plate_steps(plate, plate.select_wells(None), settings=SETTINGS)
    next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)
