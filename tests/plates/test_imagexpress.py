from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mid.errors import MidError, PlateFormatError
from napari_mid.images.layout import well_layout
from napari_mid.plates import open_plate

from .imagexpress_plates import header_text, htd_text, write_imagexpress

GUID = "1E1AE3E6-7B2C-4D10-9A55-0123456789AB"


@pytest.fixture
def write_plate(tmp_path: Path) -> Callable[..., Path]:
    """`write_imagexpress` into a fresh folder."""
    return partial(write_imagexpress, tmp_path)


# ------------------------------------------------------------------------------------------------------------- real plates


@pytest.mark.parametrize("opened", ["", "9987.HTD"])
def test_real_plate_of_time_points(real_data: Path, opened: str) -> None:
    folder = real_data / "imagexpress" / "9987_Plate_3435"
    plate = open_plate(folder / opened)
    assert (plate.name, plate.format, plate.rows, plate.columns) == ("9987_Plate_3435", "ImageXpress", 8, 12)
    assert {name: list(well.fields) for name, well in plate.wells.items()} == {"B02": [1, 2], "B03": [1, 2]}
    assert [(c.name, c.role, c.wavelength_nm) for c in plate.channels] == [("DAPI", "nucleus", 452), ("FITC", "other", 520)]
    assert plate.pixel_size_um == 1.3672
    # 2 wells, 2 sites, 4 wavelengths, 6 time points
    named = {
        f"TimePoint_{t}/9987_B{column:02d}_s{s}_w{w}.TIF"
        for t, column, s, w in itertools.product(range(1, 7), (2, 3), (1, 2), range(1, 5))
    }
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.TIF")}
    assert (plate.n_images, set(plate.missing_files)) == (96, named - there)
    assert len(plate.missing_files) == 80
    told = " ".join(plate.warnings)
    assert "80 of the 96 images" in told
    assert "all of time points 3-6" in told
    assert "w3 (Texas Red) and w4 (Cy5)" in told
    assert len(plate.warnings) == 2


def test_real_pixels_of_each_time_point(real_data: Path) -> None:
    folder = real_data / "imagexpress" / "9987_Plate_3435"
    field = open_plate(folder).wells["B03"].fields[2]
    for time, channel in ((1, 0), (2, 1)):
        path = folder / f"TimePoint_{time}" / f"9987_B03_s2_w{channel + 1}.TIF"
        np.testing.assert_array_equal(field.load_channel(channel, time=time), tifffile.imread(path, key=0))
    assert field.load().shape == (2, 256, 256)


def test_real_neighbours_match_where_they_overlap(real_data: Path) -> None:
    fields = open_plate(real_data / "imagexpress" / "9987_Plate_3435").wells["B03"].fields
    layout = well_layout(fields, {1: (256, 256), 2: (256, 256)})
    assert layout.from_stage
    (top, left), (top2, left2) = layout.origins[1], layout.origins[2]
    assert (top, left, top2) == (0, 0, 0)
    # within the precision of the stage, 2 px, the pixels agree; the other way round they do not
    one, two = fields[1].load_channel(0).astype(float), fields[2].load_channel(0).astype(float)

    def match(a: np.ndarray, b: np.ndarray, shift: int) -> float:
        return float(np.corrcoef(a[:, shift:].ravel(), b[:, : 256 - shift].ravel())[0, 1])

    assert max(match(one, two, left2 + offset) for offset in range(-3, 4)) > 0.9
    assert max(match(two, one, left2 + offset) for offset in range(-3, 4)) < 0.3


def test_real_plate_without_site_and_wavelength(real_data: Path) -> None:
    plate = open_plate(real_data / "imagexpress" / "9987_Plate_3420")
    assert {name: list(well.fields) for name, well in plate.wells.items()} == {"B02": [1]}
    assert (plate.n_images, plate.missing_files, plate.warnings) == (1, (), ())
    assert [(channel.name, channel.wavelength_nm) for channel in plate.channels] == [("DAPI", 452)]
    path = real_data / "imagexpress" / "9987_Plate_3420" / "TimePoint_1" / "9987_B02.TIF"
    np.testing.assert_array_equal(plate["B02"].fields[1].load()[0], tifffile.imread(path, key=0))


