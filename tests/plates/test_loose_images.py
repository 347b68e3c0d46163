"""Images of no plate: a single one, or a folder of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_mid.errors import ImageReadError, PlateFormatError
from napari_mid.images.well_images import load_well
from napari_mid.plates import open_plate
from napari_mid.progress import finish

Write = Callable[..., Path]


def pages(*shape: int) -> np.ndarray:
    """An array of `shape` and 5 x 6 px whose images are filled with 0, 1, 2, ..."""
    count = int(np.prod(shape))
    return np.broadcast_to(np.arange(count, dtype=np.uint8).reshape(*shape, 1, 1), (*shape, 5, 6)).copy()


@pytest.mark.parametrize("below", [".", "images"])
def test_real_loose_images(real_data: Path, below: str) -> None:
    folder = real_data / "nuclei_dsb2018"
    plate = open_plate(folder / below)
    files = [field.planes[0].path for field in plate.wells["A01"].fields.values()]
    assert (plate.name, plate.format, plate.n_images, plate.channel_names) == (
        "nuclei_dsb2018",
        "Loose images",
        181,
        ("Channel1",),
    )
    assert sorted(files) == sorted((folder / "images").iterdir())
    assert list(plate.wells["A01"].fields) == list(range(1, 182))
    (warning,) = plate.warnings
    assert "181 images" in warning
    assert "--pattern" in warning
    image = plate["A01"].fields[7].load()
    assert image.shape[1:] == iio.imread(files[6]).shape[:2]


def test_images_of_different_sizes_stand_side_by_side(tmp_path: Path) -> None:
    sizes = {"img2.png": (30, 40), "img10.png": (80, 20), "img1.tif": (5, 5)}
    for name, size in sizes.items():
        iio.imwrite(tmp_path / name, np.ones(size, np.uint8))
    plate = open_plate(tmp_path)
    assert [field.planes[0].name for field in plate.wells["A01"].fields.values()] == ["img1.tif", "img2.png", "img10.png"]
    images = finish(load_well(plate["A01"]))
    assert {number: shape for number, shape in images.layout.shapes.items()} == {1: (5, 5), 2: (30, 40), 3: (80, 20)}
    # none covers another
    assert images.mosaic(0).sum() == sum(height * width for height, width in sizes.values())


def test_one_image_of_a_plate(write_images: Write) -> None:
    plate = open_plate(write_images("x_B02_w1.tif", "x_B02_w2.tif") / "x_B02_w2.tif")
    assert (plate.name, plate.n_images, list(plate.wells)) == ("x_B02_w2", 1, ["A01"])
    assert plate["A01"].fields[1].load()[:, 0, 0].tolist() == [1]
    assert "open its folder" in plate.warnings[0]


@pytest.mark.parametrize("name", ["one.png", "one.jpg", "one.TIF"])
def test_one_colour_image(tmp_path: Path, name: str) -> None:
    iio.imwrite(tmp_path / name, np.full((8, 9, 3), 200, np.uint8))
    plate = open_plate(tmp_path / name)
    assert plate["A01"].fields[1].load().shape == (1, 8, 9)


@pytest.mark.parametrize(
    ("shape", "options", "channels", "maxima", "zs", "times"),
    [
        ((3,), {}, 3, [0, 1, 2], 1, 1),
        ((3,), {"metadata": {"axes": "CYX"}}, 3, [0, 1, 2], 1, 1),
        ((4,), {"metadata": {"axes": "ZYX"}}, 1, [3], 4, 1),
        ((12,), {}, 1, [11], 12, 1),
        ((2, 3, 4), {"imagej": True, "metadata": {"axes": "TZCYX"}}, 4, [8, 9, 10, 11], 3, 2),
        ((2, 3), {"ome": True, "metadata": {"axes": "CZYX", "Channel": {"Name": ["DAPI", "TMRM"]}}}, 2, [2, 5], 3, 1),
    ],
)
def test_pages_and_axes_of_a_tiff(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, object], channels: int, maxima: list[int], zs: int, times: int
) -> None:
    path = tmp_path / ("one.ome.tif" if "ome" in options else "one.tif")
    # greyscale, or tifffile takes three pages for a colour image
    tifffile.imwrite(path, pages(*shape), photometric="minisblack", **options)
    plate = open_plate(path)
    assert (len(plate.channels), len(plate.focal_planes), len(plate.time_points)) == (channels, zs, times)
    assert plate["A01"].fields[1].load()[:, 0, 0].tolist() == maxima
    if "ome" in options:
        assert [(channel.name, channel.role) for channel in plate.channels] == [("DAPI", "nucleus"), ("TMRM", "mmp")]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"}}, 0.25),
        ({"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm"}}, 0.25),
        ({"ome": True, "metadata": {"axes": "YX"}}, None),
        ({"imagej": True, "resolution": (4, 4), "metadata": {"axes": "YX", "unit": "micron"}}, 0.25),
        ({"imagej": True, "resolution": (4, 4), "metadata": {"axes": "YX", "unit": "inch"}}, None),
        ({}, None),
    ],
)
def test_pixel_size(tmp_path: Path, options: dict[str, object], size: float | None) -> None:
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((5, 6), np.uint8), **options)
    plate = open_plate(tmp_path / "one.tif")
    assert plate.pixel_size_um == plate.wells["A01"].fields[1].pixel_size_um
    assert plate.pixel_size_um == (None if size is None else pytest.approx(size))


def test_images_with_different_channels_show_what_all_have(tmp_path: Path) -> None:
    for name, count in (("a.tif", 3), ("b.tif", 2)):
        tifffile.imwrite(tmp_path / name, pages(count), photometric="minisblack")
    plate = open_plate(tmp_path)
    assert plate.channel_names == ("Channel1", "Channel2")
    assert all(field.load().shape == (2, 5, 6) for field in plate.wells["A01"].fields.values())
    assert any("2 to 3 channels" in warning for warning in plate.warnings)


def test_an_ome_tiff_never_leads_to_other_files(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "secret.ome.tif", np.full((5, 6), 9, np.uint8), metadata={"axes": "YX"})
    with tifffile.TiffFile(tmp_path / "secret.ome.tif") as tiff:
        link = '<UUID FileName="../secret.ome.tif">urn:uuid:2c5b9d6e-1111-2222-3333-444455556666</UUID>'
        one = '<TiffData IFD="0" PlaneCount="1"'
        xml = (tiff.ome_metadata or "").replace(f"{one}/>", f"{one}>{link}</TiffData>")
    assert "FileName" in xml
    folder = tmp_path / "folder"
    folder.mkdir()
    tifffile.imwrite(folder / "one.ome.tif", np.full((5, 6), 1, np.uint8), description=xml.encode(), metadata=None)
    for path in (folder, folder / "one.ome.tif"):
        planes = open_plate(path).wells["A01"].fields[1].planes
        assert [plane.path for plane in planes] == [folder / "one.ome.tif"]


def test_files_that_are_no_images_are_found_out_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "one.tif").write_bytes(b"II*\0 nothing")
    (tmp_path / "two.png").write_bytes(b"")
    for path in (tmp_path, tmp_path / "one.tif", tmp_path / "two.png"):
        plate = open_plate(path)
        with pytest.raises(ImageReadError):
            plate["A01"].fields[1].load()


def test_folders_of_loose_images(write_images: Write) -> None:
    home = write_images("one/a.tif", "two/b.tif")
    with pytest.raises(PlateFormatError, match=r"2 images in 2 folders \(one, two\).*--pattern"):
        open_plate(home)
    assert open_plate(home / "two").n_images == 1
    write_images("c.tif")
    plate = open_plate(home)
    assert [field.planes[0].name for field in plate.wells["A01"].fields.values()] == ["c.tif"]
    assert any("2 images in folders below" in warning for warning in plate.warnings)
