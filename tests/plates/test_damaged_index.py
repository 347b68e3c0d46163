"""However an index is damaged: a plate, or one line that says what is wrong; never another exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import MidError
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate

#: (place as a fraction of the file, kind, byte)
Damage = tuple[float, str, int]
DAMAGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(["flip", "delete", "cut", "repeat"]), st.integers(0, 255)),
    min_size=1,
    max_size=6,
)


@dataclass(frozen=True)
class IndexCopy:
    """A copy that may be overwritten, and what it held at first."""

    path: Path
    content: bytes = field(repr=False)


@pytest.fixture(scope="module", params=["harmony_phenix_v5/Index.idx.xml", "harmony_v7_index/Index.xml"])
def index_copy(request: pytest.FixtureRequest, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> IndexCopy:
    folder = tmp_path_factory.mktemp("damaged")
    source = real_data / request.param
    (folder / "r01c01f01p01-ch1sk1fk1fl1.tiff").touch()
    return IndexCopy(folder / source.name, source.read_bytes())


def damaged(content: bytes, damages: list[Damage]) -> bytes:
    # most of the index is flat-field text; half of the damage goes to its last tenth, where the images stand
    data = bytearray(content)
    for place, kind, byte in damages:
        if not data:
            break
        fraction = place * 2 if place < 0.5 else 0.9 + (place - 0.5) / 5
        at = min(int(fraction * len(data)), len(data) - 1)
        if kind == "flip":
            data[at] = byte
        elif kind == "delete":
            del data[at : at + 1 + byte]
        elif kind == "cut":
            del data[at:]
        else:
            data[at:at] = data[at : at + byte]
    return bytes(data)


@given(damages=DAMAGES)
@settings(max_examples=300)
def test_a_damaged_index_ends_in_a_plate_or_one_line(index_copy: IndexCopy, damages: list[Damage]) -> None:
    index_copy.path.write_bytes(damaged(index_copy.content, damages))
    try:
        plate = open_plate(index_copy.path)
    except MidError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
        return
    assert isinstance(plate, Plate)
    assert all(1 <= well.row <= plate.rows and 1 <= well.column <= plate.columns for well in plate.wells.values())


@pytest.mark.parametrize("text", ["1e999", "1e-99999999999999999999", "nan", "-inf", "1" * 5000, "", "٣", "0x10", "1_0"])
@pytest.mark.parametrize("tag", ["Row", "FieldID", "PositionX", "ImageResolutionX", "PlateRows", "TimepointID"])
def test_numbers_that_are_none_never_crash(index_copy: IndexCopy, tag: str, text: str) -> None:
    source = index_copy.content.decode("utf-8-sig")
    start = source.find(f"<{tag}")
    begin = source.index(">", start) + 1
    index_copy.path.write_text(source[:begin] + text + source[source.index("<", begin) :], encoding="utf-8")
    assert open_plate(index_copy.path).n_images in (6, 7)
