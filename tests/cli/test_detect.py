from __future__ import annotations

import csv

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_mid.cells.from_layers import nuclei_from_labels
from napari_mid.cli.main import main

CENTRES = [(30, 30), (30, 80), (80, 30), (80, 80)]


def discs(bright=800, offset=100):
    yy, xx = np.mgrid[:110, :120]
    image = np.random.default_rng(0).normal(offset, 3, (110, 120))
    for y, x in CENTRES:
        image[(yy - y) ** 2 + (xx - x) ** 2 <= 8**2] += bright
    return image.astype(np.uint16)


@pytest.fixture
def plate(tmp_path):
    folder = tmp_path / "plate7"
    folder.mkdir()
    for well in ("A01", "A02", "B01"):
        tifffile.imwrite(folder / f"p_{well}_s1_w1.tif", discs())
        tifffile.imwrite(folder / f"p_{well}_s1_w2.tif", np.zeros((110, 120), np.uint16))
    return folder


def detect(*arguments):
    return main(["detect", *map(str, arguments), "--device", "cpu"])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_plate(plate, tmp_path, capsys):
    out = tmp_path / "new" / "nuclei.csv"
    channel = "w1"
    assert detect(plate, "--out", out, "--channel", channel, "--wells", "A01-A02") == 0
    table = rows(out)
    assert len(table) == 8
    assert {(row["Metadata_Plate"], row["Metadata_Well"], row["Metadata_Site"]) for row in table} == {
        ("plate7", "A01", "1"),
        ("plate7", "A02", "1"),
    }
    assert {row["Image_FileName"] for row in table} == {"p_A01_s1_w1.tif", "p_A02_s1_w1.tif"}
    places = [
        (float(row["Nuclei_Location_Center_Y"]), float(row["Nuclei_Location_Center_X"]))
        for row in table
        if row["Metadata_Well"] == "A02"
    ]
    np.testing.assert_allclose(sorted(places, key=lambda place: (round(place[0], -1), place[1])), CENTRES, atol=0.5)
    assert all(150 < float(row["Nuclei_AreaShape_Area"]) < 260 for row in table)
    assert "8 nuclei in 2 fields" in capsys.readouterr().out


def test_the_channel_may_be_given_as_a_role(plate, tmp_path):
    assert detect(plate, "--out", tmp_path / "n.csv", "--nucleus-channel", "w1") == 0
    assert len(rows(tmp_path / "n.csv")) == 12


