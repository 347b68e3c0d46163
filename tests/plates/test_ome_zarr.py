from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from napari_mid.errors import ImageReadError, PlateFormatError
from napari_mid.images.layout import well_layout
from napari_mid.plates import open_plate
from napari_mid.plates.formats import file_names, ome_zarr, plate_formats
from napari_mid.plates.roles import channel_colours

from .zarr_plates import edit, pixels, write_group, write_image, write_plate


def image_file(root: Path, path: str, zarr_format: int) -> Path:
    return root / path / ("zarr.json" if zarr_format == 3 else ".zattrs")


def test_the_real_plate(real_data: Path) -> None:
    root = real_data / "omezarr_hcs.zarr"
    plate = open_plate(root)
    about = json.loads((root / ".zattrs").read_text())["plate"]
    image = json.loads((root / "E/07/0/.zattrs").read_text())
    assert (plate.name, plate.format) == (about["name"], "OME-Zarr")
    assert (plate.rows, plate.columns) == (len(about["rows"]), len(about["columns"])) == (16, 24)
    assert list(plate.wells) == ["E07", "E08"]
    assert all(list(well.fields) == [0] for well in plate.wells.values())
    labels = [channel["label"] for channel in image["omero"]["channels"]]
    assert [channel.name.removesuffix(" (C03)") for channel in plate.channels] == labels
    assert plate.channels[2].name == f"{labels[2]} (C03)"  # the microscope gave the name twice
    assert {channel.colour for channel in plate.channels} == {"#73ff00"}
    assert plate.n_images == 2 * 3
    assert not plate.missing_files
    assert plate.pixel_size_um == image["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][-1]
    field = plate["E08"].fields[0]
    assert field.planes[0].factors == (1, 2, 4)
    for level, shape in enumerate([(256, 512), (128, 256), (64, 128)]):
        for channel in range(3):
            chunk = (root / f"E/08/0/{level}/{channel}/0/0").read_bytes()
            expected = np.frombuffer(numcodecs.Blosc().decode(chunk), "<u2").reshape(shape)
            assert np.array_equal(field.load_channel(channel, level=level), expected)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_both_versions_read_back(tmp_path: Path, zarr_format: int) -> None:
    root = write_plate(tmp_path / "a.zarr", zarr_format)
    plate = open_plate(root)
    assert (plate.name, plate.rows, plate.columns, plate.n_images) == ("my plate", 4, 6, 2 * 2 * 2)
    assert list(plate.wells) == ["A01", "B03"]
    assert [(channel.name, channel.role, channel.colour) for channel in plate.channels] == [
        ("DAPI", "nucleus", "#0000ff"),
        ("TMRM", "mmp", "#ff8000"),
    ]
    assert plate.pixel_size_um == plate["A01"].fields[0].pixel_size_um == 0.65
    assert not plate.warnings
    assert not plate.missing_files
    for well, path in (("A01", "A/1"), ("B03", "B/3")):
        for number in (0, 1):
            field = plate[well].fields[number]
            expected = pixels(f"{path}/{number}")
            assert np.array_equal(field.load(), expected)
            assert np.array_equal(field.load_channel(1, level=1), expected[1, ::2, ::2])
            assert field.load().dtype == np.uint16


@pytest.mark.parametrize("given", [".", "a.zarr", "a.zarr/zarr.json"])
def test_what_may_be_given(tmp_path: Path, given: str) -> None:
    write_plate(tmp_path / "a.zarr")
    (tmp_path / "plate_map.csv").write_text("well,compound\nA01,DMSO\n")
    plate = open_plate(tmp_path / given)
    assert plate.name == "my plate"
    assert plate["A01"].condition["compound"] == "DMSO"


def test_a_plate_map_beside_several_plates_belongs_to_none(tmp_path: Path) -> None:
    write_plate(tmp_path / "a.zarr")
    write_plate(tmp_path / "b.zarr", name=None)
    (tmp_path / "plate_map.csv").write_text("well,compound\nA01,DMSO\n")
    plate = open_plate(tmp_path / "b.zarr")
    assert plate.name == "b"
    assert plate.plate_map is None
    with pytest.raises(PlateFormatError, match=r"2 Zarr folders: a.zarr, b.zarr. Open one"):
        open_plate(tmp_path)


def test_folders_of_other_formats_are_left_alone(tmp_path: Path, real_data: Path) -> None:
    for name in sorted(os.listdir(real_data)):
        assert ome_zarr.can_read(real_data / name) == (name == "omezarr_hcs.zarr")
    (tmp_path / "a.zarr").mkdir()
    assert not ome_zarr.can_read(tmp_path)
    write_plate(tmp_path / "b.zarr")
    assert ome_zarr.can_read(tmp_path)
    (tmp_path / "x_A01_s1_w1.tif").write_bytes(b"")
    assert not ome_zarr.can_read(tmp_path)
    assert [each.NAME for each in plate_formats() if each is not file_names and each.can_read(tmp_path / "b.zarr")] == [
        "OME-Zarr"
    ]


def test_time_points_and_focal_planes(tmp_path: Path) -> None:
    root = tmp_path / "a.zarr"
    write_plate(root, wells=["A/1"], fields=["0"])
    array = pixels("all", shape=(2, 2, 3, 10, 12))
    shutil.rmtree(root / "A/1/0")
    write_image(root / "A/1/0", array, axes="tczyx", levels=3)
    plate = open_plate(root)
    assert (plate.n_images, plate.time_points, plate.focal_planes) == (12, (1, 2), (1, 2, 3))
    field = plate["A01"].fields[0]
    assert np.array_equal(field.load(), array[0].max(axis=1))
    assert np.array_equal(field.load(time=2, z=3), array[1, :, 2])
    assert field.load_channel(0, level=2).shape == (3, 3)


def test_a_pyramid_that_is_smaller_in_z_too(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0"])
    array = pixels("deep", shape=(4, 8, 8))
    shutil.rmtree(root / "A/1/0")
    write_image(root / "A/1/0", array, axes="zyx", levels=2, channels=())
    shutil.rmtree(root / "A/1/0/1")
    coarse: Any = zarr.create_array(store=root / "A/1/0", name="1", data=array[::2, ::2, ::2])
    plane = open_plate(root)["A01"].fields[0].planes_of(0, z=4)[0]
    assert np.array_equal(plane.read(1), coarse[1])


@pytest.mark.parametrize("axes", ["cyx", "zyx", "yx", "tyx", "xyc"])
def test_axes_in_any_number_and_order(tmp_path: Path, axes: str) -> None:
    array = pixels(axes, shape=tuple(range(2, 2 + len(axes))))
    write_image(tmp_path / "a.zarr", array, axes=axes, levels=1, chunks=array.shape, channels=(), scale=None)
    field = open_plate(tmp_path / "a.zarr")["A01"].fields[1]
    expected = {"cyx": array[0], "zyx": array.max(axis=0), "yx": array, "tyx": array[0]}.get(axes)
    if expected is None:
        expected = array[..., 0].T
    assert np.array_equal(field.load_channel(0), expected)


def test_versions_without_axes_and_scales(tmp_path: Path) -> None:
    array = pixels("old", shape=(1, 2, 1, 16, 24))
    root = tmp_path / "a.zarr"
    write_plate(root, 2, wells=["A/1"], fields=["0"])
    shutil.rmtree(root / "A/1/0")
    write_image(root / "A/1/0", array, 2, axes="", scale=None, channels=(), levels=3)
    declared = {"wells": [{"path": "A/1"}], "rows": [{"name": "A"}], "columns": [{"name": "1"}], "version": "0.1"}
    edit(root / ".zattrs", plate=declared)
    plate = open_plate(root)
    assert [channel.name for channel in plate.channels] == ["Channel 1", "Channel 2"]
    assert plate.pixel_size_um is None
    assert not plate.warnings
    field = plate["A01"].fields[0]
    assert field.planes[0].factors == (1, 2, 4)
    assert np.array_equal(field.load(), array[0, :, 0])


def test_rows_and_columns_that_list_only_those_in_use(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "a.zarr", wells=["E/07", "E/08"], rows=["E"], columns=["07", "08"]))
    assert list(plate.wells) == ["E07", "E08"]
    assert (plate.rows, plate.columns) == (6, 8)


def test_wells_by_index_where_the_names_are_numbers(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "a.zarr", wells=["1/2", "3/1"], rows=["1", "2", "3"], columns=["1", "2"]))
    assert list(plate.wells) == ["A02", "C01"]
    assert (plate.rows, plate.columns) == (3, 2)