@pytest.mark.parametrize("opened", ["TimePoint_2", "TimePoint_2/9987.HTD"])
def test_real_folder_of_one_time_point(real_data: Path, opened: str) -> None:
    plate = open_plate(real_data / "imagexpress" / "9987_Plate_3435" / opened)
    assert (plate.name, plate.n_images, len(plate.missing_files)) == ("9987_Plate_3435", 16, 8)
    assert plate.time_points == (2,)
    assert "9987_B02_s1_w3.TIF" in plate.missing_files
    assert any("time point 2 of 6" in warning for warning in plate.warnings)


def test_real_folder_of_two_plates_names_both(real_data: Path) -> None:
    with pytest.raises(PlateFormatError, match=r"2 ImageXpress plates: 9987_Plate_3420, 9987_Plate_3435\. Open one"):
        open_plate(real_data / "imagexpress")


# ------------------------------------------------------------------------------------------------------------- small plates


@pytest.mark.parametrize(
    "name",
    [
        "p_A01_s1_w1.TIF",
        "p_a01_S1_W1.tiff",
        f"p_A01_s1_w1{GUID}.tif",
        f"TimePoint_1/p_A01_s1_w1{GUID.lower()}.tif",
        "ZStep_1/p_A01_s1_w1.tif",
        "timepoint_1/zstep_1/p_A01_s1_w1.tif",
        "my_B03_plate_w2_A01_s1_w1.tif",
    ],
)
@pytest.mark.parametrize("htd", ["p.HTD", "p.htd", "TimePoint_1/p.HTD"])
def test_names_and_folders(write_plate: Callable[..., Path], name: str, htd: str) -> None:
    thumb = name.replace("_w1", "_w1_thumb").replace("_W1", "_W1_Thumb")
    plate = open_plate(write_plate([name, thumb, "._p_A01_s1_w1.TIF"], htd=htd, sites=["TT"], waves=["DAPI", "Cy5"]))
    ((plane,),) = (field.planes for field in plate.wells["A01"].fields.values() if field.planes)
    assert (plane.name, plane.channel, plane.time, plane.z) == (name.rpartition("/")[2], 0, 1, 1)
    assert (plate.n_images, len(plate.missing_files)) == (4, 3)
    assert not any("left out:" in warning for warning in plate.warnings)


def test_a_guid_after_the_site_or_well_alone(write_plate: Callable[..., Path]) -> None:
    names = [f"p_A01_s1{GUID}.TIF", f"p_A01_s2{GUID}.TIF"]
    plate = open_plate(write_plate(names, sites=["TT"]))
    assert {number: field.planes[0].name for number, field in plate.wells["A01"].fields.items()} == {1: names[0], 2: names[1]}
    assert (plate.n_images, plate.missing_files) == (2, ())
    plate = open_plate(write_plate([f"p_A01{GUID}.TIF"], folder="other"))
    assert (plate.n_images, plate.missing_files) == (1, ())


@pytest.mark.parametrize("below", ["", "2026-11-22", "2026-11-22/1334", "2026-11-22/1334/TimePoint_1/p.HTD"])
def test_a_plate_in_folders_of_date_and_number(write_plate: Callable[..., Path], below: str) -> None:
    home = write_plate(["TimePoint_1/p_A01.TIF"], folder="screen 7/2026-11-22/1334", htd="TimePoint_1/p.HTD")
    plate = open_plate(home.parents[1] / below)
    assert (plate.name, plate.format, plate.n_images, plate.missing_files) == ("screen 7", "ImageXpress", 1, ())


def test_an_htd_above_the_folders_of_date_and_number(write_plate: Callable[..., Path]) -> None:
    home = write_plate(["2026-11-22/1334/TimePoint_1/p_A01.TIF"], wells=["A01", "A02"])
    plate = open_plate(home)
    assert (plate.n_images, plate.missing_files) == (2, ("2026-11-22/1334/TimePoint_1/p_A02.TIF",))
    tifffile.imwrite(home / "2026-11-22" / "p_A01.TIF", np.zeros((4, 4), np.uint8))
    (home / "2026-11-23" / "1335").mkdir(parents=True)
    tifffile.imwrite(home / "2026-11-23" / "1335" / "p_A01.TIF", np.zeros((4, 4), np.uint8))
    with pytest.raises(PlateFormatError, match="2 acquisitions: 2026-11-22/1334, 2026-11-23/1335"):
        open_plate(home)


