from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.errors import ImageReadError, PlateFormatError
from napari_mid.plates import open_plate

Write = Callable[..., Path]


def test_real_v5_plate_says_what_its_load_data_table_says(real_data: Path) -> None:
    plate = open_plate(real_data / "harmony_phenix_v5")
    with (real_data / "harmony_phenix_v5" / "load_data.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    stains = [name.removeprefix("Metadata_ChannelID_") for name in row if name.startswith("Metadata_ChannelID_")]
    stains.sort(key=lambda stain: int(row[f"Metadata_ChannelID_{stain}"]))
    assert plate.channel_names == tuple(row[f"Metadata_ChannelName_{stain}"] for stain in stains)
    # 0 stands for none: transmitted light
    assert [channel.wavelength_nm for channel in plate.channels] == [
        float(row[f"Metadata_MainEmissionWavelength_{stain}"]) or None for stain in stains
    ]
    assert plate.channels[5].wavelength_nm is None
    assert [channel.excitation_nm for channel in plate.channels] == [
        float(row[f"Metadata_MainExcitationWavelength_{stain}"]) for stain in stains
    ]
    assert plate.name == row["Metadata_Plate"]
    assert plate.pixel_size_um == pytest.approx(float(row["Metadata_ImageResolutionX"]) * 1e6)
    field = plate.wells[row["Metadata_Well"]].fields[int(row["Metadata_Site"])]
    assert [plane.path.name for plane in field.planes] == [row[f"FileName_{stain}"] for stain in stains]
    assert (plate.rows, plate.columns, plate.n_images, plate.missing_files, plate.warnings) == (16, 24, 6, (), ())
    assert plate.role_index("nucleus") == 4
    assert not plate.simulated


def test_real_v5_pixels_are_those_of_the_files(real_data: Path) -> None:
    plate = open_plate(real_data / "harmony_phenix_v5" / "Index.idx.xml")
    image = plate["A1"].fields[1].load([4, 0])
    expected = [tifffile.imread(real_data / "harmony_phenix_v5" / f"r01c01f01p01-ch{n}sk1fk1fl1.tiff", key=0) for n in (5, 1)]
    np.testing.assert_array_equal(image, np.stack(expected))


def test_real_v7_index_without_images(real_data: Path) -> None:
    plate = open_plate(real_data / "harmony_v7_index")
    text = (real_data / "harmony_v7_index" / "Index.xml").read_text(encoding="utf-8-sig")
    assert (plate.rows, plate.columns) == (8, 12)
    assert list(plate.wells) == ["A01"]
    assert list(plate.missing_files) == re.findall(r"<URL>(.*?)</URL>", text)
    assert plate.n_images == len(plate.missing_files) == 7
    assert list(plate.channel_names) == re.findall(r"<ChannelName>(.*?)</ChannelName>", text)
    emissions = re.findall(r"<MainEmissionWavelength.*?>(.*?)</MainEmissionWavelength>", text)
    assert [channel.wavelength_nm for channel in plate.channels] == [float(value) or None for value in emissions]
    assert plate.pixel_size_um == pytest.approx(0.296688132474701)
    assert not plate.wells["A01"].has_images
    assert any("7 of the 7 images" in warning for warning in plate.warnings)


@pytest.mark.parametrize("version", ["V1", "V5", "V6", "V7"])
def test_wells_fields_planes_times_and_channels_of_every_version(write_harmony: Write, version: str) -> None:
    images = [
        {"URL": f"r{row}f{field}p{z}c{channel}t{time}.tiff", "Row": row, "Col": 3, "FieldID": field, "PlaneID": z}
        | {"ChannelID": channel, "TimepointID": time}
        for row in (2, 12)
        for field in (1, 7)
        for z in (1, 2)
        for channel in (1, 2)
        for time in (0, 1)
    ]
    plate = open_plate(write_harmony(images, version=version, size=(16, 24)))
    assert list(plate.wells) == ["B03", "L03"]
    assert list(plate.wells["L03"].fields) == [1, 7]
    assert plate.channel_names == ("HOECHST 33342", "TMRM")
    assert [channel.role for channel in plate.channels] == ["nucleus", "mmp"]
    assert [channel.wavelength_nm for channel in plate.channels] == [456.0, 599.0]
    assert plate.pixel_size_um == 0.598
    assert plate.name == "my plate"
    field = plate.wells["B03"].fields[7]
    assert field.pixel_size_um == 0.598
    assert {(plane.channel, plane.z, plane.time) for plane in field.planes} == {
        (channel, z, time) for channel in (0, 1) for z in (1, 2) for time in (0, 1)
    }
    number = images.index(next(i for i in images if i["URL"] == "r2f7p2c2t1.tiff"))
    assert field.load_channel(1, time=1, z=2)[0, 0] == number


def test_stage_positions_grow_downwards_in_micrometres(write_harmony: Write) -> None:
    images = [{"URL": f"{n}.tiff", "FieldID": n, "x": 0.0001 * n, "y": 0.0005 * n} for n in (1, 2)]
    fields = open_plate(write_harmony(images)).wells["A01"].fields
    assert fields[1].position_um == (-500.0, 100.0)
    assert fields[2].position_um == (-1000.0, 200.0)


def test_declared_wells_without_images_are_wells(write_harmony: Write) -> None:
    plate = open_plate(write_harmony([{"URL": "a.tiff"}], declared=("0101", "0812")))
    assert list(plate.wells) == ["A01", "H12"]
    assert not plate.wells["H12"].fields
    assert [well.name for well in plate.select_wells(None)] == ["A01"]


def test_missing_files_are_counted_and_lose_only_their_field(write_harmony: Write) -> None:
    images = [
        {"URL": f"f{field}c{channel}.tiff", "FieldID": field, "ChannelID": channel} for field in (1, 2) for channel in (1, 2)
    ]
    index = write_harmony(images)
    (index.parent / "f2c2.tiff").unlink()
    plate = open_plate(index)
    assert (plate.n_images, plate.missing_files) == (4, ("f2c2.tiff",))
    assert plate.wells["A01"].fields[1].load().shape == (2, 8, 8)
    with pytest.raises(ImageReadError, match=r"A01 field 2 .* TMRM"):
        plate.wells["A01"].fields[2].load()


@pytest.mark.parametrize(
    "url", ["../secret.tiff", "sub/../../secret.tiff", "C:\\secret.tiff", "file:///secret.tiff", "..\\secret.tiff"]
)
def test_names_that_leave_the_folder_are_refused(write_harmony: Write, url: str) -> None:
    index = write_harmony([{"URL": "good.tiff"}, {"URL": url, "ChannelID": 2}], files=False)
    for name in ("secret.tiff", "Images/good.tiff"):
        tifffile.imwrite(index.parents[1] / name, np.zeros((4, 4), dtype=np.uint8))
    plate = open_plate(index)
    assert [plane.path.name for plane in plate.wells["A01"].fields[1].planes] == ["good.tiff"]
    assert any("outside the folder" in warning and url in warning for warning in plate.warnings)


def test_absolute_names_and_links_that_leave_the_folder_are_refused(write_harmony: Write, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tiff"
    tifffile.imwrite(secret, np.zeros((4, 4), dtype=np.uint8))
    index = write_harmony([{"URL": str(secret)}, {"URL": "link.tiff", "ChannelID": 2}], files=False)
    os.symlink(secret, index.parent / "link.tiff")
    plate = open_plate(index)
    assert not plate.wells["A01"].has_images
    assert any("2 images lie outside" in warning for warning in plate.warnings)


def test_images_in_a_folder_below_the_index_are_found(write_harmony: Write) -> None:
    index = write_harmony([{"URL": "sub/a.tiff"}], files=False)
    (index.parent / "sub").mkdir()
    tifffile.imwrite(index.parent / "sub" / "a.tiff", np.ones((4, 4), dtype=np.uint8))
    assert open_plate(index).wells["A01"].fields[1].load().sum() == 16


@pytest.mark.parametrize("given", ["plate", "plate/Images", "plate/Images/Index.idx.xml", "."])
def test_the_plate_folder_the_images_folder_and_the_index_are_the_same_plate(
    write_harmony: Write, tmp_path: Path, given: str
) -> None:
    write_harmony([{"URL": "a.tiff", "Row": 2}])
    plate = open_plate(tmp_path / given)
    assert (plate.format, list(plate.wells)) == ("Harmony", ["B01"])


def test_a_simulated_plate_says_so(write_harmony: Write) -> None:
    plate = open_plate(write_harmony([{"URL": "a.tiff"}], instrument="napari-mid simulation"))
    assert plate.simulated


def test_channels_of_one_name_stay_apart(write_harmony: Write) -> None:
    index = write_harmony([{"URL": "a.tiff", "ChannelID": 1}, {"URL": "b.tiff", "ChannelID": 2}])
    index.write_text(index.read_text(encoding="utf-8-sig").replace("TMRM", "HOECHST 33342"), encoding="utf-8")
    plate = open_plate(index)
    assert plate.channel_names == ("HOECHST 33342", "HOECHST 33342 (id 2)")
    assert plate.wells["A01"].fields[1].load()[1, 0, 0] == 1


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<EvaluationInputData><Images><Image><URL>&b;</URL></Image></Images></EvaluationInputData>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>
<EvaluationInputData><Plates><Plate><Name>&e;</Name></Plate></Plates></EvaluationInputData>"""


@pytest.mark.parametrize("text", [BOMB, EXTERNAL, "", "no xml", "<Other/>", "<EvaluationInputData/>"])
def test_what_is_no_harmless_harmony_index_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "Index.idx.xml"
    path.write_text(text)
    with pytest.raises(PlateFormatError, match=r"Index\.idx\.xml") as caught:
        open_plate(path)
    assert "\n" not in str(caught.value)


def test_an_index_cut_short_gives_the_images_before_the_cut(write_harmony: Write) -> None:
    index = write_harmony([{"URL": f"{n}.tiff", "FieldID": n} for n in range(1, 6)])
    text = index.read_text(encoding="utf-8-sig")
    index.write_text(text[: text.index("4.tiff")], encoding="utf-8")
    plate = open_plate(index)
    assert list(plate.wells["A01"].fields) == [1, 2, 3]
    assert any("damaged" in warning and "3 images" in warning for warning in plate.warnings)


def test_images_without_sense_are_counted(write_harmony: Write) -> None:
    images = [{"URL": "a.tiff"}, {"URL": "b.tiff", "Row": "x"}, {"URL": "c.tiff", "Col": 99}, {"URL": "d.tiff", "Row": 0}]
    plate = open_plate(write_harmony(images))
    assert list(plate.wells) == ["A01"]
    assert any(warning.startswith("3 of the 4 images") for warning in plate.warnings)


def test_wells_beyond_the_declared_plate_make_it_larger(write_harmony: Write) -> None:
    plate = open_plate(write_harmony([{"URL": "a.tiff", "Row": 9}], size=(8, 12)))
    assert (plate.rows, plate.columns) == (16, 24)
    assert any("8 x 12" in warning for warning in plate.warnings)


def test_an_index_of_several_plates_says_so(write_harmony: Write) -> None:
    index = write_harmony([{"URL": "a.tiff", "Row": 2, "Col": 3}])
    second = "<Plate><Name>second</Name><PlateRows>16</PlateRows><PlateColumns>24</PlateColumns><Well id='0101'/></Plate>"
    index.write_text(index.read_text("utf-8-sig").replace("</Plates>", f"{second}</Plates>"))
    plate = open_plate(index)
    assert (plate.name, plate.rows, plate.columns, list(plate.wells)) == ("my plate", 16, 24, ["A01", "B03"])
    assert plate.warnings == ("Index.idx.xml declares 2 plates (my plate, second); their wells are shown as one plate.",)


def test_the_index_of_columbus(write_harmony: Write) -> None:
    index = write_harmony([{"URL": "a.tiff"}], folder="export", index="ImageIndex.ColumbusIDX.xml")
    assert list(open_plate(index.parent).wells) == list(open_plate(index).wells) == ["A01"]
