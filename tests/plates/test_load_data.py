from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from napari_mid.errors import MidError, PlateFormatError
from napari_mid.plates import open_plate
from napari_mid.plates.formats import load_data
from napari_mid.plates.plate import Plate

Write = Callable[..., Path]
Row = Mapping[str, object]


@pytest.fixture
def write_table(write_images: Write) -> Write:
    """A function that writes images and a table of `rows` and gives the table's path."""

    def write(
        rows: Sequence[Row],
        *images: str,
        folder: str = "plate",
        name: str = "load_data.csv",
        delimiter: str = ",",
        encoding: str = "utf-8",
    ) -> Path:
        home = write_images(*images, folder=folder)
        path = home / name
        if path.suffix == ".parquet":
            import pandas as pd

            pd.DataFrame(rows).to_parquet(path)
            return path
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def row(well: str, site: int = 1, folder: str = "", **more: object) -> Row:
    """A row of two channels; the names of the images say well, site and channel."""
    names = {f"FileName_{channel}": f"{well}_{site}_{channel}.tif" for channel in ("OrigDNA", "OrigER")}
    folders = {f"PathName_{channel}": folder for channel in ("OrigDNA", "OrigER")}
    return {**names, **folders, "Metadata_Plate": "P7", "Metadata_Well": well, "Metadata_Site": site, **more}


def images(*places: tuple[str, int], folder: str = "") -> list[str]:
    return [f"{folder}{well}_{site}_{channel}.tif" for well, site in places for channel in ("OrigDNA", "OrigER")]


@pytest.mark.parametrize(
    ("name", "n_missing"), [("harmony_phenix_v5/load_data.csv", 0), ("harmony_v7_index/load_data_version7.csv", 7)]
)
def test_a_real_table_says_what_is_in_its_cells(real_data: Path, name: str, n_missing: int) -> None:
    plate = open_plate(real_data / name)
    with (real_data / name).open(newline="") as file:
        (cells,) = csv.DictReader(file)
    channels = [header.removeprefix("FileName_") for header in cells if header.startswith("FileName_")]
    assert list(plate.channel_names) == channels
    emissions = [float(cells[f"Metadata_MainEmissionWavelength_{channel}"]) or None for channel in channels]
    assert [channel.wavelength_nm for channel in plate.channels] == emissions
    assert [channel.excitation_nm for channel in plate.channels] == [
        float(cells[f"Metadata_MainExcitationWavelength_{channel}"]) for channel in channels
    ]
    assert plate.role_index("nucleus") == channels.index("OrigDNA")
    assert {channel.role for channel in plate.channels} >= {"nucleus", "er", "rna", "agp", "mito", "other"}
    assert plate.name == cells["Metadata_Plate"]
    assert plate.pixel_size_um == pytest.approx(float(cells["Metadata_ImageResolutionX"]) * 1e6, rel=1e-12)
    assert (plate.format, list(plate.wells), list(plate.wells["A01"].fields)) == ("LoadData", ["A01"], [1])
    assert plate.wells["A01"].fields[1].position_um == (0, 0)
    names = [cells[f"FileName_{channel}"] for channel in channels]
    assert (plate.n_images, len(plate.missing_files)) == (len(channels), n_missing)
    if n_missing:
        assert list(plate.missing_files) == names
        assert not plate.wells["A01"].has_images
        assert any("7 of the 7 images" in warning for warning in plate.warnings)
    else:
        assert [plane.path for plane in plate.wells["A01"].fields[1].planes] == [
            real_data / "harmony_phenix_v5" / n for n in names
        ]
        assert plate.warnings == ()


def test_the_table_and_the_harmony_index_give_the_same_pixels(real_data: Path) -> None:
    table, index = (open_plate(real_data / "harmony_phenix_v5" / name) for name in ("load_data.csv", "Index.idx.xml"))
    one, other = table["A01"].fields[1], index["A01"].fields[1]
    assert one.pixel_size_um == other.pixel_size_um
    assert one.position_um == other.position_um
    np.testing.assert_array_equal(
        one.load_channel(table.role_index("nucleus")), other.load_channel(index.channel_index("HOECHST 33342"))
    )


