from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_mid.errors import PlateFormatError
from napari_mid.images.well_images import load_well
from napari_mid.plates import open_plate
from napari_mid.plates.formats import cellvoyager, file_names, harmony
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish

BTS = "http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"
REAL = "yokogawa_cv8000"

Record = dict[str, object]
Write = Callable[..., Path]


def _attributes(values: Record, prefix: str) -> str:
    return "".join(f' {prefix}{name}="{value}"' for name, value in values.items())


def mlf(records: Sequence[Record], *, prefix: str = "bts:", namespace: str = BTS) -> str:
    """The text of a MeasurementData.mlf; the file of a record stands under "file", None leaves an attribute out."""
    declares = f'xmlns:{prefix[:-1]}="{namespace}"' if prefix else f'xmlns="{namespace}"'
    lines = [f'<?xml version="1.0" encoding="utf-8"?>\n<{prefix}MeasurementData {prefix}Version="1.0" {declares}>']
    for record in records:
        values: Record = {
            **{"Type": "IMG", "Column": 1, "Row": 1, "TimePoint": 1, "FieldIndex": 1, "ZIndex": 1, "TimelineIndex": 1},
            **{"ActionIndex": 1, "Action": "2D", "X": 0, "Y": 0, "Z": 0, "Ch": 1},
            **record,
        }
        name = values.pop("file", "")
        given_ones = {key: value for key, value in values.items() if value is not None}
        lines.append(f"<{prefix}MeasurementRecord{_attributes(given_ones, prefix)}>{name}</{prefix}MeasurementRecord>")
    return "\n".join([*lines, f"</{prefix}MeasurementData>"])


def mrf(pixel_um: Sequence[float] = (0.5, 0.5), rows: object = 16, columns: object = 24, title: str = "my plate") -> str:
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{number}" bts:HorizontalPixelDimension="{size}" bts:VerticalPixelDimension="{size}" '
        f'bts:ShadingCorrectionSource="SC_BP{445 + 80 * (number - 1)}-45_20x.tif" />'
        for number, size in enumerate(pixel_um, start=1)
    )
    return (
        f'<bts:MeasurementDetail bts:Title="{title}" bts:RowCount="{rows}" bts:ColumnCount="{columns}" '
        f'bts:MeasurementSettingFileName="run.mes" xmlns:bts="{BTS}"><bts:MeasurementSamplePlate bts:Name="Greiner" '
        f'bts:WellPlateFileName="plate.wpi" />{channels}</bts:MeasurementDetail>'
    )


