"""Nuclei set by hand are measured in a disc, and the warnings are those of the nuclei as they are now."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_mid.cells.from_layers import nuclei_from_points
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.workflow.detect import detect_well_steps
from napari_mid.workflow.edited_nuclei import DISC, looked_at_steps, with_brightness


@pytest.fixture
def opened(disc_plate: Path) -> tuple[Plate, WellImages]:
    plate = open_plate(disc_plate).with_roles({"w1": "nucleus"})
    return plate, finish(load_well(plate["A01"]))


def test_only_what_is_not_known_is_measured_and_it_is_recorded() -> None:
    yy, xx = np.mgrid[:50, :50]
    image = np.where((yy - 20) ** 2 + (xx - 20) ** 2 <= 64, 900, 100).astype(np.uint16)
    nuclei = Nuclei(
        "A01", 1, np.array([(20.0, 20), (20, 20), (0, 49), (np.nan, 3)]), np.full(4, np.nan), np.array([7.0, *[np.nan] * 3]), "x"
    )
    measured = with_brightness(nuclei, image, 12.0)
    np.testing.assert_array_equal(measured.mean_intensity, [7, 900, 100, np.nan])  # also at a corner of the image
    assert np.isnan(measured.area_px).all()
    assert measured.settings[DISC] == 12.0
    assert with_brightness(measured.only(np.array([True, True, True, False])), image, 5.0).settings[DISC] == 12.0
    assert with_brightness(nuclei, image, 0.1).mean_intensity[1] == 900


def joined(one: Nuclei, other: Nuclei) -> Nuclei:
    names = ("centroids", "area_px", "mean_intensity")
    return Nuclei("A01", 1, *(np.concatenate([getattr(one, name), getattr(other, name)]) for name in names), "threshold")


def test_nuclei_without_a_size_bring_no_warning_about_sizes(opened: tuple[Plate, WellImages]) -> None:
    plate, images = opened
    located = finish(detect_well_steps(plate, "A01", images=images, channel=0))[1]
    places = nuclei_from_points(np.tile(located.centroids, (2, 1)), well="A01", field=1, shape=(120, 120))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of nothing but NaN there is no median
        measured, told = finish(looked_at_steps({1: places}, plate, images, 0, 16.0))
        assert told == []
        assert measured[1].mean_intensity.min() > 500
        assert measured[1].settings[DISC] == 16.0
        mixed = {1: joined(joined(located, located), places)}
        measured, told = finish(looked_at_steps(mixed, plate, images, 0, 99.0))
        assert told == []
        assert measured[1].settings[DISC] == pytest.approx(16, rel=0.25)  # as large as the others are
        np.testing.assert_array_equal(measured[1].mean_intensity[: len(located)], located.mean_intensity)
        (told,) = finish(looked_at_steps(mixed, plate, images, 0, 99.0, wanted_px=40.0))[1]
    assert "40 px were set" in told


def test_a_well_emptied_by_hand_is_told(opened: tuple[Plate, WellImages]) -> None:
    plate, images = opened
    none = {1: Nuclei("A01", 1, np.empty((0, 2)), np.empty(0), np.empty(0), "by hand")}
    _, told = finish(looked_at_steps(none, plate, images, 0, 16.0))
    assert len(told) == 1
    assert "no nuclei were found" in told[0]
    # a field whose images are not there is passed over
    assert finish(looked_at_steps({7: none[1]}, plate, images, 0, 16.0)) == ({7: none[1]}, [])
