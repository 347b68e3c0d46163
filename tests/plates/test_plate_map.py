from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.errors import PlateMapError
from napari_mid.plates import open_plate
from napari_mid.plates.plate_map import PlateMap, read_plate_map

Write = Callable[..., Path]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., PlateMap]:
    def read(content: str | bytes, name: str = "map.csv", **options: str) -> PlateMap:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_plate_map(path, **options)

    return read


Read = Callable[..., PlateMap]


@pytest.mark.parametrize(
    "header", ["well", "Well", "WELL", "Metadata_Well", "well_position", "Metadata_well_position", "Well ID"]
)
def test_the_well_column(read: Read, header: str) -> None:
    assert list(read(f"{header},x\nB3,1\na001,2\n").conditions) == ["A01", "B03"]


@pytest.mark.parametrize("header", ["row,column", "Row,Col", "WellRow,WellCol", "Metadata_Row,Metadata_Column"])
@pytest.mark.parametrize("row", ["B", "b", "2", "2.0"])
def test_row_and_column(read: Read, header: str, row: str) -> None:
    plate_map = read(f"{header},x\n{row},03,1\n")
    assert dict(plate_map.conditions) == {"B03": {"x": 1}}


def test_numbers_texts_and_empty_cells(read: Read) -> None:
    plate_map = read("well,a,b,c,d\nA1,1,0.5,x,0012\nA2,,1e-3,,0013\n")
    assert plate_map.conditions["A01"] == {"a": 1, "b": 0.5, "c": "x", "d": "0012"}
    assert plate_map.conditions["A02"] == {"a": None, "b": 0.001, "c": None, "d": "0013"}
    assert isinstance(plate_map.conditions["A01"]["a"], int)
    assert plate_map.columns == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("nM", 0.25), ("uM", 250.0), ("\u00b5M", 250.0), ("\u03bcM", 250.0), ("UM", 250.0), ("mM", 250_000.0), ("M", 250e6)],
)
def test_units(read: Read, unit: str, expected: float) -> None:
    plate_map = read(f"well,Concentration,Unit\nA1,250,{unit}\n")
    assert plate_map.conditions["A01"] == {"concentration": 250, "concentration_um": expected, "unit": unit}
    assert plate_map.columns == ("concentration", "concentration_um", "unit")
    assert plate_map.warnings == ()


def test_a_unit_in_the_header(read: Read) -> None:
    plate_map = read("well,Dose (nM)\nA1,250\n")
    assert plate_map.conditions["A01"] == {"concentration": 250, "unit": "nM", "concentration_um": 0.25}


def test_an_unknown_unit_warns_and_zero_needs_none(read: Read) -> None:
    plate_map = read("well,concentration,unit\nA1,5,mg/ml\nA2,0,\n")
    assert plate_map.conditions["A01"]["concentration_um"] is None
    assert plate_map.conditions["A02"]["concentration_um"] == 0
    assert any("mg/ml" in warning for warning in plate_map.warnings)


def test_a_concentration_that_is_no_number_warns(read: Read) -> None:
    plate_map = read("well,concentration,unit\nA1,5,nM\nA2,high,nM\n")
    assert plate_map.conditions["A01"]["concentration"] == 5
    assert plate_map.conditions["A02"]["concentration"] is None
    assert any("no number" in warning for warning in plate_map.warnings)


@pytest.mark.parametrize(
    ("written", "role"),
    [
        ("negative_control", "negative_control"),
        ("Negative Control", "negative_control"),
        ("negcon", "negative_control"),
        ("DMSO", "negative_control"),
        ("poscon", "positive_control"),
        ("Positive", "positive_control"),
        ("trt", "sample"),
        ("Empty", "empty"),
    ],
)
def test_roles(read: Read, written: str, role: str) -> None:
    assert read(f"well,Metadata_Role\nA1,{written}\n").conditions["A01"] == {"role": role}


def test_an_unknown_role_is_kept_with_a_warning(read: Read) -> None:
    plate_map = read("well,role\nA1,reference\n")
    assert plate_map.conditions["A01"]["role"] == "reference"
    assert "reference" in plate_map.warnings[0]


def test_columns_are_found_however_they_are_spelt(read: Read) -> None:
    plate_map = read("well,Metadata_Role,Gene_Name\nA1,sample,x\n")
    assert plate_map.find_column("Metadata_Role") == plate_map.find_column("role") == "role"
    assert plate_map.find_column("gene_name") == "Gene_Name"
    with pytest.raises(PlateMapError, match="Gene_Name"):
        plate_map.find_column("dose")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"well\tcompound\nA1\tx, y\n", "map.tsv"),
        (b"well;compound\nA1;x, y\n", "map.csv"),
        (b'well,compound\nA1,"x, y"\n', "map.csv"),
        ('\ufeffwell,compound\r\nA1,"x, y"\r\n\r\n'.encode(), "map.csv"),
        ("well\tcompound\nA1\tx, y\n".encode("utf-16"), "map.txt"),
    ],
)
def test_delimiters_and_encodings(read: Read, content: bytes, name: str) -> None:
    plate_map = read(content, name)
    assert dict(plate_map.conditions) == {"A01": {"compound": "x, y"}}
    assert plate_map.warnings == ()


