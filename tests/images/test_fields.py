from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import DTypeLike

from napari_mid.errors import ImageReadError
from napari_mid.images.fields import correct, load_field, load_field_channel
from napari_mid.plates import open_plate
from napari_mid.plates.field import Reading
from napari_mid.plates.flat_field import PolynomialFlatField

#: Twice as sensitive at the right edge as at the left one, nearly.
SLOPE = PolynomialFlatField(((1.0,), (0.6, 0.0)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_an_evenly_lit_scene_is_even_in_the_type_of_the_file(dtype: DTypeLike) -> None:
    profile = SLOPE.profile((20, 30))
    image = (100 * profile).astype(dtype)
    corrected = correct(image, SLOPE)
    assert corrected.dtype == dtype
    np.testing.assert_allclose(corrected, 100, atol=1.5)


def test_the_offset_of_the_camera_is_not_corrected() -> None:
    flat_field = dataclasses.replace(SLOPE, offset=50.0)
    image = np.rint(50 + 100 * flat_field.profile((20, 30))).astype(np.uint16)
    np.testing.assert_allclose(correct(image, flat_field), 150, atol=1)
    np.testing.assert_array_equal(correct(np.full((20, 30), 50, np.uint16), flat_field), 50)


@pytest.mark.parametrize(("value", "expected"), [(65535, 65535), (0, 0)])
def test_whole_numbers_do_not_wrap_around(value: int, expected: int) -> None:
    flat_field = dataclasses.replace(SLOPE, offset=30.0)
    corrected = correct(np.full((8, 8), value, np.uint16), flat_field)
    assert corrected[0, 0] == expected
    assert abs(int(corrected[0, -1]) - value) < 0.4 * 65535


def test_what_is_not_finite_stays_so() -> None:
    image = np.ones((8, 8), np.float32)
    image[3, 3] = np.nan
    corrected = correct(image, SLOPE)
    assert np.isnan(corrected[3, 3])
    assert np.isfinite(corrected).sum() == 63


def test_only_channels_with_a_profile_are_corrected(tmp_path: Path) -> None:
    for channel in (1, 2):
        tifffile.imwrite(tmp_path / f"p_A01_s1_w{channel}.tif", np.full((20, 30), 100 * channel, np.uint16))
    plate = open_plate(tmp_path)
    stored = load_field(plate["A01"].fields[1])
    assert (stored == plate["A01"].fields[1].load()).all()
    field = plate.with_reading(Reading(flat_field="estimated", flat_fields=(None, SLOPE)))["A01"].fields[1]
    corrected = load_field(field)
    assert (corrected[0] == 100).all()
    np.testing.assert_array_equal(corrected[1], np.rint(200 / SLOPE.profile((20, 30))))
    np.testing.assert_array_equal(load_field(field, [1, 0]), corrected[::-1])
    np.testing.assert_array_equal(load_field_channel(field, 1), corrected[1])


def test_channels_of_different_sizes_are_an_error(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p_A01_s1_w1.tif", np.zeros((20, 30), np.uint16))
    tifffile.imwrite(tmp_path / "p_A01_s1_w2.tif", np.zeros((20, 31), np.uint16))
    with pytest.raises(ImageReadError, match="differ in size"):
        load_field(open_plate(tmp_path)["A01"].fields[1])