def test_a_file_that_cannot_be_read_costs_its_field_only(plate, tmp_path, capsys):
    whole = (plate / "p_A02_s1_w1.tif").read_bytes()
    (plate / "p_A02_s1_w1.tif").write_bytes(whole[: len(whole) // 3])
    assert detect(plate, "--out", tmp_path / "n.csv", "--channel", "w1") == 0
    assert {row["Metadata_Well"] for row in rows(tmp_path / "n.csv")} == {"A01", "B01"}
    error = capsys.readouterr().err
    assert "warning" in error
    assert "p_A02_s1_w1.tif" in error


def test_one_image(plate, tmp_path):
    assert detect(plate / "p_B01_s1_w1.tif", "--out", tmp_path / "n.csv") == 0
    table = rows(tmp_path / "n.csv")
    assert len(table) == 4
    assert {(row["Metadata_Plate"], row["Metadata_Well"], row["Metadata_Site"]) for row in table} == {("plate7", "", "1")}


def test_a_folder_of_loose_images(tmp_path, capsys):
    folder = tmp_path / "loose"
    folder.mkdir()
    coloured = np.stack([np.zeros((110, 120)), np.zeros((110, 120)), discs(200, 20)], axis=-1).astype(np.uint8)
    iio.imwrite(folder / "img2.png", coloured)
    tifffile.imwrite(folder / "img10.tif", discs())
    (folder / "img3.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("no image")
    (folder / "._img2.png").write_bytes(b"what a Mac leaves")
    assert detect(folder, "--out", tmp_path / "n.csv") == 0
    table = rows(tmp_path / "n.csv")
    found = [(row["Metadata_Plate"], row["Metadata_Well"], row["Metadata_Site"], row["Image_FileName"]) for row in table]
    assert found == [("loose", "", "1", "img2.png")] * 4 + [("loose", "", "3", "img10.tif")] * 4
    output = capsys.readouterr()
    assert "img3.png" in output.err
    assert "8 nuclei in 2 images" in output.out


def test_loose_images_in_the_only_folder_with_images(tmp_path, capsys):
    (tmp_path / "loose" / "images").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "loose" / "images" / "one.tif", discs())
    assert detect(tmp_path / "loose", "--out", tmp_path / "n.csv") == 0
    assert {(row["Metadata_Well"], row["Image_FileName"]) for row in rows(tmp_path / "n.csv")} == {("", "one.tif")}
    assert detect(tmp_path / "loose", "--out", tmp_path / "n.csv", "--nucleus-channel", "Channel1") == 1
    assert "no plate" in capsys.readouterr().err


def test_blank_images_give_a_table_without_rows(tmp_path):
    folder = tmp_path / "blank"
    folder.mkdir()
    tifffile.imwrite(folder / "one.tif", np.zeros((50, 50), np.uint8))
    assert detect(folder, "--out", tmp_path / "n.csv") == 0
    assert (tmp_path / "n.csv").read_text().strip().split(",")[0] == "Metadata_Plate"
    assert rows(tmp_path / "n.csv") == []


@pytest.mark.parametrize("detector", ["blob", "threshold"])
def test_the_detector_is_an_option(plate, tmp_path, detector):
    assert detect(plate, "--out", tmp_path / "n.csv", "--channel", "w1", "--detector", detector, "--diameter-px", 16) == 0
    assert len(rows(tmp_path / "n.csv")) == 12


def test_masks_open_as_labels_and_tell_the_same_nuclei(plate, tmp_path, capsys):
    out, masks = tmp_path / "n.csv", tmp_path / "masks"
    assert detect(plate, "--out", out, "--channel", "w1", "--wells", "A01,B01", "--masks", masks) == 0
    assert f"masks: {masks}" in capsys.readouterr().out
    assert sorted(path.name for path in masks.iterdir()) == ["p_A01_s1_w1_nuclei.tif", "p_B01_s1_w1_nuclei.tif"]
    labels = tifffile.imread(masks / "p_A01_s1_w1_nuclei.tif")
    assert (labels.shape, labels.dtype) == ((110, 120), np.uint16)
    nuclei = nuclei_from_labels(labels, discs(), well="A01", field=1)
    table = [row for row in rows(out) if row["Metadata_Well"] == "A01"]
    places = [(float(row["Nuclei_Location_Center_Y"]), float(row["Nuclei_Location_Center_X"])) for row in table]
    np.testing.assert_allclose(nuclei.centroids, places, atol=1)
    np.testing.assert_allclose(
        nuclei.mean_intensity, [float(row["Nuclei_Intensity_MeanIntensity_w1"]) for row in table], rtol=0.05
    )


def test_what_is_odd_is_told(tmp_path, capsys):
    folder = tmp_path / "odd"
    folder.mkdir()
    tifffile.imwrite(folder / "blank.tif", np.zeros((50, 50), np.uint8))
    tifffile.imwrite(folder / "good.tif", discs())
    tifffile.imwrite(folder / "inverted.tif", (2000 - discs()).astype(np.uint16))
    assert detect(folder, "--out", tmp_path / "n.csv") == 0
    output = capsys.readouterr()
    assert {row["Image_FileName"] for row in rows(tmp_path / "n.csv")} == {"good.tif"}
    assert "warnings: 2" in output.out
    assert "warning: blank.tif: the image is equally bright everywhere" in output.err
    assert "warning: inverted.tif: the image shows no bright things" in output.err


def test_a_good_plate_has_no_warnings(plate, tmp_path, capsys):
    assert detect(plate, "--out", tmp_path / "n.csv", "--channel", "w1") == 0
    assert "warnings: none" in capsys.readouterr().out


def test_hundreds_of_warnings_are_not_all_shown(tmp_path, capsys):
    folder = tmp_path / "odd"
    folder.mkdir()
    for number in range(30):
        (folder / f"bad{number}.png").write_bytes(b"no picture")
    tifffile.imwrite(folder / "good.tif", discs())
    assert detect(folder, "--out", tmp_path / "n.csv") == 0
    output = capsys.readouterr()
    assert len(output.err.strip().splitlines()) == 21
    assert "10 warnings more" in output.err
    assert "warnings: 30" in output.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--channel", "Hoechst"], "Hoechst"),
        (["--channel", "w1", "--wells", "H12"], "H12"),
        (["--channel", "w1", "--device", "gpu"], "gpu"),
        (["--channel", "w1", "--diameter-px", "1000"], "diameter_px"),
        ([], "--roles"),
    ],
)
def test_errors_are_one_line_and_leave_no_file(plate, tmp_path, capsys, arguments, told):
    out = tmp_path / "n.csv"
    assert main(["detect", str(plate), "--out", str(out), *arguments]) == 1
    error = capsys.readouterr().err.strip()
    assert told in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_nothing_there_and_nothing_readable(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"x")
    for path in (tmp_path / "absent", tmp_path / "empty", tmp_path / "bad", tmp_path / "bad" / "x.png"):
        assert detect(path, "--out", tmp_path / "n.csv") == 1
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "n.csv").exists()


