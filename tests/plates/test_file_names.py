from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.errors import PlateFormatError, PlateNotFoundError
from napari_mid.images.layout import well_layout
from napari_mid.plates import open_plate
from napari_mid.plates.formats import file_names
from napari_mid.plates.formats._loose import LOOSE

from .imagexpress_plates import header_text

Write = Callable[..., Path]


def test_real_bbbc013_opens_by_itself(real_data: Path) -> None:
    plate = open_plate(real_data / "bbbc013")
    assert list(plate.wells) == [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 13)]
    assert (plate.name, plate.rows, plate.columns, plate.n_images) == ("bbbc013", 8, 12, 96)
    assert plate.channel_names == ("Channel1", "Channel2")
    assert plate.pixel_size_um is None
    assert plate.warnings == ()
    image = plate["B3"].fields[1].load()
    for channel in (1, 2):
        np.testing.assert_array_equal(
            image[channel - 1], tifffile.imread(real_data / "bbbc013" / f"Channel{channel}-15-B-03.tif")
        )


def test_real_bbbc013_plate_map_is_joined(real_data: Path) -> None:
    plate = open_plate(real_data / "bbbc013", roles={"Channel2": "nucleus"})
    with (real_data / "bbbc013" / "plate_map.csv").open(newline="") as file:
        rows = {row["well"]: row for row in csv.DictReader(file)}
    for name, well in plate.wells.items():
        assert well.condition["role"] == rows[name]["role"]
        assert well.condition["compound"] == (rows[name]["compound"] or None)
        assert well.condition["concentration_um"] == pytest.approx(float(rows[name]["concentration"]) / 1000)
    assert plate.role_index("nucleus") == 1


def test_real_sparse_metaxpress_invents_nothing(real_data: Path) -> None:
    plate = open_plate(real_data / "metaxpress_sparse")
    assert {name: list(well.fields) for name, well in plate.wells.items()} == {"A01": [1], "A02": [4]}
    assert plate.channel_names == ("w1", "w3")
    assert (plate.n_images, plate.missing_files, plate.warnings) == (4, (), ())
    # as the headers say
    assert plate.pixel_size_um == plate["A02"].fields[4].pixel_size_um == 0.645
    assert [(channel.role, channel.wavelength_nm) for channel in plate.channels] == [("nucleus", 447), ("other", 692)]
    image = plate["A02"].fields[4].load_channel(1)
    np.testing.assert_array_equal(image, tifffile.imread(real_data / "metaxpress_sparse" / "IM-Assays-EXP2_A02_s4_w3.TIF", key=0))


@pytest.mark.parametrize("below", [".", "images"])
def test_real_cellpainting_nf1_without_its_masks(real_data: Path, below: str) -> None:
    plate = open_plate(real_data / "cellpainting_nf1" / below)
    names = [path.stem.split("_") for path in (real_data / "cellpainting_nf1" / "images").iterdir()]
    sites: dict[str, set[int]] = {}
    for well, _, _, site, *_ in names:
        sites.setdefault(f"{well[0]}{int(well[1:]):02d}", set()).add(int(site))
    assert {name: set(well.fields) for name, well in plate.wells.items()} == sites
    assert plate.name == "cellpainting_nf1"
    assert [(channel.name, channel.role) for channel in plate.channels] == [
        ("DAPI", "nucleus"),
        ("GFP", "other"),
        ("RFP", "other"),
    ]
    assert plate.n_images == len(names) == 15
    assert (plate.rows, plate.columns, plate.warnings) == (8, 12, ())
    assert plate.wells["B07"].condition["genotype"] == "Null"
    assert plate.wells["D06"].condition["genotype"] == "WT"


def test_real_cellpainting_jump_has_harmony_names_and_no_index(real_data: Path) -> None:
    plate = open_plate(real_data / "cellpainting_jump")
    assert plate.format == "File names"
    assert list(plate.wells["A01"].fields) == [1]
    assert plate.channel_names == ("ch2", "ch3", "ch5")
    assert plate.wells["A01"].fields[1].load([0]).shape == (1, 1080, 1080)


def test_a_folder_of_several_plates_names_them(write_images: Write) -> None:
    home = write_images("one/x_A01_w1.tif", "two/x_A01_w1.tif")
    with pytest.raises(PlateFormatError, match=r"one, two\. Open one"):
        open_plate(home)