@pytest.mark.parametrize(
    ("folder", "where"),
    [
        ("", ""),
        (".", ""),
        ("/data/ubuntu/projects/P7/images", ""),
        ("/data/ubuntu/projects/P7/Images/", "Images/"),
        ("D:\\scans\\P7\\Images", "Images/"),
        ("\\\\server\\share\\P7", ""),
        ("s3://gallery/P7/Images", "Images/"),
        ("P7/Images", "P7/Images/"),
        ("../elsewhere/Images", "Images/"),
    ],
)
def test_images_are_found_below_the_table(write_table: Write, folder: str, where: str) -> None:
    path = write_table([row("B03", folder=folder)], *images(("B03", 1), folder=where))
    plate = open_plate(path)
    assert (plate.missing_files, plate.warnings) == ((), ())
    planes = plate.wells["B03"].fields[1].planes
    assert [plane.path for plane in planes] == [path.parent / name for name in images(("B03", 1), folder=where)]
    assert plate["B3"].fields[1].load().shape == (2, 6, 6)


def test_an_absolute_folder_inside_the_tables_own_is_followed(write_table: Write, tmp_path: Path) -> None:
    path = write_table([row("A01", folder=str(tmp_path / "plate" / "deep"))], *images(("A01", 1), folder="deep/"))
    assert open_plate(path).missing_files == ()


@pytest.mark.parametrize("relative", [True, False])
def test_images_outside_are_refused_and_the_user_is_told(
    write_table: Write, write_images: Write, tmp_path: Path, relative: bool
) -> None:
    write_images(*images(("A01", 1)), folder="other")
    plate = open_plate(write_table([row("A01", folder="../other" if relative else str(tmp_path / "other"))]))
    assert (plate.n_images, plate.missing_files) == (2, ())
    assert not plate.wells["A01"].has_images
    assert any("2 images lie outside" in warning and "Put the table" in warning for warning in plate.warnings)


def test_links_that_lead_out_are_refused(write_table: Write, write_images: Write, tmp_path: Path) -> None:
    outside = write_images(*images(("A01", 1), ("A02", 1)), folder="other")
    path = write_table([row("A01", folder="linked"), row("A02")])
    (path.parent / "linked").symlink_to(outside)
    (path.parent / "A02_1_OrigDNA.tif").symlink_to(outside / "A02_1_OrigDNA.tif")
    plate = open_plate(path)
    assert not any(well.has_images for well in plate.wells.values())
    assert plate.missing_files == ("A02_1_OrigER.tif",)
    assert any("3 images lie outside" in warning for warning in plate.warnings)


def test_the_same_name_in_two_folders_is_two_images(write_table: Write) -> None:
    rows = [{"FileName_DNA": "a.tif", "PathName_DNA": f"/data/{well}", "Metadata_Well": well} for well in ("A01", "A02", "A03")]
    plate = open_plate(write_table(rows, "A01/a.tif", "A02/a.tif"))
    assert [well.fields[1].planes[0].path.parent.name for well in plate.wells.values() if well.has_images] == ["A01", "A02"]
    assert plate.missing_files == ("/data/A03/a.tif",)


def test_urls(write_table: Write) -> None:
    rows = [
        {"URL_DNA": "file:///data/me/my%20plate/images/a%20b.tif", "Metadata_Well": "A01", "Metadata_Site": 1},
        {"URL_DNA": "file:/C:/data/images/c.tif", "Metadata_Well": "A02", "Metadata_Site": 1},
        {"URL_DNA": "https://example.org/images/d.tif", "Metadata_Well": "A03", "Metadata_Site": 1},
    ]
    plate = open_plate(write_table(rows, "images/a b.tif", "c.tif"))
    assert [well.has_images for well in plate.wells.values()] == [True, True, False]
    assert plate.missing_files == ("d.tif",)


def test_planes_times_pages_positions_and_illumination(write_table: Write) -> None:
    rows = [
        {
            "FileName_DNA": "stack.tif",
            "Frame_DNA": z - 1,
            "FileName_IllumDNA": "illum.npy",
            "FileName_NucleiOutlines": "outlines.png",
            "Metadata_Row": "2",
            "Metadata_Col": "3",
            "Metadata_FieldID": "f07",
            "Metadata_PlaneID": z,
            "Metadata_TimepointID": time,
            "Metadata_ImageResolutionX": "5.98E-07",
            "Metadata_PositionX": "0.0001",
            "Metadata_PositionY": "0.0002",
            "Metadata_MainEmissionWavelength": "456",
        }
        for time in (0, 1)
        for z in (1, 2, 3)
    ]
    plate = open_plate(write_table(rows, "stack.tif"))
    assert (plate.channel_names, plate.n_images, plate.name) == (("DNA",), 6, "plate")
    assert plate.channels[0].wavelength_nm == 456
    assert (plate.focal_planes, plate.time_points, plate.pixel_size_um) == ((1, 2, 3), (0, 1), 0.598)
    field = plate.wells["B03"].fields[7]
    assert [plane.page for plane in field.planes_of(0)] == [0, 1, 2]
    # stage coordinates of Harmony grow upwards, images downwards
    assert field.position_um == (-200, 100)


