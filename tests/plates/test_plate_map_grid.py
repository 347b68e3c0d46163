from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import PlateMapError
from napari_mid.plates.plate_map import PlateMap, read_plate_map
from napari_mid.plates.well_names import STANDARD_PLATES, well_name

Rows = list[list[object]]
Read = Callable[..., PlateMap]


def grid(values: Mapping[str, object], rows: int = 8, columns: int = 12, *, corner: str = "", title: str | None = None) -> Rows:
    """The lines of a grid; wells that `values` does not name are empty."""
    lines: Rows = [] if title is None else [[title]]
    lines.append([corner, *range(1, columns + 1)])
    for row in range(1, rows + 1):
        wells = [well_name(row, column) for column in range(1, columns + 1)]
        lines.append([well_name(row, 1)[:-2], *(values.get(well, "") for well in wells)])
    return lines


def text(lines: Rows, delimiter: str = ",") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(lines)
    return file.getvalue()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(lines: Rows | str, name: str = "map.csv", encoding: str = "utf-8") -> PlateMap:
        path = tmp_path / name
        path.write_bytes((lines if isinstance(lines, str) else text(lines)).encode(encoding))
        return read_plate_map(path)

    return read


def save_workbook(path: Path, sheets: Mapping[str, Rows]) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append([None if cell == "" else cell for cell in line])
    book.save(path)
    return path


@pytest.mark.parametrize(("rows", "columns"), STANDARD_PLATES)
def test_every_standard_plate(read: Read, rows: int, columns: int) -> None:
    last = well_name(rows, columns)
    plate_map = read(grid({"A01": "Taxol", last: "DMSO"}, rows, columns, corner="Compound"))
    assert dict(plate_map.conditions) == {"A01": {"compound": "Taxol"}, last: {"compound": "DMSO"}}
    assert (plate_map.columns, plate_map.warnings) == (("compound",), ())


def test_several_grids_with_units_and_roles(read: Read) -> None:
    lines = [
        *grid({"A01": "Taxol", "A02": "x, y", "H12": "Taxol"}, title="Compound"),
        [],
        *grid({"A01": 250, "A02": 0.5}, corner="Concentration (nM)"),
        [],
        [],
        *grid({"A01": "DMSO", "A02": "sample"}, title="Role:"),
    ]
    plate_map = read(lines)
    assert plate_map.columns == ("compound", "concentration", "concentration_um", "unit", "role")
    assert plate_map.conditions["A01"] == {
        "compound": "Taxol",
        "concentration": 250,
        "concentration_um": 0.25,
        "unit": "nM",
        "role": "negative_control",
    }
    assert plate_map.conditions["A02"]["concentration_um"] == 0.0005
    assert set(plate_map.conditions["H12"].values()) == {"Taxol", None}
    assert list(plate_map.conditions) == ["A01", "A02", "H12"]
    assert plate_map.warnings == ()


@pytest.mark.parametrize("unit", ["nM", "uM", "\u00b5M", "\u03bcM", "mM", "M"])
def test_units_in_a_title(read: Read, unit: str) -> None:
    per_um = {"nM": 1e-3, "mM": 1e3, "M": 1e6}.get(unit, 1.0)
    assert read(grid({"B02": 2}, corner=f"Dose [{unit}]")).conditions["B02"]["concentration_um"] == pytest.approx(2 * per_um)


def test_grids_without_an_empty_line_between(read: Read) -> None:
    lines = [*grid({"A01": "x"}, corner="compound"), *grid({"A01": 5}, title="dose"), *grid({"A01": "b"}, corner="batch")]
    assert read(lines).columns == ("compound", "concentration", "concentration_um", "batch")


@pytest.mark.parametrize("corner", ["", "Well", "row", "Row / Column", "Plate"])
def test_a_grid_without_a_name(read: Read, corner: str) -> None:
    assert dict(read(grid({"A01": "yes"}, corner=corner)).conditions) == {"A01": {"label": "yes"}}


def test_whole_numbers_in_the_cells_are_no_column_numbers(read: Read) -> None:
    values = {well_name(row, column): column for row in range(1, 9) for column in range(1, 13)}
    plate_map = read(grid(values, corner="dose (uM)"))
    assert plate_map.conditions["H07"]["concentration_um"] == 7
    assert len(plate_map.conditions) == 96


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(read: Read, delimiter: str, encoding: str) -> None:
    lines = text([["Compound, batch 3"], *grid({"C03": "a, b; c\td"})], delimiter)
    assert dict(read(lines, "map.txt", encoding).conditions) == {"C03": {"Compound, batch 3": "a, b; c\td"}}


def test_a_title_that_is_not_utf8_and_decimal_commas(read: Read) -> None:
    plate_map = read(text(grid({"A01": "0,5"}, corner="Concentration (µM)"), ";"), encoding="cp1252")
    assert plate_map.conditions["A01"]["concentration_um"] == 0.5
    assert "Windows-1252" in plate_map.warnings[0]