def mes(*channels: Record, wells: Sequence[tuple[int, int]] = ()) -> str:
    planned = "".join(f'<bts:TargetWell bts:Column="{column}" bts:Row="{row}">true</bts:TargetWell>' for row, column in wells)
    text = "".join(
        f"<bts:Channel{_attributes({'Ch': number, **about}, 'bts:')}>"
        f"<bts:LightSourceName>{about.get('Light', '405nm')}</bts:LightSourceName></bts:Channel>"
        for number, about in enumerate(channels, start=1)
    )
    return (
        f'<bts:MeasurementSetting xmlns:bts="{BTS}"><bts:WellSequence>{planned}</bts:WellSequence><bts:LightSourceList>'
        '<bts:LightSource bts:Name="405nm" bts:WaveLength="405" /><bts:LightSource bts:Name="561nm" bts:WaveLength="561" />'
        '<bts:LightSource bts:Name="Lamp" bts:WaveLength="0" /></bts:LightSourceList>'
        f"<bts:ChannelList>{text}</bts:ChannelList></bts:MeasurementSetting>"
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a measurement with 6 x 6 px images and gives its folder."""

    def write(
        records: Sequence[Record],
        *,
        detail: str | None = None,
        setting: str | None = None,
        folder: str = "measurement",
        files: bool = True,
        **options: str,
    ) -> Path:
        home = tmp_path / folder
        home.mkdir(parents=True)
        (home / "MeasurementData.mlf").write_text(mlf(records, **options), encoding="utf-8-sig")
        if detail is not None:
            (home / "MeasurementDetail.mrf").write_text(detail, encoding="utf-8-sig")
        if setting is not None:
            (home / "run.mes").write_text(setting, encoding="utf-8-sig")
        for number, record in enumerate(records):
            if files and record.get("file"):
                path = home / str(record["file"]).replace("\\", "/")
                path.parent.mkdir(exist_ok=True)
                tifffile.imwrite(path, np.full((6, 6), number, dtype=np.uint16))
        return home

    return write


def warned(plate: Plate, text: str) -> bool:
    return any(re.search(text, warning) for warning in plate.warnings)


def test_the_real_measurement(real_data: Path) -> None:
    folder = real_data / REAL
    text = (folder / "MeasurementData.mlf").read_text(encoding="utf-8-sig")
    plate = open_plate(folder)
    assert plate.format == "CellVoyager"
    assert (plate.rows, plate.columns) == (8, 12)
    assert plate.n_images == text.count('bts:Type="IMG"') == len(list(folder.glob("*_T0001F*.tif"))) == 96
    assert (plate.missing_files, plate.warnings) == ((), ())
    assert plate.name == re.findall(r'bts:Title="([^"]*)"', (folder / "MeasurementDetail.mrf").read_text())[0]
    assert plate.pixel_size_um == 0.325
    assert list(plate.wells) == ["D08", "E03", "F08"]
    assert [channel.name for channel in plate.channels] == ["C01", "C02"]
    assert [channel.wavelength_nm for channel in plate.channels] == [445, 525]
    assert [channel.excitation_nm for channel in plate.channels] == [405, 488]
    assert [channel.role for channel in plate.channels] == ["nucleus", "other"]
    assert plate.focal_planes == (1, 2, 3, 4)
    for well in plate.wells.values():
        assert list(well.fields) == [1, 2, 3, 4]
        for number, field in well.fields.items():
            names = {plane.path.name for plane in field.planes}
            assert names == {path.name for path in folder.glob(f"*_{well.name}_T0001F{number:03}*.tif")}
            for plane in field.planes:
                assert f"Z{plane.z:02}C{plane.channel + 1:02}" in plane.name
    # rows are numbered left to right from the top, so the first fields have the smallest y
    positions = {number: field.position_um for number, field in plate.wells["E03"].fields.items()}
    assert positions == {1: (-402.9, -567.1), 2: (-402.9, 82.8), 3: (247.0, -567.1), 4: (247.0, 82.8)}
    assert plate.wells["D08"].fields[1].load().shape == (2, 2000, 2000)


@pytest.mark.parametrize("name", ["MeasurementData.mlf", "MeasurementDetail.mrf", "*.wpi", "*.mes"])
def test_any_file_of_the_measurement_and_the_folder_above(real_data: Path, tmp_path: Path, name: str) -> None:
    assert open_plate(next((real_data / REAL).glob(name))).n_images == 96
    (tmp_path / "notes").mkdir()
    (tmp_path / "measurement").symlink_to(real_data / REAL)
    assert open_plate(tmp_path).n_images == 96


def test_other_folders_are_not_claimed(real_data: Path, tmp_path: Path) -> None:
    others = [path for path in real_data.iterdir() if path.name != REAL]
    assert [path.name for path in others if cellvoyager.can_read(path)] == []
    assert not harmony.can_read(real_data / REAL)
    (tmp_path / "MeasurementData.mlf").write_text("<html></html>")
    assert not cellvoyager.can_read(tmp_path)
    assert not cellvoyager.can_read(tmp_path / "MeasurementData.mlf")
    assert not cellvoyager.can_read(tmp_path / "none.mlf")


def test_names_alone_still_open_a_folder_without_index(real_data: Path, tmp_path: Path) -> None:
    for path in (real_data / REAL).glob("*_E03_*Z01*.tif"):
        shutil.copy(path, tmp_path)
    plate = open_plate(tmp_path)
    assert plate.format == file_names.NAME
    assert list(plate.wells["E03"].fields) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "options", [{"namespace": "urn:BTSSchema/2.0"}, {"prefix": ""}, {"prefix": "yk:"}], ids=["2.0", "none", "other prefix"]
)
def test_other_namespaces_and_prefixes(write: Write, options: dict[str, str]) -> None:
    plate = open_plate(write([{"file": "a.tif", "Row": 3, "Column": 24, "FieldIndex": 7}], **options))
    assert list(plate.wells["C24"].fields) == [7]
    assert plate.n_images == 1


def test_without_mrf_and_mes(write: Write) -> None:
    plate = open_plate(write([{"file": "a.tif", "Row": 4, "Column": 6, "Ch": 3}], folder="my run"))
    assert (plate.name, plate.rows, plate.columns, plate.pixel_size_um) == ("my run", 4, 6, None)
    assert [(channel.name, channel.wavelength_nm, channel.role) for channel in plate.channels] == [("C03", None, "other")]
    assert warned(plate, "MeasurementDetail.mrf is missing, so pixel size and size of the plate are unknown")
    assert warned(plate, r"\.mes file is missing, so names and excitation")


def test_without_mes_the_shading_files_tell_the_filter(write: Write) -> None:
    plate = open_plate(write([{"file": "a.tif"}, {"file": "b.tif", "Ch": 2}], detail=mrf()))
    assert (plate.name, plate.rows, plate.columns, plate.pixel_size_um) == ("my plate", 16, 24, 0.5)
    assert [(channel.name, channel.wavelength_nm) for channel in plate.channels] == [("C01", 445), ("C02", 525)]
    assert warned(plate, "run.mes is missing")
    assert not warned(plate, "MeasurementDetail")


def test_a_renamed_mes_and_the_wpi_are_found(write: Write) -> None:
    folder = write([{"file": "a.tif"}])
    (folder / "other.mes").write_text(mes({"Target": "Hoechst"}))
    (folder / "x.wpi").write_text(f'<bts:WellPlate bts:Name="barcode 7" bts:Columns="12" bts:Rows="8" xmlns:bts="{BTS}" />')
    plate = open_plate(folder)
    assert (plate.name, plate.rows, plate.columns, plate.channel_names) == ("barcode 7", 8, 12, ("Hoechst",))


def test_names_wavelengths_and_roles_of_channels(write: Write) -> None:
    setting = mes(
        {"Target": "DAPI ", "Acquisition": "BP445/45", "Fluorophore": ""},
        {"Target": "561", "Acquisition": "BP600/37", "Fluorophore": "TMRM", "Light": "561nm"},
        {"Target": "", "Acquisition": "BP445/45", "Kind": "BrightField", "Light": "Lamp"},
        {"Target": "640", "Acquisition": "Through", "Light": "640 nm"},
        {"Target": "dapi", "Acquisition": "BP445/45 BP525/50", "Light": "Lamp"},
    )
    records: list[Record] = [{"file": f"{number}.tif", "Ch": number} for number in (5, 1, 2, 3, 4)]
    plate = open_plate(write(records, detail=mrf(()), setting=setting))
    assert [(c.name, c.role, c.wavelength_nm, c.excitation_nm) for c in plate.channels] == [
        ("DAPI", "nucleus", 445, 405),
        ("TMRM", "mmp", 600, 561),
        ("Brightfield", "other", None, None),
        ("C04", "other", None, 640),
        ("dapi (C05)", "nucleus", None, None),
    ]
    assert warned(plate, "Two channels are called dapi")


def test_failed_images_are_counted_and_their_wells_shown(write: Write) -> None:
    records: list[Record] = [
        {"file": "a.tif"},
        {"Type": "ERR", "Row": 2, "Column": 2, "file": "AF failed", "FieldIndex": None, "Ch": None, "ZIndex": None},
        {"Type": "ERR", "FieldIndex": 2, "file": ""},
    ]
    plate = open_plate(write(records, files=False))
    assert plate.n_images == 1
    assert list(plate.wells) == ["A01", "B02"]
    assert not plate.wells["B02"].has_images
    assert list(plate.wells["A01"].fields) == [1]
    assert warned(plate, "failed to take 2 images in A01, B02")


def test_planned_wells_without_a_record_are_said(write: Write) -> None:
    plate = open_plate(write([{"file": "a.tif"}], setting=mes(wells=[(1, 1), (1, 2)])))
    assert list(plate.wells) == ["A01"]
    assert warned(plate, "1 wells that were to be imaged are not in MeasurementData.mlf: A02")


def test_missing_repeated_refused_and_senseless_records(write: Write, tmp_path: Path) -> None:
    (tmp_path / "outside.tif").touch()
    folder = write([{"file": "a.tif"}])
    (folder / "link.tif").symlink_to(tmp_path / "outside.tif")
    records: list[Record] = [
        {"file": "a.tif"},
        {"file": "again.tif"},
        {"file": "gone.tif", "ZIndex": 2},
        {"file": "../outside.tif", "ZIndex": 3},
        {"file": str(tmp_path / "outside.tif"), "ZIndex": 4},
        {"file": "link.tif", "ZIndex": 5},
        {"file": "b.tif", "Row": 99},
        {"file": "c.tif", "Ch": "x"},
        {"file": ""},
    ]
    (folder / "MeasurementData.mlf").write_text(mlf(records))
    plate = open_plate(folder)
    assert plate.n_images == 9
    assert plate.missing_files == ("gone.tif",)
    assert [plane.name for plane in plate.wells["A01"].fields[1].planes] == ["a.tif"]
    assert warned(plate, "1 of the 9 images .* missing: gone.tif")
    assert warned(plate, "3 images lie outside")
    assert warned(plate, "1 images stand twice .* again.tif")
    assert warned(plate, "3 of the 9 images .* lack")


def test_images_in_folders_and_images_made_png(write: Write) -> None:
    from PIL import Image

    folder = write([{"file": "Image\\a.tif"}, {"file": "b.tif", "Ch": 2}])
    (folder / "b.tif").unlink()
    Image.fromarray(np.full((6, 6), 9, dtype=np.uint8)).save(folder / "b.png")
    plate = open_plate(folder)
    assert plate.missing_files == ()
    assert plate["A01"].fields[1].load()[1].max() == 9


def test_z_planes_and_time_points(write: Write) -> None:
    records: list[Record] = [{"file": f"t{time}z{z}.tif", "TimePoint": time, "ZIndex": z} for time in (1, 2) for z in (1, 2, 3)]
    plate = open_plate(write(records))
    assert (plate.time_points, plate.focal_planes) == ((1, 2), (1, 2, 3))
    field = plate.wells["A01"].fields[1]
    assert field.load_channel(0).max() == 2
    assert field.load_channel(0, time=2, z=1).max() == 3


def test_timelines_of_one_field_are_numbered_on(write: Write) -> None:
    records: list[Record] = [
        {"file": f"l{line}t{time}.tif", "TimelineIndex": line, "TimePoint": time} for line in (1, 2) for time in (1, 2)
    ]
    plate = open_plate(write(records))
    assert {plane.name: plane.time for plane in plate.wells["A01"].fields[1].planes} == {
        "l1t1.tif": 1,
        "l1t2.tif": 2,
        "l2t1.tif": 3,
        "l2t2.tif": 4,
    }
    assert warned(plate, "2 timelines")


def test_timelines_of_different_wells_keep_their_time_points(write: Write) -> None:
    records: list[Record] = [{"file": f"{line}.tif", "TimelineIndex": line, "Column": line} for line in (1, 2)]
    plate = open_plate(write(records))
    assert plate.time_points == (1,)
    assert not warned(plate, "timeline")


def test_two_actions_of_one_channel_are_two_channels(write: Write) -> None:
    records: list[Record] = [{"file": "a.tif", "ActionIndex": 1}, {"file": "b.tif", "ActionIndex": 2}, {"file": "c.tif", "Ch": 2}]
    plate = open_plate(write(records, setting=mes({"Target": "Hoechst"}, {"Target": "TMRM"})))
    assert plate.channel_names == ("Hoechst (action 1)", "Hoechst (action 2)", "TMRM")
    assert [channel.role for channel in plate.channels] == ["nucleus", "nucleus", "mmp"]
    assert len(plate.wells["A01"].fields[1].planes) == 3


def test_a_projection_beside_its_planes_is_a_channel_of_its_own(write: Write) -> None:
    records: list[Record] = [{"file": f"{z}.tif", "ZIndex": z} for z in (1, 2)]
    plate = open_plate(write([*records, {"file": "max.tif", "ZImageProcessing": "Maximum"}], folder="both"))
    assert plate.channel_names == ("C01", "C01 (maximum projection)")
    assert open_plate(write([{"file": "m.tif", "ZImageProcessing": "Maximum"}], folder="one")).channel_names == ("C01",)


def test_channels_of_different_pixel_size(write: Write) -> None:
    plate = open_plate(write([{"file": "a.tif"}, {"file": "b.tif", "Ch": 2}], detail=mrf((0.5, 1.0))))
    assert plate.pixel_size_um == 0.5
    assert warned(plate, r"differ in pixel size \(0.5, 1 µm\)")


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), ("x", 24), (0, 0), (99, 99)])
def test_a_size_that_does_not_fit(write: Write, rows: object, columns: object) -> None:
    plate = open_plate(write([{"file": "a.tif", "Row": 5}], detail=mrf(rows=rows, columns=columns)))
    assert (plate.rows, plate.columns) == (6, 8)
    assert warned(plate, "wells beyond") == (rows == 2)


def test_a_field_at_several_positions(write: Write) -> None:
    records: list[Record] = [{"file": "a.tif", "X": 5}, {"file": "b.tif", "Ch": 2, "X": 5.3}, {"file": "c.tif", "Ch": 3, "X": 50}]
    plate = open_plate(write(records))
    assert plate.wells["A01"].fields[1].position_um == (0.0, 5.0)
    assert warned(plate, "1 fields were imaged at several stage positions.* A01 field 1")


@pytest.mark.parametrize("side", [1, 2, 3])
def test_overlapping_fields_give_back_the_picture_they_are_cut_from(write: Write, side: int) -> None:
    picture: NDArray[np.uint16] = np.random.default_rng(side).integers(0, 60_000, (40 + 30 * (side - 1),) * 2).astype(np.uint16)
    records: list[Record] = []
    tiles: dict[str, NDArray[np.uint16]] = {}
    for row in range(side):
        # the usual snake
        for column in range(side) if row % 2 == 0 else reversed(range(side)):
            name = f"F{len(tiles) + 1:03}.tif"
            tiles[name] = picture[30 * row : 30 * row + 40, 30 * column : 30 * column + 40]
            x, y = (30 * column + 20 - picture.shape[1] / 2) * 0.5, (30 * row + 20 - picture.shape[0] / 2) * 0.5
            records.append({"file": name, "FieldIndex": len(tiles), "X": f"{x:.1f}", "Y": f"{-y:.1f}"})
    folder = write(records, detail=mrf(), setting=mes({"Target": "DAPI"}), files=False)
    for name, tile in tiles.items():
        tifffile.imwrite(folder / name, tile)
    images = finish(load_well(open_plate(folder)["A01"]))
    assert images.layout.from_stage or side == 1
    np.testing.assert_array_equal(images.mosaic(0), picture)


@pytest.mark.parametrize("kind", ["bomb", "external"])
@pytest.mark.parametrize("name", ["MeasurementData.mlf", "MeasurementDetail.mrf", "run.mes"])
def test_document_types_and_entities_are_refused(write: Write, kind: str, name: str) -> None:
    folder = write([{"file": "a.tif"}], detail=mrf(), setting=mes({"Target": "DAPI"}))
    entities = (
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">' if kind == "bomb" else '<!ENTITY b SYSTEM "file:///etc/hosts">'
    )
    text = (folder / name).read_text(encoding="utf-8-sig")
    root = re.findall(r"<(bts:\w+)", text)[0]
    body = text[text.index(f"<{root}") :].replace(f"</{root}>", f"&b;</{root}>")
    (folder / name).write_text(f"<!DOCTYPE x [{entities}]>{body}")
    if name.endswith("mlf"):
        with pytest.raises(PlateFormatError, match=r"MeasurementData\.mlf declares a document type"):
            open_plate(folder)
    else:
        assert warned(open_plate(folder), f"{name} cannot be used .declares a document type")


def test_an_index_without_its_end_gives_what_is_there(write: Write) -> None:
    folder = write([{"file": "a.tif"}, {"file": "b.tif", "ZIndex": 2}])
    index = folder / "MeasurementData.mlf"
    index.write_bytes(index.read_bytes()[:-60])
    plate = open_plate(folder)
    assert plate.n_images == 1
    assert warned(plate, "still being written .* only the 1 images")


@pytest.mark.parametrize(("records", "says"), [([], "no well and no image"), ([{"file": "", "Row": 0}], "no well and no image")])
def test_an_index_of_nothing(write: Write, records: list[Record], says: str) -> None:
    with pytest.raises(PlateFormatError, match=says):
        open_plate(write(records))


def test_an_index_whose_name_lost_its_capitals(write: Write) -> None:
    folder = write([{"file": "a.tif"}])
    (folder / "MeasurementData.mlf").rename(folder / "measurementdata.MLF")
    assert open_plate(folder).format == open_plate(folder / "measurementdata.MLF").format == "CellVoyager"
