"""Damaged files of a CellVoyager measurement end in a plate or in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import MidError
from napari_mid.plates import open_plate
from napari_mid.plates.formats import cellvoyager

REAL = "yokogawa_cv8000"

DAMAGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.sampled_from(["flip", "delete", "cut", "repeat", "line"]), st.integers(0, 255)
    ),
    min_size=1,
    max_size=6,
)


def damaged(content: bytes, damages: list[tuple[float, str, int]]) -> bytes:
    data = bytearray(content)
    for place, kind, byte in damages:
        at = min(int(place * len(data)), max(len(data) - 1, 0))
        if kind == "flip":
            data[at : at + 1] = bytes([byte])
        elif kind == "delete":
            del data[at : at + 1 + byte]
        elif kind == "cut":
            del data[at:]
        elif kind == "repeat":
            data[at:at] = data[at : at + byte]
        else:
            del data[data.rfind(b"\n", 0, at) + 1 : data.find(b"\n", at) + 1]
    return bytes(data)


@pytest.mark.parametrize("suffix", ["mlf", "mrf", "mes", "wpi"])
def test_damaged_files_end_in_a_plate_or_one_line(real_data: Path, tmp_path_factory: pytest.TempPathFactory, suffix: str) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    for source in (real_data / REAL).glob("*.m*"):
        (folder / source.name).write_bytes(source.read_bytes())
    source = next((real_data / REAL).glob(f"*.{suffix}"))
    content = source.read_bytes()

    @given(damages=DAMAGES)
    @settings(max_examples=300)
    def check(damages: list[tuple[float, str, int]]) -> None:
        (folder / source.name).write_bytes(damaged(content, damages))
        try:
            plate = cellvoyager.read(folder / "MeasurementData.mlf")
        except MidError as error:
            assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
            return
        assert all("\n" not in warning for warning in plate.warnings)
        assert all(1 <= well.row <= plate.rows and 1 <= well.column <= plate.columns for well in plate.wells.values())
        assert all(channel.wavelength_nm is None or channel.wavelength_nm > 0 for channel in plate.channels)

    check()


@pytest.mark.parametrize("text", ["1e999", "nan", "-inf", "1" * 5000, "", "٣", "0x10", "-1", "0"])
@pytest.mark.parametrize(
    "attribute",
    ["Row", "FieldIndex", "X", "HorizontalPixelDimension", "RowCount", "TimePoint", "Ch", "WaveLength", "Acquisition"],
)
def test_numbers_that_are_none_never_crash(real_data: Path, tmp_path: Path, attribute: str, text: str) -> None:
    for source in (real_data / REAL).glob("*.m*"):
        content = source.read_text(encoding="utf-8-sig")
        content = re.sub(rf'bts:{attribute}="[^"]*"', f'bts:{attribute}="{text}"', content, count=1)
        (tmp_path / source.name).write_text(content)
    plate = open_plate(tmp_path)
    assert plate.n_images == 96
    assert all(field.pixel_size_um is None or field.pixel_size_um > 0 for field in plate.wells["E03"].fields.values())
