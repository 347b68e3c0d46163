"""However the plan of an ImageXpress plate is wrong: a plate with warnings, or one line that says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import MidError, PlateFormatError
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate

from .imagexpress_plates import write_imagexpress


@pytest.fixture
def write_plate(tmp_path: Path) -> Callable[..., Path]:
    """`write_imagexpress` into a fresh folder."""
    return partial(write_imagexpress, tmp_path)


@pytest.mark.parametrize(
    ("without", "says"),
    [
        (["WellsSelection"], "which wells were selected"),
        (["XWells"], "size of the plate"),
        (["NWavelengths", "WaveName"], "wavelengths"),
        (["TimePoints"], "number of time points"),
        (["WellsSelection3"], "another size"),
        (["XSites", "YSites"], ""),
        (["Sites", "XSites", "YSites", "SiteSelection"], ""),
        (["ZSeries", "ZSteps", "WaveCollect", "HTSInfo", "EndFile"], ""),
    ],
)
def test_keys_that_are_absent(write_plate: Callable[..., Path], without: list[str], says: str) -> None:
    names = [f"p_B02_s{s}_w{w}.TIF" for s in (1, 2) for w in (1, 2)]
    plate = open_plate(write_plate(names, wells=["B02"], sites=["TT"], waves=["DAPI", "Cy5"], without=without))
    assert {name: list(well.fields) for name, well in plate.wells.items()} == {"B02": [1, 2]}
    assert (plate.n_images, plate.missing_files) == (4, ())
    assert any(says in warning for warning in plate.warnings) if says else plate.warnings == ()


def test_a_selection_that_contradicts_the_size(write_plate: Callable[..., Path]) -> None:
    home = write_plate(["p_H12.TIF"], wells=["H12"])
    htd = home / "p.HTD"
    htd.write_text(htd.read_text().replace('"XWells", 12', '"XWells", 6').replace('"YWells", 8', '"YWells", 4'))
    plate = open_plate(home)
    assert (plate.rows, plate.columns, list(plate.wells)) == (8, 12, ["H12"])
    assert any("another size" in warning for warning in plate.warnings)
    assert any("beyond" in warning for warning in plate.warnings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1"])
def test_names_of_wavelengths_in_any_encoding(write_plate: Callable[..., Path], encoding: str) -> None:
    home = write_plate(["p_A01.TIF"], waves=["Färbung, 5 µM"])
    htd = home / "p.HTD"
    htd.write_bytes(htd.read_text(encoding="cp1252").encode(encoding))
    assert open_plate(home).channel_names == ("Färbung, 5 µM",)


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"<html></html>", b'"HTSInfoFile", Version 1.0\r\n', b'"A1", ' * 10000])
def test_no_plan_is_told(write_plate: Callable[..., Path], content: bytes) -> None:
    home = write_plate(["p_A01.TIF"])
    (home / "p.HTD").write_bytes(content)
    for path in (home, home / "p.HTD"):
        with pytest.raises(PlateFormatError, match=r"p\.HTD tells nothing.*--pattern") as caught:
            open_plate(path)
        assert "\n" not in str(caught.value)
    assert open_plate(home, pattern="p_{well}.TIF").n_images == 1


@pytest.mark.parametrize("text", ["1e999", "nan", "-1", "0", "9" * 8, "9" * 5000, "", "٣", "0x10", "1_0", '"', "TRUE"])
@pytest.mark.parametrize("key", ["TimePoints", "ZSteps", "XWells", "YWells", "XSites", "NWavelengths", "WaveCollect1", "ZSeries"])
def test_numbers_that_are_none(write_plate: Callable[..., Path], key: str, text: str) -> None:
    home = write_plate(["p_A01_s1_w1.TIF"], sites=["TT"], waves=["DAPI", "Cy5"], steps=2)
    htd = home / "p.HTD"
    htd.write_text(re.sub(rf'"{key}", .*', f'"{key}", {text}', htd.read_text()), encoding="utf-8")
    plate = open_plate(home)
    assert plate.wells["A01"].fields[1].planes
    assert plate.n_images <= 16


def test_a_plan_of_too_many_images_is_damaged(write_plate: Callable[..., Path]) -> None:
    home = write_plate(["p_A01.TIF"], times=99_999, wells=[f"A{n:02d}" for n in range(1, 13)], sites=["TT"])
    with pytest.raises(PlateFormatError, match=r"2399976 images.*damaged"):
        open_plate(home)


@pytest.fixture(scope="module")
def htd_copy(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("htd")
    (folder / "TimePoint_1").mkdir()
    tifffile.imwrite(folder / "TimePoint_1" / "9987_B02_s1_w1.TIF", np.zeros((4, 4), np.uint8))
    return folder / "9987.HTD", (real_data / "imagexpress" / "9987_Plate_3435" / "9987.HTD").read_bytes()


Damage = tuple[float, str, bytes]


@given(
    damages=st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.sampled_from(["flip", "delete", "line", "cut", "insert", "repeat"]),
            st.one_of(st.binary(min_size=1, max_size=6), st.sampled_from([b'"', b",", b"\r\n", b"9", b"999", b"TRUE, ", b"\0"])),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=600)
def test_a_damaged_htd_ends_in_a_plate_or_one_line(htd_copy: tuple[Path, bytes], damages: list[Damage]) -> None:
    path, content = htd_copy
    data = bytearray(content)
    for place, kind, text in damages:
        at = int(place * len(data))
        if kind == "flip":
            data[at : at + 1] = text[:1]
        elif kind == "delete":
            del data[at : at + 4 * text[0]]
        elif kind == "line":
            start = data.rfind(b"\n", 0, at) + 1
            del data[start : data.find(b"\n", at) + 1]
        elif kind == "cut":
            del data[at:]
        elif kind == "insert":
            data[at:at] = text
        else:
            data[at:at] = data[at : at + 8 * text[0]]
    path.write_bytes(data)
    try:
        plate = open_plate(path)
    except MidError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
        return
    assert isinstance(plate, Plate)
    assert len(plate.missing_files) <= plate.n_images
    assert all(1 <= well.row <= plate.rows and 1 <= well.column <= plate.columns for well in plate.wells.values())
    assert plate.wells["B02"].fields[1].load([0]).shape == (1, 4, 4)
