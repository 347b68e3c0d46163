"""The reader is narrow, and never raises while napari asks around."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_mid.errors import DisplayError
from napari_mid.viewer.reader import get_reader, open_in_window


@pytest.mark.parametrize("path", ["", "nothing/here", "\0", "image.tif", "https://example.org/Index.xml", [], ["a.tif", "b.tif"]])
def test_other_peoples_files_are_left_alone(path: str | list[str]) -> None:
    assert get_reader(path) is None


def test_a_loose_tiff_and_a_folder_of_odd_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.tif").write_bytes(b"II*\0")
    assert get_reader(str(tmp_path / "holiday.tif")) is None
    assert get_reader(str(tmp_path)) is None


def test_an_index_and_the_folders_around_it_are_plates(real_data: Path) -> None:
    folder = real_data / "harmony_phenix_v5"
    assert get_reader(str(folder)) is not None
    assert get_reader([str(next(folder.rglob("Index.idx.xml")))]) is not None
    assert get_reader(str(real_data / "bbbc013")) is not None


@pytest.mark.parametrize(
    "place",
    [
        "imagexpress/9987_Plate_3435/9987.HTD",
        "imagexpress/9987_Plate_3420",
        "yokogawa_cv8000/MeasurementData.mlf",
        "yokogawa_cv8000",
        "omezarr_hcs.zarr",
        "metaxpress_sparse",
    ],
)
def test_plates_of_every_vendor_are_taken(real_data: Path, place: str) -> None:
    assert get_reader(str(real_data / place)) is not None


def test_an_image_in_a_zarr_is_left_to_readers_of_images(real_data: Path) -> None:
    assert get_reader(str(real_data / "omezarr_hcs.zarr" / "E" / "07" / "0")) is None


def test_without_a_viewer_the_error_says_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(DisplayError, match="open_plate"):
        open_in_window(str(tmp_path))


def test_the_manifest_lets_npe2_find_the_reader_for_index_files() -> None:
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover()
    for path in (
        *("/data/Images/Index.idx.xml", "/data/Index.xml", "napari-mid://sample/cardiotox"),
        *("/data/plate/9987.HTD", "/data/plate/9987.htd", "/data/MeasurementData.mlf", "/data/plate.zarr"),
    ):
        found = [reader.plugin_name for reader in manager.iter_compatible_readers([path])]
        assert "napari-mid" in found, path
    assert "napari-mid" not in [reader.plugin_name for reader in manager.iter_compatible_readers(["/data/image.tif"])]