def test_a_partial_plate_with_empty_cells_and_odd_rows(write_table: Write) -> None:
    rows = [
        row("A01"),
        row("A01"),
        {**row("P24"), "FileName_OrigER": ""},
        {"Metadata_Well": "B02", "Metadata_Plate": "P7"},
        row("soup"),
        row("C01", site=-4),
    ]
    plate = open_plate(write_table(rows, *images(("A01", 1)), "P24_1_OrigDNA.tif"))
    assert list(plate.wells) == ["A01", "B02", "P24"]
    assert (plate.rows, plate.columns) == (16, 24)
    assert [well.name for well in plate.wells.values() if well.has_images] == ["A01", "P24"]
    assert (plate.n_images, plate.missing_files) == (9, ())
    assert any("2 images stand for a well, field and channel that has one already" in warning for warning in plate.warnings)
    assert any("2 rows" in warning for warning in plate.warnings)


def test_without_sites_the_rows_of_a_well_are_counted(write_table: Write) -> None:
    rows = [{"FileName_DNA": f"{n}.tif", "Metadata_Well": "A01"} for n in "abc"]
    plate = open_plate(write_table(rows, "a.tif", "b.tif", "c.tif"))
    assert [field.planes[0].path.name for field in plate.wells["A01"].fields.values()] == ["a.tif", "b.tif", "c.tif"]
    assert any("Metadata_Site" in warning for warning in plate.warnings)


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "cp1252")])
def test_delimiters_and_encodings(write_table: Write, delimiter: str, encoding: str) -> None:
    rows = [{"FileName_DNA": "µ ü.tif", "Metadata_Well": "A01", "Metadata_Site": 1}]
    plate = open_plate(write_table(rows, "µ ü.tif", delimiter=delimiter, encoding=encoding))
    assert plate.missing_files == ()
    assert bool(plate.warnings) == (encoding == "cp1252")


def test_parquet(write_table: Write) -> None:
    rows = [row("A01"), {**row("A02", site=2), "FileName_OrigER": None}]
    plate = open_plate(write_table(rows, *images(("A01", 1), ("A02", 2)), name="load_data.parquet"))
    assert (plate.format, plate.n_images, plate.missing_files, list(plate.wells["A02"].fields)) == ("LoadData", 3, (), [2])


def test_several_plates_are_named(write_table: Write) -> None:
    path = write_table([row("A01"), {**row("A02"), "Metadata_Plate": "P8"}], *images(("A01", 1)))
    with pytest.raises(PlateFormatError, match=r"2 plates: P7, P8\. Split"):
        open_plate(path)


def test_a_table_without_wells_says_what_is_expected(write_table: Write) -> None:
    with pytest.raises(PlateFormatError, match="Metadata_Well"):
        open_plate(write_table([{"FileName_DNA": "a.tif"}], "a.tif"))


@pytest.mark.parametrize("home", ["", "inputs/metadata"])
def test_a_deepprofiler_index(write_table: Write, home: str) -> None:
    rows = [
        {
            "Metadata_Plate": "P1",
            "Metadata_Well": well,
            "Metadata_Site": 2,
            "DNA": f"P1/{well}_2_DNA.tif",
            "Mito": f"P1/{well}_2_Mito.tif",
        }
        for well in ("A01", "B05")
    ]
    names = [str(entry[channel]) for entry in rows for channel in ("DNA", "Mito")]
    if home:
        # as in a DeepProfiler project: inputs/metadata/index.csv, inputs/images
        write_table([], *(f"images/{name}" for name in names), folder="inputs", name="unused.txt")
        path = write_table(rows, folder=home, name="index.csv")
    else:
        path = write_table(rows, *names, name="index.csv")
    plate = open_plate(path)
    assert (plate.name, plate.format, plate.missing_files) == ("P1", "LoadData", ())
    assert [(channel.name, channel.role) for channel in plate.channels] == [("DNA", "nucleus"), ("Mito", "mito")]
    assert plate["B05"].fields[2].load().shape == (2, 6, 6)


