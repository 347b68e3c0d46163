from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.images.overview import shrink, thumbnails, well_thumbnail
from napari_mid.plates import open_plate
from napari_mid.plates.field import Plane


def write(folder: Path, wells: int, shape: tuple[int, int] = (40, 30)) -> Path:
    folder.mkdir()
    for number in range(1, wells + 1):
        for wavelength in (1, 2):
            image = np.full(shape, 10 * number + wavelength, dtype=np.uint16)
            tifffile.imwrite(folder / f"x_A{number:02d}_s1_w{wavelength}.tif", image)
    return folder


def test_one_thumbnail_per_well_in_raw_intensities(tmp_path: Path) -> None:
    plate = open_plate(write(tmp_path / "plate", 3))
    drawn = list(thumbnails(list(plate.wells.values()), edge_px=20))
    assert [thumbnail.well for thumbnail in drawn] == ["A01", "A02", "A03"]
    assert drawn[2].pixels.shape == (2, 20, 20)
    assert np.nanmax(drawn[2].pixels[1]) == np.nanmin(drawn[2].pixels[1]) == 32
    # 40 x 30 becomes 20 x 15: the rest is free
    assert np.isnan(drawn[2].pixels[:, :, 15:]).all()
    assert not np.isnan(drawn[2].pixels[:, :, :15]).any()


def test_no_image_is_read_twice_and_closing_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plate = open_plate(write(tmp_path / "plate", 12))
    read: list[str] = []
    real = Plane.read

    def counted(plane: Plane, level: int = 0) -> object:
        read.append(plane.name)
        return real(plane, level)

    monkeypatch.setattr(Plane, "read", counted)
    wells = list(plate.wells.values())
    assert len(list(thumbnails(wells, edge_px=20))) == 12
    assert len(read) == len(set(read)) == 24
    monkeypatch.setattr("napari_mid.images.parallel.AT_ONCE", 1)
    many = open_plate(write(tmp_path / "many", 48))
    read.clear()
    drawing = thumbnails(list(many.wells.values()), edge_px=20)
    next(drawing)
    drawing.close()
    assert len(read) < 2 * 48


def test_a_well_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    folder = write(tmp_path / "plate", 2)
    (folder / "x_A01_s1_w2.tif").write_bytes(b"II*\0")
    plate = open_plate(folder)
    drawn = well_thumbnail(plate["A01"], 20)
    assert "x_A01_s1_w2.tif" in drawn.problem
    assert np.isnan(drawn.pixels[1]).all()
    assert np.nanmax(drawn.pixels[0]) == 11


def test_shrink_is_the_mean_of_blocks() -> None:
    image = np.arange(36, dtype=np.uint16).reshape(6, 6)
    small = shrink(image, 3)
    assert small.shape == (3, 3)
    assert small[0, 0] == np.mean([0, 1, 6, 7])
    assert shrink(np.ones((1, 500), dtype=np.uint8), 100).shape == (1, 100)