def test_one_time_point_goes_by_the_htd_above_it(write_plate: Callable[..., Path]) -> None:
    home = write_plate(["TimePoint_2/ZStep_1/p_A01.TIF"], times=3, steps=2)
    plate = open_plate(home / "TimePoint_2")
    assert (plate.name, plate.format, plate.n_images) == ("plate", "ImageXpress", 2)
    assert plate.missing_files == ("ZStep_2/p_A01.TIF",)


def test_the_only_plate_of_a_folder(write_plate: Callable[..., Path]) -> None:
    home = write_plate(["p_A01.TIF"], folder="screen/plate 3")
    assert open_plate(home.parent).name == "plate 3"


def test_two_plates_in_one_folder_are_told_apart_by_their_htd(write_plate: Callable[..., Path]) -> None:
    write_plate(["one_A01.TIF", "two_A01.TIF", "two_A02.TIF"], htd="one.HTD")
    home = write_plate([], htd="two.HTD", wells=["A01", "A02"])
    with pytest.raises(PlateFormatError, match=r"2 ImageXpress plates: one\.HTD, two\.HTD"):
        open_plate(home)
    for stem, count in (("one", 1), ("two", 2)):
        plate = open_plate(home / f"{stem}.HTD")
        assert (plate.n_images, plate.missing_files, plate.warnings) == (count, (), ())


def test_wells_that_were_not_imaged_are_there(write_plate: Callable[..., Path]) -> None:
    plate = open_plate(write_plate(["p_B02_w1.TIF", "p_B02_w2.TIF"], wells=["A01", "B02", "H12"], waves=["Hoechst", "TMRM"]))
    assert {name: well.has_images for name, well in plate.wells.items()} == {"A01": False, "B02": True, "H12": False}
    assert plate.missing_files == ("p_A01_w1.TIF", "p_A01_w2.TIF", "p_H12_w1.TIF", "p_H12_w2.TIF")
    assert [(channel.name, channel.role) for channel in plate.channels] == [("Hoechst", "nucleus"), ("TMRM", "mmp")]
    assert any("all of wells A01, H12" in warning for warning in plate.warnings)
    assert plate["B02"].fields[1].load()[:, 0, 0].tolist() == [0, 1]


def test_no_image_at_all_gives_the_plan(write_plate: Callable[..., Path]) -> None:
    plate = open_plate(write_plate([], wells=["C03"], sites=["TT", "TT"], waves=["a", "b"], times=2, steps=3))
    assert (plate.n_images, plate.channel_names) == (48, ("a", "b"))
    assert plate.missing_files[0] == "TimePoint_1/ZStep_1/p_C03_s1_w1.TIF"
    assert plate.missing_files[-1] == "TimePoint_2/ZStep_3/p_C03_s4_w2.TIF"
    assert any("no image at all" in warning for warning in plate.warnings)


def test_wavelengths_that_were_not_collected_and_names_that_repeat(write_plate: Callable[..., Path]) -> None:
    names = ["p_A01_w1.TIF", "p_A01_w3.TIF", "p_A01_w4.TIF"]
    plate = open_plate(write_plate(names, waves=["FITC", "Cy5", "fitc", ""], not_collected=[2]))
    assert plate.channel_names == ("FITC", "fitc (w3)", "w4")
    assert (plate.n_images, plate.missing_files, plate.warnings) == (3, (), ())
    assert plate["A01"].fields[1].load()[:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("sites", "found", "missing"),
    [
        (["TFT", "FTF"], [1, 2, 3], 0),  # selected sites are numbered one after the other
        (["TFT", "FTF"], [1, 3, 5], 0),  # or as they stand in the grid
        (["TTT", "TTT"], [1, 2, 3, 4, 6], 1),
    ],
)
def test_numbers_of_sites(write_plate: Callable[..., Path], sites: list[str], found: list[int], missing: int) -> None:
    plate = open_plate(write_plate([f"p_A01_s{site}.TIF" for site in found], sites=sites))
    assert [number for number, field in plate.wells["A01"].fields.items() if field.planes] == found
    assert (plate.n_images, len(plate.missing_files)) == (len(found) + missing, missing)
    assert len(plate.warnings) == missing