def test_a_folder_with_a_table_and_names_that_fit_is_read_by_its_table(write_table: Write) -> None:
    rows = [{"FileName_DNA": "p_A01_s1_w1.tif", "Metadata_Well": "H12", "Metadata_Site": 5}]
    folder = write_table(rows, "p_A01_s1_w1.tif").parent
    plate = open_plate(folder)
    assert (plate.format, list(plate.wells), plate.path) == ("LoadData", ["H12"], folder)
    write_table(rows, name="load_data_with_illum.csv")
    assert open_plate(folder).format == "LoadData"
    (folder / "load_data.csv").rename(folder / "load_data_2.csv")
    with pytest.raises(PlateFormatError, match=r"2 LoadData tables: load_data_2\.csv, load_data_with_illum\.csv"):
        open_plate(folder)


@pytest.mark.parametrize("index", ["Index.idx.xml", "plate.HTD", "MeasurementData.mlf", ".zattrs", "zarr.json"])
def test_the_index_of_another_format_goes_before_a_table(write_table: Write, index: str) -> None:
    folder = write_table([row("A01")], *images(("A01", 1))).parent
    assert load_data.can_read(folder)
    (folder / index).write_text("")
    assert not load_data.can_read(folder)


def test_what_is_no_load_data_table(write_images: Write, real_data: Path) -> None:
    folder = write_images("p_A01_s1_w1.tif")
    (folder / "load_data.csv").write_text("well,compound\nA01,x\n")
    (folder / "detected.csv").write_text("Metadata_Well,Image_FileName,Nuclei_Location_Center_X\nA01,a.tif,3\n")
    (folder / "binary.csv").write_bytes(bytes(range(256)))
    (folder / "empty.csv").write_text("")
    paths = [*folder.iterdir(), folder, folder / "absent.csv", *real_data.glob("*/plate_map.csv"), *real_data.glob("*/*.parquet")]
    assert len(paths) == 11
    assert [path for path in paths if load_data.can_read(path)] == []


def damaged(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data)) if data else 0
        kind = rng.choice(("flip", "delete", "cut", "repeat", "line", "quote"))
        if kind == "flip":
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == "delete":
            del data[at : at + rng.randint(1, 60)]
        elif kind == "cut":
            del data[max(at, len(data) // 3) :]
        elif kind == "repeat":
            data[at:at] = data[at : at + rng.randint(1, 300)]
        elif kind == "line":
            lines = bytes(data).splitlines(keepends=True)
            del lines[rng.randrange(len(lines) or 1) :][:1]
            data = bytearray(b"".join(lines))
        else:
            data[at:at] = rng.choice((b'"', b"\n", b",", b"\0", b"\xff\xfe", b"../", b"\xef\xbb\xbf"))
    return bytes(data)


@pytest.mark.parametrize(("name", "count"), [("load_data.csv", 1200), ("load_data.parquet", 300), ("index.csv", 300)])
def test_a_damaged_table_ends_in_a_plate_or_one_line(write_table: Write, name: str, count: int) -> None:
    rows: list[Row] = [row(well, site, "/data/Images") for well in ("A01", "B02") for site in (1, 2)]
    if name == "index.csv":
        rows = [{"Metadata_Plate": "P", "Metadata_Well": "A01", "Metadata_Site": n, "DNA": f"P/{n}.tif"} for n in range(4)]
    path = write_table(rows, *images(("A01", 1), ("B02", 2), folder="Images/"), name=name)
    content, rng, plates = path.read_bytes(), random.Random(0), 0
    for _ in range(count):
        path.write_bytes(damaged(content, rng))
        try:
            plate = load_data.read(path)
        except MidError as error:
            assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
            continue
        plates += 1
        assert isinstance(plate, Plate)
        assert all(1 <= well.row <= plate.rows and 1 <= well.column <= plate.columns for well in plate.wells.values())
        assert all("\n" not in warning for warning in plate.warnings)
        load_data.can_read(path)
    assert plates > count / 60
