"""The plate layout beside the images; no real one is at hand, so these are built as two public readers of them expect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import PlateMapError
from napari_mid.plates import open_plate
from napari_mid.plates.formats._harmony_layout import read_layout

Write = Callable[..., Path]


def layer(name: str, values: dict[tuple[int, int], str], more: str = "") -> str:
    wells = "".join(
        f"<Well><Row>{row}</Row><Col>{column}</Col><Color>#fff</Color><Value>{value}</Value></Well>"
        for (row, column), value in values.items()
    )
    return f"<Layer><Name>{name}</Name><ValueType>string</ValueType>{more}{wells}</Layer>"


LAYERS = (
    layer("Compound", {(1, 1): "Taxol", (1, 2): "DMSO", (2, 3): ""})
    + layer("Concentration", {(1, 1): "250"}, "<Unit>nM</Unit>")
    + layer("Cell Count", {(1, 1): "2000", (1, 2): "2000"})
    + layer("Role", {(1, 1): "sample", (1, 2): "vehicle control"})
)
FLAT = f'<AssayLayout xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5"><Name>my layout</Name>{LAYERS}</AssayLayout>'
NESTED = f"<Archive><AssayLayoutEntry><Name>x</Name><AssayLayout>{LAYERS}</AssayLayout></AssayLayoutEntry></Archive>"
ATTRIBUTES = (
    '<L><Layer Name="Compound"><Wells><Well Row="1" Col="1" Value="Taxol"/>'
    '<Well row="1" column="2" value="DMSO"/></Wells></Layer></L>'
)


def write_layout(index: Path, text: str, folder: str = "../Assaylayout") -> None:
    home = index.parent / folder
    home.mkdir()
    (home / "Unnamed.xml").write_text(text, encoding="utf-8-sig")


@pytest.fixture
def index(write_harmony: Write) -> Path:
    return write_harmony([{"URL": "a.tiff"}, {"URL": "b.tiff", "Col": 2}, {"URL": "c.tiff", "Row": 2}])


@pytest.mark.parametrize("text", [FLAT, NESTED])
@pytest.mark.parametrize("folder", ["../Assaylayout", "assaylayout"])
def test_the_layout_beside_the_images_is_the_plate_map(index: Path, text: str, folder: str) -> None:
    write_layout(index, text, folder)
    plate = open_plate(index)
    assert plate.plate_map is not None
    assert plate.wells["A01"].condition == {
        "compound": "Taxol",
        "concentration": 250,
        "concentration_um": 0.25,
        "unit": "nM",
        "Cell Count": 2000,
        "role": "sample",
    }
    assert plate.wells["A02"].condition["role"] == "negative_control"
    assert not plate.wells["B01"].condition
    assert plate.warnings == ("1 of the 3 wells of plate my plate are not in Unnamed.xml: B01.",)


def test_wells_described_by_attributes(index: Path) -> None:
    write_layout(index, ATTRIBUTES)
    plate = open_plate(index)
    assert [plate.wells[well].condition.get("compound") for well in ("A01", "A02")] == ["Taxol", "DMSO"]


def test_a_plate_map_file_goes_first(index: Path) -> None:
    write_layout(index, FLAT)
    (index.parent / "plate_map.csv").write_text("well,compound\nA1,mine\nA2,mine\nB1,mine\n")
    plate = open_plate(index)
    assert {tuple(well.condition.items()) for well in plate.wells.values()} == {(("compound", "mine"),)}
    assert plate.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<AssayLayout/>",
        "<AssayLayout><Layer><Name>Compound</Name></Layer></AssayLayout>",
        FLAT[:300],
        f'<!DOCTYPE a [<!ENTITY b "c">]>{FLAT}',
        layer("Compound", {(99, 1): "x", (0, 1): "x", (1, 4800): "x"}),
    ],
)
def test_what_is_not_understood_is_a_warning(index: Path, text: str) -> None:
    write_layout(index, text)
    plate = open_plate(index)
    assert plate.plate_map is None
    assert ["The plate layout of Harmony is not used" in warning for warning in plate.warnings] == [True]


def test_layers_of_one_name_stay_apart(index: Path) -> None:
    write_layout(index, f"<A>{layer('Batch', {(1, 1): 'a'})}{layer('batch', {(1, 1): 'b'})}{layer('Well', {(1, 1): 'c'})}</A>")
    assert open_plate(index).wells["A01"].condition == {"Batch": "a", "batch (2)": "b", "Well (2)": "c"}


@given(st.lists(st.tuples(st.integers(0, len(FLAT) - 1), st.integers(0, 127), st.booleans()), max_size=6))
@settings(max_examples=300)
def test_however_a_layout_is_damaged(tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, int, bool]]) -> None:
    text = FLAT
    for at, code, cut in damages:
        text = text[:at] + chr(code) + text[at + (code if cut else 1) :]
    path = tmp_path_factory.getbasetemp() / "layout.xml"
    path.write_text(text)
    try:
        plate_map = read_layout(path)
    except PlateMapError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
        return
    assert plate_map.conditions


def test_a_layout_of_other_wells_is_a_warning(index: Path) -> None:
    write_layout(index, f"<A>{layer('Compound', {(8, 12): 'x'})}</A>")
    plate = open_plate(index)
    assert plate.plate_map is None
    assert any("none of them among the 3" in warning for warning in plate.warnings)