def test_a_mixed_z_series(write_plate: Callable[..., Path]) -> None:
    # w1 is a stack with its projection, w2 a projection, w3 a single plane
    names = [f"TimePoint_1/ZStep_{z}/p_A01_w1.TIF" for z in (1, 2, 3)]
    names += ["TimePoint_1/p_A01_w1.TIF", "TimePoint_1/p_A01_w2.TIF", "TimePoint_1/ZStep_1/p_A01_w3.TIF"]
    plate = open_plate(write_plate(names, waves=["a", "b", "c"], steps=3))
    planes = plate.wells["A01"].fields[1].planes
    assert sorted((plane.channel, plane.z, plane.path.parent.name) for plane in planes) == [
        (0, 1, "ZStep_1"),
        (0, 2, "ZStep_2"),
        (0, 3, "ZStep_3"),
        (1, 1, "TimePoint_1"),
        (2, 1, "ZStep_1"),
    ]
    assert (plate.n_images, plate.missing_files) == (5, ())
    assert plate["A01"].fields[1].load()[:, 0, 0].tolist() == [2, 4, 5]
    (warning,) = plate.warnings
    assert warning.startswith("1 projections lie beside their z stacks")


def test_a_z_series_of_projections_only(write_plate: Callable[..., Path]) -> None:
    plate = open_plate(write_plate(["p_A01_w1.TIF"], waves=["a", "b"], steps=5))
    assert (plate.n_images, plate.missing_files) == (2, ("p_A01_w2.TIF",))


def test_missing_focal_planes_are_named(write_plate: Callable[..., Path]) -> None:
    names = [f"TimePoint_1/ZStep_{z}/p_{well}.TIF" for z, well in ((1, "A01"), (2, "A01"), (1, "A02"))] + [
        "TimePoint_1/p_A03.TIF"
    ]
    plate = open_plate(write_plate(names, wells=["A01", "A02", "A03"], steps=2))
    assert plate.n_images == 6
    assert set(plate.missing_files) == {
        "TimePoint_1/ZStep_2/p_A02.TIF",
        "TimePoint_1/ZStep_1/p_A03.TIF",
        "TimePoint_1/ZStep_2/p_A03.TIF",
    }
    # the projection is what a maximum of the stack would be
    assert plate["A03"].fields[1].load()[0, 0, 0] == 3
    assert any("only the projection of DAPI" in warning for warning in plate.warnings)


def test_images_that_were_not_declared_are_shown(write_plate: Callable[..., Path]) -> None:
    names = ["p_A01_w1.TIF", "p_A02_w1.TIF", "p_A01_w2.TIF", "p_A02_w2.TIF", "TimePoint_2/p_A01_w1.TIF", "notes A01.tif"]
    plate = open_plate(write_plate(names, wells=["A01"]))
    assert (list(plate.wells), plate.channel_names) == (["A01", "A02"], ("DAPI", "w2"))
    assert (plate.n_images, plate.missing_files, plate.time_points) == (1, (), (1, 2))
    told = " ".join(plate.warnings)
    assert "4 images are shown though p.HTD does not declare them" in told
    assert "notes A01.tif" in told