@pytest.mark.parametrize(
    ("names", "wells", "channels"),
    [
        (["r02c03f01p01-ch1sk1fk1fl1.tiff", "r02c03f01p01-ch10sk1fk1fl1.tiff"], {"B03": [1]}, ["ch1", "ch10"]),
        (["x_P24_s2_w1.TIF", "x_P24_s2_w2.TIF"], {"P24": [2]}, ["w1", "w2"]),
        (["x_AF48_w1.tif"], {"AF48": [1]}, ["w1"]),
        (["P_A01_s1_w1A1B2C3D4-1111-2222-3333-444455556666.tif", "P_A01_s1_w1_thumbA1B2.tif"], {"A01": [1]}, ["w1"]),
        (["A1_01_2_1_Texas Red_001.tif", "A1_01_1_1_Hoechst_001.tif"], {"A01": [1]}, ["Hoechst", "Texas Red"]),
        (["Channel1-01-A-01.tif", "Channel2-01-A-01.tif"], {"A01": [1]}, ["Channel1", "Channel2"]),
        (["Channel 1-01-A-01.tif", "Channel 2-01-A-01.tif"], {"A01": [1]}, ["Channel 1", "Channel 2"]),
        (["r01c01f01p01-ch1.tiff", "r01c01f02p01-ch1.tiff"], {"A01": [1, 2]}, ["ch1"]),
        (["r01c01f01p01-ch1sk1.tiff"], {"A01": [1]}, ["ch1"]),
        (["A01_s1_w1.tif", "A01_s1_w10.tif"], {"A01": [1]}, ["w1", "w10"]),
        (["x_a01_w1.png", "x_p24_w1.png"], {"A01": [1], "P24": [1]}, ["w1"]),
        (["A01_w1.tif"], {"A01": [1]}, ["w1"]),
        (["9987_B02.TIF", "9987_B03.TIF"], {"B02": [1], "B03": [1]}, ["w1"]),
        (["A01_DAPI.tif", "A01_marker.tif"], {"A01": [1]}, ["DAPI", "marker"]),
        (["A01_s2_DAPI.tif", "A02_s1_DAPI.tif"], {"A01": [2], "A02": [1]}, ["DAPI"]),
        (["B03_f01_DAPI.tif", "B03_f02_DAPI.ome.tif"], {"B03": [1, 2]}, ["DAPI"]),
        (["plate_A01_1_DAPI.tif", "my_plate_A01_1_Texas Red.tif"], {"A01": [1]}, ["DAPI", "Texas Red"]),
        (["A01_2_3_TMRM.tif", "A01_1_3_DAPI.tif"], {"A01": [3]}, ["DAPI", "TMRM"]),
        (["my plate A01_s2_w1.tif"], {"A01": [2]}, ["w1"]),
        (["SIMCEPImages_A04_C14_F1_s02_w1.TIF", "SIMCEPImages_A04_C14_F1_s02_w2.TIF"], {"A04": [2]}, ["w1", "w2"]),
        (["AS_09125_050116000001_D03f00d0.tif", "AS_09125_050116000001_D03f00d1.tif"], {"D03": [0]}, ["d0", "d1"]),
        (["A - 01(fld 1 wv UV - DAPI).tif", "B - 12(fld 2 wv UV - DAPI).tif"], {"A01": [1], "B12": [2]}, ["UV - DAPI"]),
        (["A01_T0001F002L01A01Z01C01.tif", "A01_T0001F002L01A02Z01C02.tif"], {"A01": [2]}, ["C01", "C02"]),
    ],
)
def test_built_in_patterns(write_images: Write, names: list[str], wells: dict[str, list[int]], channels: list[str]) -> None:
    plate = open_plate(write_images(*names))
    assert {name: list(well.fields) for name, well in plate.wells.items()} == wells
    assert list(plate.channel_names) == channels
    assert plate.warnings == ()


@pytest.mark.parametrize(
    "names",
    [
        ["img_t01.tif", "img_t02.tif"],
        ["img_z01_w1.tif", "img_z02_w1.tif"],
        ["img_t01_s1.tif"],
        ["IMG_0001.tif", "IMG_0002.tif"],
        ["A01_final.tif", "B02_draft.tif"],
        ["f01_DAPI.tif"],
        ["A99_DAPI.tif", "figure_A1.tif"],
        ["Q01.tif", "x_Z03.tif"],
        ["r40c01f01p01-ch1.tiff"],
        ["B02_DAPI_and_GFP.tif"],
        ["x_A01.tif", *(f"{number}.tif" for number in range(20))],
    ],
)
def test_names_that_tell_no_well_are_not_read_as_wells(write_images: Write, names: list[str]) -> None:
    folder = write_images(*names)
    plate = open_plate(folder)
    assert (plate.format, list(plate.wells)) == (LOOSE, ["A01"])
    assert plate.n_images == len(plate.wells["A01"].fields) == len(names)
    assert not file_names.most_names_fit(folder)


