from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.errors import ImageReadError
from napari_mid.images.intensity import PERCENTILES, estimate_intensity_range, sample_fields
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish


def plate_of(folder: Path, images: dict[str, np.ndarray]) -> Plate:
    folder.mkdir(exist_ok=True)
    for name, image in images.items():
        tifffile.imwrite(folder / name, image)
    return open_plate(folder)


def test_the_range_of_a_real_plate_is_numpys(real_data: Path) -> None:
    plate = open_plate(real_data / "bbbc013")
    found = finish(estimate_intensity_range(plate, 6))
    sampled = sample_fields(plate, 6)
    assert found.fields == tuple(field.key for field in sampled)
    for channel in (0, 1):
        pixels = np.concatenate([field.load_channel(channel).ravel() for field in sampled])
        np.testing.assert_allclose(found.limits(channel), np.percentile(pixels, PERCENTILES), atol=1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int32])
def test_the_range_of_every_pixel_type(tmp_path: Path, dtype: type[np.generic]) -> None:
    rng = np.random.default_rng(1)
    images = {f"x_A{n:02d}_s1_w1.tif": rng.gamma(4, 12, (80, 90)).clip(0, 255).astype(dtype) for n in range(1, 5)}
    plate = plate_of(tmp_path / "plate", images)
    found = finish(estimate_intensity_range(plate))
    expected = np.percentile(np.concatenate([image.ravel() for image in images.values()]), PERCENTILES)
    # below one image in ten thousand pixels: neighbouring values may lie apart
    np.testing.assert_allclose(found.limits(0), expected, atol=5)


def test_a_constant_channel_has_a_range(tmp_path: Path) -> None:
    plate = plate_of(tmp_path / "plate", {"x_A01_s1_w1.tif": np.full((4, 4), 7, np.uint16)})
    assert finish(estimate_intensity_range(plate)).limits(0) == (7.0, 8.0)


def test_fields_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    images = {f"x_A{n:02d}_s1_w1.tif": np.full((4, 4), 7 * n, np.uint16) for n in (1, 2)}
    plate = plate_of(tmp_path / "plate", images)
    (tmp_path / "plate" / "x_A02_s1_w1.tif").write_bytes(b"II*\0")
    found = finish(estimate_intensity_range(plate))
    assert (found.low, found.fields) == ((7.0,), ("A01 field 1",))
    (tmp_path / "plate" / "x_A01_s1_w1.tif").unlink()
    with pytest.raises(ImageReadError, match="w1"):
        finish(estimate_intensity_range(plate))


def test_the_sample_is_spread_over_the_plate(tmp_path: Path) -> None:
    plate = plate_of(
        tmp_path / "plate", {f"x_{r}{c:02d}_s1_w1.tif": np.zeros((2, 2), np.uint8) for r in "ABCD" for c in range(1, 13)}
    )
    wells = [field.well for field in sample_fields(plate, 5)]
    assert (wells[0], wells[-1], len(set(wells))) == ("A01", "D12", 5)
    assert wells == [field.well for field in sample_fields(plate, 5)]