def test_links_that_lead_out_are_refused(write_plate: Callable[..., Path], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", np.zeros((4, 4), np.uint8))
    home = write_plate(["p_A01.TIF"], wells=["A01", "A02", "A03"])
    (home / "p_A02.TIF").symlink_to(tmp_path / "secret.tif")
    (tmp_path / "elsewhere").mkdir()
    tifffile.imwrite(tmp_path / "elsewhere" / "p_A03.TIF", np.zeros((4, 4), np.uint8))
    (home / "TimePoint_1").symlink_to(tmp_path / "elsewhere")
    plate = open_plate(home)
    assert [name for name, well in plate.wells.items() if well.has_images] == ["A01"]
    assert any("2 images lie outside the folder of p.HTD" in warning for warning in plate.warnings)


# ------------------------------------------------------------------------------------------------------- what headers tell


def test_stage_positions_grow_downwards_and_to_the_right(tmp_path: Path) -> None:
    home = tmp_path / "plate"
    home.mkdir()
    (home / "p.HTD").write_text(htd_text(wells=["A01", "B02"], sites=["TT", "TT"], waves=["DAPI", "Cy5"]))
    for well, (y0, x0) in {"A01": (11000.0, 14000.0), "B02": (20000.0, 23000.0)}.items():
        for site, (dy, dx) in {1: (0, 0), 2: (0.1, 5), 3: (4, 0), 4: (4, 5)}.items():
            for wave, nm in ((1, 447.0), (2, 692.0)):
                text = header_text(nm, (y0 + dy, x0 + dx), pixel_size=0.5)
                tifffile.imwrite(
                    home / f"p_{well}_s{site}_w{wave}.TIF", np.zeros((8, 10), np.uint8), description=text, metadata=None
                )
    plate = open_plate(home)
    assert plate.pixel_size_um == 0.5
    assert [channel.wavelength_nm for channel in plate.channels] == [447, 692]
    assert plate.warnings == ()
    for well in plate.wells.values():
        layout = well_layout(well.fields, dict.fromkeys(well.fields, (8, 10)))
        assert layout.origins == {1: (0, 0), 2: (0, 10), 3: (8, 0), 4: (8, 10)}


def test_wells_laid_out_differently_get_a_grid(tmp_path: Path) -> None:
    (tmp_path / "p.HTD").write_text(htd_text(wells=["A01", "A02"], sites=["TT"]))
    for well, step in (("A01", 5), ("A02", -5)):
        for site in (1, 2):
            text = header_text(447, (0, site * step), pixel_size=0.5)
            tifffile.imwrite(tmp_path / f"p_{well}_s{site}.TIF", np.zeros((8, 10), np.uint8), description=text, metadata=None)
    plate = open_plate(tmp_path)
    assert all(field.position_um is None for well in plate.wells.values() for field in well.fields.values())
    assert any("A01 and A02 lie at different places" in warning for warning in plate.warnings)


def test_without_stage_positions_the_sites_stand_as_planned(write_plate: Callable[..., Path]) -> None:
    names = [f"p_A01_s{site}.TIF" for site in (1, 2, 3)]
    plate = open_plate(write_plate(names, sites=["TFT", "FTF"], about=header_text(0, None)))
    assert (plate.channels[0].wavelength_nm, plate.pixel_size_um) == (None, 0.65)
    positions = [field.position_um for field in plate.wells["A01"].fields.values()]
    (y1, x1), (y2, x2), (y3, x3) = (position for position in positions if position is not None)
    assert y1 == y2 < y3
    assert x1 < x3 < x2
    assert y3 - y1 > 6 * 0.65


@pytest.mark.parametrize(
    "about",
    [
        "",
        "<MetaData>",
        "no xml",
        header_text(1, (float("nan"), 0), pixel_size="nan"),
        header_text(-5, None, pixel_size=0),
        header_text(1e999, (1e999, 0), pixel_size="1e999"),
        header_text(450, None, unit="pixel").replace("450", "four"),
        '<MetaData><!DOCTYPE a [<!ENTITY b "c">]><prop id="spatial-calibration-x" type="float" value="&b;"/></MetaData>',
    ],
)
def test_headers_that_make_no_sense_lose_the_pixel_size_only(write_plate: Callable[..., Path], about: str) -> None:
    plate = open_plate(write_plate(["p_A01_s1.TIF", "p_A01_s2.TIF"], sites=["TT"], about=about))
    assert (plate.pixel_size_um, plate.channels[0].wavelength_nm, plate.warnings) == (None, None, ())


def test_a_file_that_is_no_tiff_is_found_out_when_it_is_read(write_plate: Callable[..., Path]) -> None:
    home = write_plate(["p_A01.TIF", "p_A02.TIF"], wells=["A01", "A02"], about=header_text(447, None))
    (home / "p_A01.TIF").write_bytes(b"II*\0 not a TIFF")
    plate = open_plate(home)
    assert (plate.pixel_size_um, plate.n_images) == (0.65, 2)
    with pytest.raises(MidError, match="p_A01"):
        plate["A01"].fields[1].load()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_an_htd_that_went_through_another_program(tmp_path: Path, quote: str, encoding: str) -> None:
    home = write_imagexpress(tmp_path, ["p_A01_w1.TIF", "p_A01_w2.TIF"], waves=["DAPI", "TMRM"])
    (home / "p.HTD").write_text(htd_text(waves=["DAPI", "TMRM"]).replace('"', quote), encoding=encoding, newline="")
    plate = open_plate(home)
    assert (plate.rows, plate.columns, plate.channel_names, plate.warnings) == (8, 12, ("DAPI", "TMRM"), ())


def test_one_focal_plane_opens_by_the_htd_above(write_plate: Callable[..., Path]) -> None:
    names = [f"TimePoint_1/ZStep_{z}/p_A01.TIF" for z in (1, 2)]
    plate = open_plate(write_plate(names, steps=2) / "TimePoint_1" / "ZStep_2")
    assert (plate.format, plate.name, plate.focal_planes, plate.n_images) == ("ImageXpress", "plate", (2,), 1)
    assert plate["A01"].fields[1].load().max() == 1