def test_time_points_and_z_steps_from_folders(write_images: Write) -> None:
    names = [f"TimePoint_{t}/ZStep_{z}/x_A01_s1_w1.tif" for t in (1, 2) for z in (1, 2, 3)]
    field = open_plate(write_images(*names)).wells["A01"].fields[1]
    assert sorted((plane.time, plane.z) for plane in field.planes) == [(t, z) for t in (1, 2) for z in (1, 2, 3)]
    assert field.load_channel(0, time=2)[0, 0] == 5  # the maximum over z


@pytest.mark.parametrize("masks", ["masks/x_A01_s1_w1.tif", "Segmentation/x_A01_s1_w1.tif", "x_A01_s1_w1_mask.tif"])
def test_masks_are_never_images(write_images: Write, masks: str) -> None:
    plate = open_plate(write_images("x_A01_s1_w1.tif", masks))
    assert (plate.n_images, plate.warnings) == (1, ())


def test_what_fields_lack_is_summed_up(write_images: Write) -> None:
    names = [f"Channel{c}-{n:02d}-A-{n:02d}.tif" for n in range(1, 8) for c in (1, 2) if c == 1 or n > 4]
    plate = open_plate(write_images(*names))
    assert plate.missing_files == ()
    (warning,) = plate.warnings
    assert warning.startswith("4 images")
    assert "A01 field 1 has no Channel2, A02 field 1 has no Channel2, A03 field 1 has no Channel2 and 1 more" in warning


def test_images_that_do_not_fit_are_named(write_images: Write) -> None:
    plate = open_plate(write_images("x_A01_s1_w1.tif", "x_A02_s1_w1.tif", "overview scan.tif"))
    assert any("overview scan.tif" in warning for warning in plate.warnings)
    assert plate.n_images == 2


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("img_{well}_{site}_{channel}.tif", "img_b2_7_red.tif"),
        ("{anything}-{row}{column}-f{site}-{channel}", "plate 3-B02-f7-red.tif"),
        ("*_{channel}_{ROW}-{col}_{field}.TIF", "a_b_red_2-2_7.tif"),
        ("{well}/{channel}/{site}.tif", "B02/red/7.tif"),
        ("day*/{channel}_{well}_{site}*", "day 1/red_B02_7_raw.tif"),
    ],
)
def test_a_pattern_the_user_writes(write_images: Write, pattern: str, name: str) -> None:
    plate = open_plate(write_images(name, "readme.png"), pattern=pattern)
    assert plate.channel_names == ("red",)
    assert list(plate.wells["B02"].fields) == [7]


def test_a_pattern_with_z_and_time(write_images: Write) -> None:
    plate = open_plate(write_images("A1 t3 z2.tif"), pattern="{well} t{time} z{z}.tif")
    (plane,) = plate.wells["A01"].fields[1].planes
    assert (plane.time, plane.z) == (3, 2)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("img_{site}.tif", "where the well stands"),
        ("img_{well.tif", "brace"),
        ("img_well}.tif", "brace"),
        ("{well}_{well}.tif", "twice"),
        ("{well}_{row}.tif", "twice"),
        ("", "where the well stands"),
        ("{well}_nothing_{channel}.tif", "x_A01_s1_w1.tif, for example"),
        ("[{well}(.tif", "x_A01_s1_w1.tif"),
    ],
)
def test_a_pattern_that_makes_no_sense_or_fits_nothing(write_images: Write, pattern: str, says: str) -> None:
    with pytest.raises(PlateFormatError) as caught:
        open_plate(write_images("x_A01_s1_w1.tif"), pattern=pattern)
    assert says in str(caught.value)