@pytest.mark.parametrize(("fields", "numbers"), [(["2", "10", "0"], [0, 2, 10]), (["p1", "p0"], [1, 2]), (["1", "01"], [1, 2])])
def test_numbers_of_fields(tmp_path: Path, fields: list[str], numbers: list[int]) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=fields)
    well = open_plate(root)["A01"]
    assert list(well.fields) == numbers
    first = well.fields[2 if fields[0] == "2" else 1]
    assert np.array_equal(first.load(), pixels(f"A/1/{fields[0]}"))


@pytest.mark.parametrize(("unit", "size"), [("nanometer", 0.00065), ("µm", 0.65), ("millimeter", 650), ("furlong", None)])
def test_units_of_the_scale(tmp_path: Path, unit: str, size: float | None) -> None:
    plate = open_plate(write_plate(tmp_path / "a.zarr", unit=unit))
    assert plate.pixel_size_um == (None if size is None else pytest.approx(size))
    assert any("without a unit" in warning for warning in plate.warnings) == (size is None)


def test_a_scale_of_the_whole_image_counts(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0"])
    file = root / "A/1/0/zarr.json"
    image = json.loads(file.read_text())["attributes"]["ome"]["multiscales"][0]
    image["coordinateTransformations"] = [
        {"type": "scale", "scale": [1, 2, 2]},
        {"type": "translation", "translation": [0, 5, 7]},
    ]
    edit(file, multiscales=[image])
    field = open_plate(root)["A01"].fields[0]
    assert field.pixel_size_um == pytest.approx(1.3)
    assert field.position_um == pytest.approx((5 + 7.5 * 1.3, 7 + 11.5 * 1.3))


def test_fields_lie_where_the_translations_say(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1", "B/3"], fields=["0", "1"])
    for well, places in (("A/1", ((0.0, 0.0), (10.4, -6.5))), ("B/3", ((0.0, 0.0), None))):
        for number, place in enumerate(places):
            shutil.rmtree(root / well / str(number))
            write_image(root / well / str(number), pixels(well, number), translation=place)
    plate = open_plate(root)
    fields = plate["A01"].fields
    layout = well_layout(fields, dict.fromkeys(fields, (16, 24)))
    assert layout.from_stage
    # y grows downwards: field 1 is 16 px below and 10 px left of field 0
    assert layout.origins == {0: (0, 10), 1: (16, 0)}
    assert all(field.position_um is None for field in plate["B03"].fields.values())


def test_file_colours_count_where_the_role_is_unknown(tmp_path: Path) -> None:
    labels = [("DAPI", "00FF00"), ("mystery", "#12AB34"), ("riddle", "12ab34"), ("dark", "000010"), ("odd", "green")]
    channels = [{"label": label, "color": colour} for label, colour in labels]
    write_image(tmp_path / "a.zarr", pixels("five", shape=(5, 8, 8)), channels=channels)
    plate = open_plate(tmp_path / "a.zarr")
    assert [channel.colour for channel in plate.channels] == ["#00ff00", "#12ab34", "#12ab34", None, None]
    colours = channel_colours(plate.channels)
    assert colours[0] == "#3f6bff"
    assert colours[1] == "#12ab34"
    assert len(set(colours)) == 5


def test_a_field_of_another_shape_and_with_fewer_channels(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0", "1"])
    shutil.rmtree(root / "A/1/0")
    write_image(root / "A/1/0", pixels("small", shape=(1, 9, 7)), channels=[{"label": "DAPI"}])
    plate = open_plate(root)
    assert [channel.name for channel in plate.channels] == ["DAPI", "TMRM"]
    assert plate.n_images == 3
    assert np.array_equal(plate["A01"].fields[0].load_channel(0), pixels("small", shape=(1, 9, 7))[0])
    assert any("same channels" in warning for warning in plate.warnings)
    with pytest.raises(ImageReadError, match="no image of channel TMRM"):
        plate["A01"].fields[0].load()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_missing_wells_fields_and_planes(tmp_path: Path, zarr_format: int) -> None:
    root = write_plate(tmp_path / "a.zarr", zarr_format, wells=["A/1", "A/2", "B/3"], fields=["0", "1", "2"])
    shutil.rmtree(root / "A/2")
    shutil.rmtree(root / "A/1/1")
    shutil.rmtree(root / "B/3/2/0")
    chunks = root / "B/3/0/0" / ("c" if zarr_format == 3 else "")
    shutil.rmtree(chunks / "1")
    plate = open_plate(root)
    lost = "B/3/0/0/c/1/0/0" if zarr_format == 3 else "B/3/0/0/1/0/0"
    assert plate.missing_files == ("A/2", "A/1/1", "B/3/2", lost)
    assert plate.n_images == 6 * 2
    assert plate["A02"].fields == {}
    assert not plate["A02"].has_images
    assert not plate["A01"].fields[1].planes
    assert len(plate["B03"].fields[0].planes) == 1
    assert sum("missing" in warning or "no pixels" in warning for warning in plate.warnings) == 3


def test_pixels_lost_after_opening_are_no_black_image(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0", "1"])
    plate = open_plate(root)
    assert np.array_equal(plate["A01"].fields[0].load(), pixels("A/1/0"))
    shutil.rmtree(root / "A/1/0/0/c/1")
    with pytest.raises(ImageReadError, match=r"A/1/0/0 \(c 1\) does not exist"):
        plate["A01"].fields[0].load_channel(1)
    shutil.rmtree(root / "A/1/1")
    with pytest.raises(ImageReadError, match="A/1/1/0"):
        plate["A01"].fields[1].load_channel(1)


@pytest.mark.parametrize("levels", [1, 3])
def test_a_blank_plane_whose_chunks_were_left_out_is_blank(tmp_path: Path, levels: int) -> None:
    array = pixels("blank", shape=(3, 16, 24))
    array[0] = 0
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0"])
    shutil.rmtree(root / "A/1/0")
    write_image(root / "A/1/0", array, levels=levels, blank_chunks=False)
    assert not (root / "A/1/0/0/c/0").exists()
    plate = open_plate(root)
    assert not plate.missing_files
    for level in range(levels):
        assert not plate["A01"].fields[0].load_channel(0, level=level).any()


def test_an_array_without_any_chunk_is_missing(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0"])
    shutil.rmtree(root / "A/1/0/0/c")
    plate = open_plate(root)
    assert plate.missing_files == ("A/1/0/0/c/0/0/0", "A/1/0/0/c/1/0/0")
    assert not plate["A01"].has_images


@pytest.mark.parametrize(
    ("zarr_format", "options", "lost"),
    [
        (2, {"chunk_key_encoding": {"name": "v2", "separator": "."}}, "1.0.0"),
        (3, {"chunk_key_encoding": {"name": "v2", "separator": "."}}, "1.0.0"),
        (3, {"chunk_key_encoding": {"name": "default", "separator": "."}}, "c.1.0.0"),
        (3, {"shards": (1, 16, 24)}, "c/1/0/0"),
    ],
)
def test_chunks_in_files_of_other_names(tmp_path: Path, zarr_format: int, options: dict[str, Any], lost: str) -> None:
    root = write_plate(tmp_path / "a.zarr", zarr_format, wells=["A/1"], fields=["0"])
    shutil.rmtree(root / "A/1/0/0")
    array: Any = zarr.create_array(
        store=root / "A/1/0",
        name="0",
        data=pixels("A/1/0"),
        chunks=(1, 8, 8),
        zarr_format=3 if zarr_format == 3 else 2,
        **options,
    )
    assert np.array_equal(array, open_plate(root)["A01"].fields[0].load())
    for file in (root / "A/1/0/0").glob("1.*" if lost == "1.0.0" else "c.1.*" if "." in lost else "c/1/*/*"):
        file.unlink()
    plate = open_plate(root)
    assert plate.missing_files == (f"A/1/0/0/{lost}",)
    assert np.array_equal(plate["A01"].fields[0].load_channel(0), pixels("A/1/0")[0])


def test_damaged_chunks_and_rewritten_plates(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0"])
    field = open_plate(root)["A01"].fields[0]
    field.load()
    (root / "A/1/0/0/c/0/0/0").write_bytes(b"nonsense")
    with pytest.raises(ImageReadError, match=r"A/1/0/0 \(c 0\) cannot be read"):
        field.load()
    shutil.rmtree(root)
    write_plate(root, wells=["A/1"], fields=["0"])
    shutil.rmtree(root / "A/1/0")
    write_image(root / "A/1/0", pixels("larger", shape=(2, 40, 50)))
    assert np.array_equal(open_plate(root)["A01"].fields[0].load(), pixels("larger", shape=(2, 40, 50)))


def test_an_image_a_well_and_something_else(tmp_path: Path) -> None:
    write_image(tmp_path / "image.ome.zarr", pixels("one"))
    plate = open_plate(tmp_path / "image.ome.zarr")
    assert (plate.name, list(plate.wells), plate.n_images) == ("image", ["A01"], 2)
    assert "single image" in plate.warnings[0]
    assert np.array_equal(plate["A01"].fields[1].load(), pixels("one"))
    root = write_plate(tmp_path / "plate.zarr")
    with pytest.raises(PlateFormatError, match="one well of an OME-Zarr plate"):
        open_plate(root / "A/1")
    write_group(tmp_path / "table.zarr", 3, {"table": {}})
    with pytest.raises(PlateFormatError, match="neither an OME-Zarr plate nor an image"):
        open_plate(tmp_path / "table.zarr")
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "empty.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    with pytest.raises(PlateFormatError, match="without OME-Zarr metadata"):
        open_plate(tmp_path / "empty.zarr")
    zarr.create_array(store=tmp_path / "array.zarr", data=np.ones((4, 4)))
    with pytest.raises(PlateFormatError):
        open_plate(tmp_path / "array.zarr")


def test_several_acquisitions_are_told(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr", wells=["A/1"], fields=["0", "1"])
    edit(root / "A/1/zarr.json", well={"images": [{"path": "0", "acquisition": 1}, {"path": "1", "acquisition": 2}]})
    plate = open_plate(root)
    assert list(plate["A01"].fields) == [0, 1]
    assert any("several acquisitions (A01)" in warning for warning in plate.warnings)


def test_the_index_is_read_without_zarr(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "a.zarr")
    code = (
        f"import sys, napari_mid as nm; nm.open_plate({str(root)!r}); print([m for m in ('zarr', 'fsspec') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_well_that_lists_no_field_is_told(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", 2)
    (root / "B" / "3" / ".zattrs").write_text("{}")
    plate = open_plate(root)
    assert {name: len(well.fields) for name, well in plate.wells.items()} == {"A01": 2, "B03": 0}
    assert plate.warnings == ("1 of the 2 wells list no field: B03.",)
