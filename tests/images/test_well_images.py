from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.errors import ImageReadError
from napari_mid.images.well_images import load_well
from napari_mid.plates import open_plate
from napari_mid.progress import finish


def write(folder: Path, shapes: dict[int, tuple[int, int]]) -> Path:
    folder.mkdir()
    for site, shape in shapes.items():
        for wavelength in (1, 2):
            image = np.full(shape, 10 * site + wavelength, dtype=np.uint8)
            tifffile.imwrite(folder / f"x_A01_s{site}_w{wavelength}.tif", image)
    return folder


def test_every_field_of_a_well_in_place(tmp_path: Path) -> None:
    plate = open_plate(write(tmp_path / "plate", {1: (6, 6), 2: (6, 6), 5: (4, 3)}))
    images = finish(load_well(plate["A01"]))
    assert {number: image.shape for number, image in images.fields.items()} == {1: (2, 6, 6), 2: (2, 6, 6), 5: (2, 4, 3)}
    mosaic = images.mosaic(1)
    assert mosaic.dtype == np.uint8
    for number in (1, 2, 5):
        assert (mosaic == 10 * number + 2).sum() == images.fields[number][1].size


def test_a_damaged_field_is_lost_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "plate", {1: (6, 6), 2: (6, 6)})
    (folder / "x_A01_s1_w2.tif").write_bytes((folder / "x_A01_s1_w2.tif").read_bytes()[:200])
    images = finish(load_well(open_plate(folder)["A01"]))
    assert list(images.fields) == [2]
    assert "x_A01_s1_w2.tif" in images.warnings[0]
    assert images.layout.origins == {2: (0, 0)}


def test_a_well_without_a_readable_field_is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path / "plate", {1: (6, 6)})
    plate = open_plate(folder)
    (folder / "x_A01_s1_w1.tif").unlink()
    with pytest.raises(ImageReadError, match=r"A01.*x_A01_s1_w1\.tif"):
        finish(load_well(plate["A01"]))


def test_fields_of_different_pixel_types_keep_their_values(tmp_path: Path) -> None:
    folder = write(tmp_path / "plate", {1: (4, 4)})
    for wavelength in (1, 2):
        tifffile.imwrite(folder / f"x_A01_s2_w{wavelength}.tif", np.full((4, 4), 5000, dtype=np.uint16))
    mosaic = finish(load_well(open_plate(folder)["A01"])).mosaic(0)
    assert set(np.unique(mosaic)) == {0, 11, 5000}


def test_fields_without_one_stain_are_shown_and_not_given_for_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "plate", {1: (6, 6), 2: (6, 6)})
    (folder / "x_A01_s1_w1.tif").unlink()
    tifffile.imwrite(folder / "x_A02_s1_w1.tif", np.ones((6, 6), dtype=np.uint8))
    images = finish(load_well(open_plate(folder)["A01"]))
    assert images.absent == {1: frozenset({0})}
    assert (images.fields[1][0] == 0).all()
    assert (images.fields[1][1] == 12).all()
    assert len(images.warnings) == 1
    assert "w1" in images.warnings[0]
    assert (images.pixels(1, [1]) == 12).all()
    with pytest.raises(ImageReadError, match="field 1"):
        images.pixels(1, [0, 1])
    assert images.pixels(2, [0, 1]).shape == (2, 6, 6)


@pytest.mark.parametrize("backwards", [False, True])
def test_overlapping_fields_keep_their_own_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backwards: bool) -> None:
    import dataclasses

    from napari_mid.images import well_images

    if backwards:  # as images may come in, since several are read at once
        in_order = well_images.in_parallel
        monkeypatch.setattr(well_images, "in_parallel", lambda read, keys: in_order(read, reversed(keys), at_once=1))
    plate = open_plate(write(tmp_path / "plate", {1: (6, 6), 2: (6, 6)}))
    well = plate["A01"]
    fields = {
        number: dataclasses.replace(one, position_um=(0.0, 4.0 * number), pixel_size_um=1.0)
        for number, one in well.fields.items()
    }
    images = finish(load_well(dataclasses.replace(well, fields=fields)))
    assert [(images.fields[number] == [[[10 * number + 1]], [[10 * number + 2]]]).all() for number in (1, 2)] == [True, True]
    for channel in (0, 1):
        row = [11 + channel] * 4 + [21 + channel] * 6
        assert images.mosaic(channel).tolist() == [row] * 6
    # the fields and the canvas are in memory
    assert images.nbytes == 2 * 2 * 36 + 2 * 60


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_uniform_fields_lie_on_one_canvas(tmp_path: Path, compression: str | None) -> None:
    rng = np.random.default_rng(0)
    expected = {(site, channel): rng.integers(0, 60000, (40, 30)).astype(np.uint16) for site in (1, 2, 3) for channel in (0, 1)}
    for (site, channel), image in expected.items():
        tifffile.imwrite(tmp_path / f"x_A01_s{site}_w{channel + 1}.tif", image, compression=compression)
    images = finish(load_well(open_plate(tmp_path)["A01"]))
    assert images.canvas is not None
    for (site, channel), image in expected.items():
        np.testing.assert_array_equal(images.fields[site][channel], image)
        top, left = images.layout.origins[site]
        np.testing.assert_array_equal(images.mosaic(channel)[top : top + 40, left : left + 30], image)
    assert np.shares_memory(images.mosaic(0), images.canvas)
    assert int(images.canvas.sum()) == sum(int(image.sum()) for image in expected.values())


def test_channels_of_one_field_that_differ(tmp_path: Path) -> None:
    folder = write(tmp_path / "plate", {1: (6, 6), 2: (6, 6), 3: (6, 6)})
    tifffile.imwrite(folder / "x_A01_s2_w2.tif", np.full((6, 6), 5000, dtype=np.uint16))
    tifffile.imwrite(folder / "x_A01_s3_w1.tif", np.zeros((5, 6), dtype=np.uint8))
    images = finish(load_well(open_plate(folder)["A01"]))
    assert list(images.fields) == [1, 2]
    assert "differ in size" in images.warnings[0]
    assert [int(value) for value in images.fields[2][:, 0, 0]] == [21, 5000]
    assert {12, 5000} <= set(np.unique(images.mosaic(1)))


def test_the_flat_field_is_corrected_where_the_image_lies(tmp_path: Path) -> None:
    from napari_mid.plates.field import Reading
    from napari_mid.plates.flat_field import PolynomialFlatField

    flat_field = PolynomialFlatField(((1.0,), (0.6, 0.0)))
    # larger than what is corrected at once
    image = np.random.default_rng(0).integers(0, 50000, (700, 400)).astype(np.uint16)
    for channel in (1, 2):
        tifffile.imwrite(tmp_path / f"x_A01_s1_w{channel}.tif", image)
    plate = open_plate(tmp_path).with_reading(Reading(flat_field="estimated", flat_fields=(None, flat_field)))
    images = finish(load_well(plate["A01"]))
    np.testing.assert_array_equal(images.mosaic(0), image)
    gain = np.reciprocal(flat_field.profile((700, 400)))
    np.testing.assert_array_equal(images.mosaic(1), np.rint(np.clip(image * gain, 0, 65535)))