def test_wells_that_no_plate_has_do_not_fit(write_images: Write) -> None:
    with pytest.raises(PlateFormatError):
        open_plate(write_images("a_99_99.tif"), pattern="a_{row}_{column}.tif")


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("x")
    for path, says in [
        (tmp_path / "nowhere" / "deep", "nowhere in it is not"),
        (tmp_path / "nothing", "There is no plate at"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "texts", "no images in"),
        (tmp_path / "texts" / "notes.txt", "no index file"),
        (tmp_path / ("x" * 5000), "There is no plate at"),
    ]:
        with pytest.raises((PlateNotFoundError, PlateFormatError)) as caught:
            open_plate(path)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


def test_corrections_beside_the_images_do_not_decide_how_names_are_read(write_images: Write) -> None:
    names = [f"scan_D08_T0001F001L01A01Z0{z}C01.tif" for z in (1, 2)]
    plate = open_plate(write_images(*names, "SC_BP445-45_20x_M01_CH01.tif", "SC_BP525-50_20x_M01_CH02.tif"))
    assert (plate.channel_names, plate.focal_planes, list(plate.wells)) == (("C01",), (1, 2), ["D08"])


def test_the_real_images_of_a_cellvoyager_with_all_that_lies_beside_them(real_data: Path, tmp_path: Path) -> None:
    for path in (real_data / "yokogawa_cv8000").glob("*.tif"):
        (tmp_path / path.name).symlink_to(path)
    plate = open_plate(tmp_path)
    assert {name: list(well.fields) for name, well in plate.wells.items()} == {key: [1, 2, 3, 4] for key in ("D08", "E03", "F08")}
    assert (plate.channel_names, plate.n_images) == (("C01", "C02"), 96)


def test_files_that_hold_all_channels_of_a_field(tmp_path: Path) -> None:
    for number, well in enumerate(("A01", "B02")):
        image = np.stack([np.full((6, 8), 10 * number + channel, np.uint16) for channel in range(3)])
        about = {"axes": "CYX", "Channel": {"Name": ["DAPI", "TMRM", "YOYO-3"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        tifffile.imwrite(tmp_path / f"x_{well}_s1.ome.tif", image, metadata=about)
    plate = open_plate(tmp_path)
    assert [(channel.name, channel.role) for channel in plate.channels] == [
        ("DAPI", "nucleus"), ("TMRM", "mmp"), ("YOYO-3", "dead"),
    ]  # fmt: skip
    assert (plate.pixel_size_um, plate.n_images, plate.warnings) == (0.5, 2, ())
    assert plate["B02"].fields[1].load()[:, 0, 0].tolist() == [10, 11, 12]


def test_pages_of_a_file_whose_name_tells_the_channel_are_not_dropped_silently(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "A01_DAPI.tif", np.zeros((3, 6, 8), np.uint16), photometric="minisblack")
    (warning,) = open_plate(tmp_path).warnings
    assert "A01_DAPI.tif with 3; the first is shown" in warning


def test_fields_stand_where_the_headers_of_metaxpress_say(tmp_path: Path) -> None:
    places = {1: (0.0, 0.0), 2: (0.0, 32.0), 3: (24.0, 0.0)}  # y, x in µm, y growing downwards
    for well, (top, left) in (("B02", (20_000.0, 23_000.0)), ("B03", (20_000.0, 32_000.0))):
        for site, (y, x) in places.items():
            about = header_text(452, (top + y, left + x), pixel_size=0.5)
            tifffile.imwrite(
                tmp_path / f"x_{well}_s{site}_w1.TIF", np.zeros((48, 64), np.uint16), description=about, metadata=None
            )
    plate = open_plate(tmp_path)
    assert (plate.format, plate.pixel_size_um, plate.channels[0].wavelength_nm) == ("File names", 0.5, 452)
    for well in plate.wells.values():
        layout = well_layout(well.fields, dict.fromkeys(well.fields, (48, 64)))
        assert (layout.from_stage, layout.origins) == (True, {1: (0, 0), 2: (0, 64), 3: (48, 0)})


@pytest.mark.parametrize("image", ["x_A01_s1_w1.tif", "some cells.tif"])
@pytest.mark.parametrize("index", ["MeasurementData.mlf", "load_data.csv"])
def test_an_index_that_could_not_be_read_is_not_passed_over_silently(write_images: Write, index: str, image: str) -> None:
    home = write_images(image)
    (home / index).write_bytes(b"")
    assert any(warning.startswith(f"{index} beside the images cannot be read") for warning in open_plate(home).warnings)
    with pytest.raises(PlateFormatError, match=rf"{index} is empty; copy it again"):
        open_plate(home / index)
