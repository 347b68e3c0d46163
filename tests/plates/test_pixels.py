"""Images that are read into an array of the caller: straight from the file where they can be, the same pixels in any case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError
from napari_mid.plates.field import Plane
from napari_mid.plates.pixels import read_plane

IMAGE = np.random.default_rng(0).integers(0, 60000, (50, 70)).astype(np.uint16)


class Target:
    """Offers a part of a larger canvas, or nothing, and counts how often it is asked."""

    def __init__(self, canvas: NDArray[Any] | None) -> None:
        self.canvas = canvas
        self.asked: list[tuple[tuple[int, ...], np.dtype[Any]]] = []

    def __call__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        self.asked.append((shape, dtype))
        return None if self.canvas is None else self.canvas[5 : 5 + shape[0], -shape[1] :]


@pytest.mark.parametrize("width", [70, 90])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"rowsperstrip": 7},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib"},
    ],
)
def test_the_same_pixels_in_an_array_of_the_caller(tmp_path: Path, how: dict[str, Any], dtype: type, width: int) -> None:
    image, path = IMAGE.astype(dtype), tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric="minisblack", **how)
    target = Target(np.zeros((55, width), dtype))
    read = read_plane(Plane(path, 0), target)
    assert target.asked == [((50, 70), np.dtype(dtype))]
    assert target.canvas is not None
    assert np.shares_memory(read, target.canvas)
    np.testing.assert_array_equal(target.canvas[5:, -70:], image)
    assert not target.canvas[:5].any()
    assert not target.canvas[:, :-70].any()


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_a_new_array_where_the_caller_offers_none(tmp_path: Path, compression: str | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, compression=compression)
    target = Target(None)
    np.testing.assert_array_equal(read_plane(Plane(tmp_path / "a.tif", 0), target), IMAGE)
    assert len(target.asked) == 1


def test_pages_and_colours_and_other_formats_go_to_their_target_too(tmp_path: Path) -> None:
    import imageio.v3 as iio

    tifffile.imwrite(tmp_path / "pages.tif", np.stack([IMAGE, IMAGE // 2]), photometric="minisblack")
    colour = np.stack([IMAGE // 256, IMAGE // 300, IMAGE // 400], axis=-1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb")
    iio.imwrite(tmp_path / "a.png", colour[..., 0])
    for plane, expected in (
        (Plane(tmp_path / "pages.tif", 0, page=1), IMAGE // 2),
        (Plane(tmp_path / "colour.tif", 0), colour.max(axis=-1)),
        (Plane(tmp_path / "a.png", 0), colour[..., 0]),
    ):
        target = Target(np.zeros((55, 80), expected.dtype))
        np.testing.assert_array_equal(read_plane(plane, target), expected)
        assert target.canvas is not None
        np.testing.assert_array_equal(target.canvas[5:, 10:], expected)


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_nothing_is_asked_for_a_file_that_is_cut_short(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE, compression=compression)
    path.write_bytes(path.read_bytes()[:-100])
    target = Target(np.zeros((55, 70), np.uint16))
    with pytest.raises(ImageReadError, match=r"a\.tif.*cut short"):
        read_plane(Plane(path, 0), target)
    assert target.asked == []
