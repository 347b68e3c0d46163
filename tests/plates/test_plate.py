from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.errors import ChannelError, ImageReadError, WellError
from napari_mid.plates import open_plate
from napari_mid.plates.field import Plane
from napari_mid.plates.formats import format_names, plate_formats
from napari_mid.plates.pixels import read_plane
from napari_mid.plates.well_names import standard_plate_size, well_name, well_position

Write = Callable[..., Path]


def test_well_names_and_positions_are_each_others_inverse() -> None:
    for row in range(1, 33):
        for column in range(1, 49):
            assert well_position(well_name(row, column)) == (row, column)
    assert well_position("a1") == well_position("A001") == (1, 1)
    for bad in ("", "1", "A0", "A49", "AG1", "BA1", "A1x"):
        with pytest.raises(WellError):
            well_position(bad)


def test_standard_plates() -> None:
    assert standard_plate_size([(1, 1)]) == (2, 3)
    assert standard_plate_size([(4, 12)]) == (8, 12)
    assert standard_plate_size([(32, 48)]) == (32, 48)


def test_wells_by_name_and_by_range(write_images: Write) -> None:
    plate = open_plate(write_images(*[f"x_{row}{column:02d}_s1_w1.tif" for row in "ABC" for column in (1, 2, 3)]))
    assert plate["b2"].name == "B02"
    assert plate["B02"].parent is plate
    assert [well.name for well in plate.select_wells("A2-B3")] == ["A02", "A03", "B02", "B03"]
    assert [well.name for well in plate.select_wells("C,A1")] == ["A01", "C01", "C02", "C03"]
    with pytest.raises(WellError, match="no well H12"):
        plate["H12"]
    with pytest.raises(WellError):
        plate.select_wells("A1-B2-C3")


def test_roles_given_by_the_user_replace_guessed_ones(write_images: Write) -> None:
    folder = write_images("A1_01_1_1_DAPI_001.tif", "A1_01_2_1_DRAQ_001.tif")
    plate = open_plate(folder, roles={"draq": "nucleus"})
    assert [channel.role for channel in plate.channels] == ["other", "nucleus"]
    assert plate.role_index("nucleus") == 1
    assert plate.wells["A01"].fields[1].channels == plate.channels
    with pytest.raises(ChannelError, match="DAPI, DRAQ"):
        open_plate(folder, roles={"Cy5": "nucleus"})
    with pytest.raises(ChannelError, match="not a channel role"):
        open_plate(folder, roles={"DAPI": "nukleus"})
    with pytest.raises(ChannelError, match="--roles NAME=mmp"):
        plate.role_index("mmp")


def test_channels_of_different_sizes_are_an_error_of_the_field(write_images: Write) -> None:
    folder = write_images("x_A01_s1_w1.tif", "x_A01_s1_w2.tif")
    tifffile.imwrite(folder / "x_A01_s1_w2.tif", np.zeros((3, 3), dtype=np.uint8))
    with pytest.raises(ImageReadError, match="differ in size"):
        open_plate(folder).wells["A01"].fields[1].load()


def test_formats_are_found_and_the_last_resort_is_last() -> None:
    assert format_names()[-1] == "File names"
    assert "Harmony" in format_names()
    for plate_format in plate_formats():
        assert plate_format.can_read(Path("/nowhere")) is False


@pytest.mark.parametrize(
    "folder", ["metaxpress_sparse", "harmony_phenix_v5", "imagexpress/9987_Plate_3435", "yokogawa_cv8000", "omezarr_hcs.zarr"]
)
def test_a_link_in_circles_beside_the_images_changes_nothing(real_data: Path, tmp_path: Path, folder: str) -> None:
    real = open_plate(real_data / folder)
    copy = shutil.copytree(real_data / folder, tmp_path / "copy")
    (copy / "circle").symlink_to("circle")
    plate = open_plate(copy)
    assert (plate.format, plate.n_images, plate.missing_files) == (real.format, real.n_images, real.missing_files)
    assert list(plate.wells) == list(real.wells)


@pytest.mark.parametrize("name", ["harmony_phenix_v5/r01c01f01p01-ch1sk1fk1fl1.tiff", "bbbc013/Channel1-01-A-01.tif"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.95])
def test_a_real_tiff_cut_short_is_named(real_data: Path, tmp_path: Path, name: str, part: float) -> None:
    content = (real_data / name).read_bytes()
    path = tmp_path / "cut.tif"
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ImageReadError, match=r"cut\.tif"):
        read_plane(Plane(path, 0))


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("tiles", [None, (16, 16)])
def test_a_tiff_whose_pixels_end_early_is_no_dark_image(
    tmp_path: Path, compression: str | None, tiles: tuple[int, int] | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cut.tif"
    image = np.random.default_rng(0).integers(1, 60_000, (64, 64), dtype=np.uint16)
    tifffile.imwrite(path, image, compression=compression, tile=tiles, rowsperstrip=None if tiles else 16)
    np.testing.assert_array_equal(read_plane(Plane(path, 0)), image)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(ImageReadError, match=r"cut\.tif"):
        read_plane(Plane(path, 0))
    assert not caplog.records


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder.tif").mkdir()
    for name in ("text.png", "folder.tif", "absent.tif", "absent.png"):
        with pytest.raises(ImageReadError, match=name):
            read_plane(Plane(tmp_path / name, 0))


def test_pages_and_colour(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.arange(2 * 5 * 5, dtype=np.uint8).reshape(2, 5, 5), photometric="minisblack")
    assert read_plane(Plane(path, 0, page=1))[0, 0] == 25
    with pytest.raises(ImageReadError, match="2 pages"):
        read_plane(Plane(path, 0, page=2))
    import imageio.v3 as iio

    iio.imwrite(tmp_path / "rgb.png", np.stack([np.full((4, 4), value, np.uint8) for value in (1, 9, 3)], axis=-1))
    assert (read_plane(Plane(tmp_path / "rgb.png", 0)) == 9).all()


def test_colours_one_after_the_other_become_the_brightest(tmp_path: Path) -> None:

    colours = np.stack([np.full((5, 6), value, np.uint8) for value in (3, 9, 4)])
    tifffile.imwrite(tmp_path / "A01_s1_w1.tif", colours, photometric="rgb", planarconfig="separate")
    image = read_plane(Plane(tmp_path / "A01_s1_w1.tif", channel=0))
    assert image.shape == (5, 6)
    assert (image == 9).all()