def test_loose_images_have_no_wells_or_channels(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "one.tif", discs())
    for arguments in (["--wells", "A01"], ["--channel", "DAPI"]):
        assert detect(tmp_path / "one.tif", "--out", tmp_path / "n.csv", *arguments) == 1
        assert "no plate" in capsys.readouterr().err


def test_micrometres_need_a_pixel_size(plate, tmp_path, capsys):
    assert detect(plate, "--out", tmp_path / "n.csv", "--channel", "w1", "--diameter-um", "10") == 1
    assert "give --diameter-px" in capsys.readouterr().err
    tifffile.imwrite(tmp_path / "one.tif", discs())
    assert detect(tmp_path / "one.tif", "--out", tmp_path / "n.csv", "--diameter-um", "10") == 0
    assert "one.tif: the pixel size is not recorded" in capsys.readouterr().err
    pixel = {"resolution": (2, 2), "metadata": {"unit": "um"}, "imagej": True}
    tifffile.imwrite(tmp_path / "one.tif", discs().astype(np.uint16), **pixel)
    assert detect(tmp_path / "one.tif", "--out", tmp_path / "n.csv", "--diameter-um", "8") == 0
    assert capsys.readouterr().err == ""
    assert len(rows(tmp_path / "n.csv")) == len(CENTRES)


def test_of_a_stack_only_the_first_plane_is_looked_at_and_that_is_told(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([discs(), discs()]), photometric="minisblack")
    assert detect(tmp_path / "stack.tif", "--out", tmp_path / "n.csv") == 0
    assert "stack.tif: only the first of several planes" in capsys.readouterr().err


def test_a_broken_index_is_told_not_passed_over(tmp_path, capsys):
    folder = tmp_path / "Images"
    folder.mkdir()
    (folder / "Index.idx.xml").write_text("<EvaluationInputData")
    tifffile.imwrite(folder / "one.tif", discs())
    assert detect(folder, "--out", tmp_path / "n.csv") == 1
    assert "Index" in capsys.readouterr().err


def test_an_old_table_stays_until_the_new_one_is_whole(plate, tmp_path, monkeypatch):
    out = tmp_path / "n.csv"
    out.write_text("old")

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("pandas.DataFrame.to_csv", stopped)
    assert detect(plate, "--out", out, "--channel", "w1") == 130
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name != "plate7"] == ["n.csv"]