def test_decimal_commas(read: Read) -> None:
    assert read("well;concentration;unit\nA1;0,98;nM\n").conditions["A01"]["concentration_um"] == pytest.approx(0.00098)


def test_text_that_is_not_utf8_is_read_with_a_warning(read: Read) -> None:
    plate_map = read("well,concentration,unit\nA1,2,µM\n".encode("cp1252"))
    assert plate_map.conditions["A01"]["concentration_um"] == 2
    assert "Windows-1252" in plate_map.warnings[0]


def test_a_workbook(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [
        ("Well", "Compound", "Concentration", "Unit", "Batch"),
        ("B3", "Taxol", 0.5, "nM", 7),
        ("A1", None, None, None, 8),
    ]:
        sheet.append(row)
    book.save(tmp_path / "map.xlsx")
    plate_map = read_plate_map(tmp_path / "map.xlsx")
    assert plate_map.conditions["B03"] == {
        "compound": "Taxol",
        "concentration": 0.5,
        "concentration_um": 0.0005,
        "unit": "nM",
        "Batch": 7,
    }
    assert plate_map.conditions["A01"]["compound"] is None


def test_a_map_of_several_plates(read: Read) -> None:
    content = "Metadata_Plate,well,x\np1,A1,1\np2,A1,2\n"
    assert read(content, plate="p2").conditions["A01"]["x"] == 2
    with pytest.raises(PlateMapError, match="'p1', 'p2'"):
        read(content, plate="p3")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("well,x\n", "no rows"),
        ("well,x\n,\n", "no rows"),
        ("a,b\n1,2\n", "names the well.*found a, b"),
        ("well,x\nA1,1\nA01,2\n", "A01 in lines 2 and 3"),
        ("well,x\nZZ9,1\n", "line 2: 'ZZ9'"),
        ("well,x\nA1,1\nTotal,9\n", "line 3: 'Total'"),
        ("row,column\nA,99\n", "line 2"),
        ("well,x\nA1,1,2,3\n", "line 2 .* 4 cells"),
        (b"\x00\x01\x02binary\x00", "binary"),
        (b"PK\x03\x04 no workbook", "not a readable XLSX"),
        (b"\xff\xfea", "UTF-16"),
        (b"\x89PNG\r\n\x1a\n\x00", "binary"),
    ],
)
def test_what_is_no_plate_map(read: Read, content: str | bytes, says: str) -> None:
    with pytest.raises(PlateMapError, match=says) as caught:
        read(content)
    assert "map.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lines_that_say_the_same_twice_are_no_error(read: Read) -> None:
    assert dict(read("well,x\nA1,1\nA01,1\n").conditions) == {"A01": {"x": 1}}


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(PlateMapError):
            read_plate_map(path)


def test_a_bad_map_that_was_found_warns_and_one_that_was_given_fails(write_images: Write) -> None:
    folder = write_images("x_A01_s1_w1.tif")
    (folder / "plate_map.csv").write_text("nonsense\n1\n")
    plate = open_plate(folder)
    assert plate.plate_map is None
    assert any("plate map is not used" in warning for warning in plate.warnings)
    with pytest.raises(PlateMapError):
        open_plate(folder, plate_map=folder / "plate_map.csv")


def test_a_map_of_other_wells_does_not_fit(write_images: Write, read: Read) -> None:
    folder = write_images("x_A01_s1_w1.tif", "x_A02_s1_w1.tif")
    with pytest.raises(PlateMapError, match="none of them"):
        open_plate(folder, plate_map=read("well,x\nH1,1\n"))
    plate = open_plate(folder, plate_map=read("well,x\nA1,1\n"))
    assert any("A02" in warning for warning in plate.warnings)
    assert plate.wells["A02"].condition == {}


def test_a_map_beside_harmonys_images_folder_is_found(write_harmony: Write) -> None:
    index = write_harmony([{"URL": "a.tiff"}])
    (index.parents[1] / "plate_map.tsv").write_text("well\tcompound\nA1\tTaxol\n")
    assert open_plate(index).wells["A01"].condition["compound"] == "Taxol"


def test_two_columns_of_one_meaning_are_both_kept(read: Read) -> None:
    plate_map = read("well,Compound,compound,drug\nA1,a,b,c\n")
    assert set(plate_map.conditions["A01"].values()) == {"a", "b", "c"}
    assert plate_map.conditions["A01"]["compound"] == "a"


ODD = st.text(st.sampled_from(list("wellrowcolumnconcentrationunitroleAB019.,;\t\"'\r\n nMµ-+eNone")), max_size=120)


@given(head=st.sampled_from(["", "well,", "well;concentration;unit\n", "row\tcolumn\tx\n", "well,role\nA1,"]), text=ODD)
@settings(max_examples=300)
def test_any_text_is_a_plate_map_or_one_line(tmp_path_factory: pytest.TempPathFactory, head: str, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes((head + text).encode())
    try:
        plate_map = read_plate_map(path)
    except PlateMapError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both outcomes are right
        return
    assert all(set(condition) == set(plate_map.columns) for condition in plate_map.conditions.values())