def test_labels_as_programs_write_them(read: Read) -> None:
    # no corner at all, as R writes it; small letters; numbers with zeros; blank columns before the grid
    assert read("1,2,3\nA,x,,\nB,,,y\n").conditions == {"A01": {"label": "x"}, "B03": {"label": "y"}}
    assert read("drug,01,02,03\na,x,,\nb,,,y\n").conditions == {"A01": {"compound": "x"}, "B03": {"compound": "y"}}
    assert read(",,,,\n,drug,1.0,2.0,3.0\n,A,x,,\n,B,,,y\n").conditions["B03"] == {"compound": "y"}


def test_notes_are_passed_over_with_a_warning(read: Read) -> None:
    plate_map = read([["Experiment 12", "Monday"], [], *grid({"A01": "x"}, title="Compound"), [], ["made by hand"]])
    assert plate_map.columns == ("compound",)
    assert "Experiment 12 Monday, made by hand" in plate_map.warnings[0]


def test_rows_may_end_early(read: Read) -> None:
    plate_map = read(grid({"D12": "x"}, 4, 12))
    assert dict(plate_map.conditions) == {"D12": {"label": "x"}}
    assert "label ends with row D" in plate_map.warnings[0]


def test_a_row_with_nothing_in_it_is_a_row_and_not_a_title(read: Read) -> None:
    lines: Rows = [*grid({"A01": "x"}, corner="compound")[:-1], ["H"], *grid({"A01": 1}, corner="batch")]
    assert read(lines).conditions["A01"] == {"compound": "x", "batch": 1}
    assert read(lines).warnings == ()


HEAD = ",1,2,3\n"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (grid({"A01": 1}, 8, 13), "line 1: .* 13 columns; a plate has 3, 4, 6, 8, 12, 24 or 48"),
        (",1,2,4\nA,x\nB\n", "line 1: .* has '4' above its column 3"),
        (",2,3,4\nA,x\nB\n", "has '2' above its column 1"),
        (",1,2,3,notes\nA,x\nB\n", "has 'notes' above its column 4"),
        (HEAD + "A,x\nC,y\n", "line 3: .* has 'C' where its row B was expected"),
        (HEAD + "A,x\nA,y\n", "line 3: .* has 'A' once more where its row B"),
        (HEAD + "B,x\nA,y\n", "line 2: .* has 'B' where its row A"),
        (HEAD + "A,x\n,y\n", "line 3: .* has no row letter"),
        (HEAD + "A,x\nB,y\nC,z\n", "line 4: .* 'C' below its last row; a plate with 3 columns has 2 rows, A to B"),
        (HEAD + "A,x\nB,1,2,3,4\n", "line 3: row B .* cells beside its 3 columns"),
        (HEAD + "A,\nB,\n", "2 x 3 wells, but all its cells are empty"),
        (HEAD + "A,x\nB,y\n\n" + HEAD + "A,x\n", "two grids called 'label', in lines 1 and 5"),
        ("one,1,2,3\nA,x\nB,y\n\nA,1,2,3\nB,x\n", r"line 5: A, 1, 2, \.\.\. belongs to no grid"),
        (
            text(grid({"A01": 1}, 2, 3, corner="one")) + "\n" + text(grid({"A01": 1}, 3, 4, corner="two")),
            "2 x 3 .one. and 3 x 4 .two.",
        ),
        (HEAD + "1,x\n2,y\n", "grid with the column numbers above and the row letters at the left"),
    ],
)
def test_what_is_no_grid(read: Read, lines: Rows | str, says: str) -> None:
    with pytest.raises(PlateMapError, match=says) as caught:
        read(lines)
    assert "map.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sheets_of_a_workbook(tmp_path: Path) -> None:
    sheets: dict[str, Rows] = {
        "Compound": grid({"A01": "Taxol"}, 16, 24),
        "Sheet2": grid({"A01": 5.0, "P24": 0.5}, 16, 24, title="Dose (nM)"),
        "Notes": [["made by hand"]],
    }
    plate_map = read_plate_map(save_workbook(tmp_path / "map.xlsx", sheets))
    assert plate_map.columns == ("compound", "concentration", "concentration_um", "unit")
    assert plate_map.conditions["A01"]["concentration_um"] == 0.005
    assert plate_map.conditions["P24"]["compound"] is None
    assert plate_map.warnings == ("map.xlsx has sheets without a grid, which are passed over: Notes.",)


def test_the_only_sheet_gives_no_name_and_a_first_sheet_of_rows_counts_alone(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "one.xlsx", {"Sheet1": grid({"A01": "x"})})
    assert read_plate_map(path).columns == ("label",)
    rows: Rows = [["Well", "Compound"], ["B2", "Taxol"]]
    path = save_workbook(tmp_path / "rows.xlsx", {"map": rows, "other": grid({"A01": "x"})})
    assert dict(read_plate_map(path).conditions) == {"B02": {"compound": "Taxol"}}
    path = save_workbook(tmp_path / "later.xlsx", {"read me": [["hello"]], "drug": grid({"A01": "x"})})
    assert dict(read_plate_map(path).conditions) == {"A01": {"compound": "x"}}


def test_a_bad_grid_in_a_workbook_names_its_sheet(tmp_path: Path) -> None:
    bad: Rows = [["", 1, 2, 3], ["A", 5], ["A", 6]]
    path = save_workbook(tmp_path / "map.xlsx", {"drug": grid({"A01": "x"}), "dose": bad})
    with pytest.raises(PlateMapError, match=r"map\.xlsx, sheet 'dose', line 3"):
        read_plate_map(path)


def test_wells_beyond_a_plate(read: Read) -> None:
    plate_map = read(grid({"A01": "x", "A13": "x", "P24": "y"}, 16, 24))
    assert plate_map.wells_beyond(8, 12) == ["A13", "P24"]
    assert plate_map.wells_beyond(16, 24) == []


# what a person may write into a cell; a number keeps its value, not its spelling
CELL = st.one_of(
    st.just(""),
    st.integers(-1000, 1000).map(str),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=6).map(lambda text: f"x{text}"),
    st.sampled_from(["a, b", "a; b", 'say "no"', "two\twords", "µM"]),
)


@st.composite
def maps(draw: st.DrawFn) -> tuple[tuple[int, int], dict[str, dict[str, str]]]:
    size = draw(st.sampled_from(STANDARD_PLATES[:-1]))
    wells = st.builds(well_name, st.integers(1, size[0]), st.integers(1, size[1]))
    names = draw(
        st.lists(st.sampled_from(["gene", "Batch", "dye (nm)", "day, hour", "x;y"]), min_size=1, max_size=3, unique=True)
    )
    return size, {name: draw(st.dictionaries(wells, CELL, min_size=1, max_size=12)) for name in names}


@given(case=maps(), titles=st.booleans(), kind=st.sampled_from([",", "\t", ";", "xlsx", "sheets"]))
@settings(max_examples=150)
def test_any_grids_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    case: tuple[tuple[int, int], dict[str, dict[str, str]]],
    titles: bool,
    kind: str,
) -> None:
    size, values = case
    blocks = {
        name: grid(cells, *size, title=name) if titles else grid(cells, *size, corner=name) for name, cells in values.items()
    }
    together: Rows = [line for lines in blocks.values() for line in [*lines, []]]
    folder = tmp_path_factory.getbasetemp()
    if kind in ("xlsx", "sheets"):
        sheets = blocks if kind == "sheets" else {"all": together}
        path = save_workbook(folder / "any.xlsx", {f"{number}": lines for number, lines in enumerate(sheets.values())})
    else:
        path = folder / "any.csv"
        path.write_text(text(together, kind), encoding="utf-8", newline="")
    wells = {well for cells in values.values() for well, cell in cells.items() if cell}
    if not wells:
        with pytest.raises(PlateMapError, match="all its cells are empty"):
            read_plate_map(path)
        return
    plate_map = read_plate_map(path)
    assert plate_map.columns == tuple(values)
    assert set(plate_map.conditions) == wells
    for well, condition in plate_map.conditions.items():
        assert {name: "" if value is None else str(value) for name, value in condition.items()} == {
            name: cells.get(well, "") for name, cells in values.items()
        }


@given(
    content=st.binary(max_size=200),
    head=st.sampled_from([b"", b",1,2,3\nA,", b"PK\x03\x04", b"\xff\xfe,\x001\x00", b"x;1;2;3\nA;"]),
)
@settings(max_examples=300)
def test_any_bytes_are_a_plate_map_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(head + content)
    check_outcome(path)


PIECE = st.sampled_from(
    ["1", "2", "3", "4", "A", "B", "C", ",", ",", "\n", "\n", ";", "x", '"', "label", ",1,2,3\nA,", "\nB,", "NA"]
)


@given(pieces=st.lists(PIECE, max_size=40))
@settings(max_examples=500)
def test_any_pieces_of_grids_are_a_plate_map_or_one_line(tmp_path_factory: pytest.TempPathFactory, pieces: Sequence[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.csv"
    path.write_text("".join(pieces))
    check_outcome(path)


@given(damages=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=100)
def test_a_damaged_workbook_is_a_plate_map_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, damages: Sequence[tuple[float, int]]
) -> None:
    path = save_workbook(tmp_path_factory.getbasetemp() / "damaged.xlsx", {"a": grid({"A01": "x"}), "b": grid({"A01": "y"})})
    content = bytearray(path.read_bytes())
    for place, byte in damages:
        content[int(place * len(content))] = byte
    path.write_bytes(content)
    check_outcome(path)


def check_outcome(path: Path) -> None:
    try:
        plate_map = read_plate_map(path)
    except PlateMapError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
        return
    assert plate_map.conditions
    assert all(set(condition) == set(plate_map.columns) for condition in plate_map.conditions.values())
