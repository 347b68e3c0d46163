"""What is in each well: compound, concentration, role, labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_mid.errors import PlateMapError, WellError
from napari_mid.plates._grid import grid_table
from napari_mid.plates._tables import (
    COLUMN,
    PLATE,
    ROW,
    WELL,
    Table,
    TableFile,
    column_called,
    header_cells,
    long_table,
    open_table,
    plain_name,
)
from napari_mid.plates.well_names import well_name, well_position

#: Roles of wells that are understood.
WELL_ROLES = ("negative_control", "positive_control", "sample", "empty")


@dataclass(frozen=True)
class PlateMap:
    """The conditions of a plate's wells.

    Parameters
    ----------
    path
        Where it was read from.
    columns
        Names of the columns other than the well, in the file's order; ``concentration_um`` is added where the unit is known.
        The four that are understood are called ``compound``, ``concentration``, ``unit`` and ``role``, however the file spells
        them.
    conditions
        ``{"B03": {"compound": "Taxol", "concentration": 0.98, "unit": "nM", "concentration_um": 0.00098, "role": "sample"}}``;
        an empty cell of the table is None.
    warnings
        What a person should know, one sentence each.
    """

    path: Path
    columns: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...] = ()

    def find_column(self, name: str) -> str:
        """The column that `name` means: upper and lower case and a leading ``Metadata_`` are the same.

        Raises
        ------
        PlateMapError
            If there is none.
        """
        if name in self.columns:
            return name
        wanted = _UNDERSTOOD.get(plain_name(name), name)
        for column in self.columns:
            if column == wanted or plain_name(column) == plain_name(name):
                return column
        raise PlateMapError(f"{self.path} has no column {name!r}; its columns are {', '.join(self.columns)}.")

    def wells_beyond(self, rows: int, columns: int) -> list[str]:
        """The wells that a plate of `rows` x `columns` cannot have, such as P24 where there are 8 x 12."""
        positions = {well: well_position(well) for well in self.conditions}
        return [well for well, (row, column) in positions.items() if row > rows or column > columns]


_UNDERSTOOD = {
    **dict.fromkeys(("compound", "compoundname", "drug"), "compound"),
    **dict.fromkeys(("concentration", "conc", "dose"), "concentration"),
    **dict.fromkeys(("unit", "units", "concentrationunit", "concentrationunits", "doseunit"), "unit"),
    **dict.fromkeys(("role", "wellrole", "welltype", "controltype"), "role"),
}

#: Columns that stay text: a compound may be called 1234.
_TEXTS = ("compound", "unit", "role")

_UM_DIVISOR = {"pm": 1e6, "nm": 1e3, "µm": 1.0, "um": 1.0, "mm": 1e-3, "m": 1e-6}
_HEADER_UNIT = re.compile(r"(concentration|conc|dose)[\s_]*[\[(]?\s*(pM|nM|uM|µM|μM|mM|M|um|nm)\s*[\])]?", re.IGNORECASE)

_ROLE_WORDS = {
    **dict.fromkeys(
        (
            "negativecontrol",
            "negative",
            "neg",
            "negcon",
            "negctrl",
            "negcontrol",
            "nc",
            "vehicle",
            "vehiclecontrol",
            "dmso",
            "untreated",
        ),
        "negative_control",
    ),
    **dict.fromkeys(("positivecontrol", "positive", "pos", "poscon", "posctrl", "poscontrol", "pc"), "positive_control"),
    **dict.fromkeys(("sample", "samples", "compound", "treated", "treatment", "trt", "test"), "sample"),
    **dict.fromkeys(("empty", "blank", "unused"), "empty"),
}


def read_plate_map(path: Path | str, *, plate: str | None = None) -> PlateMap:
    """Read a plate map: CSV, TSV or XLSX, with a row per well or as grids with the shape of the plate.

    Parameters
    ----------
    path
        The file. With a row per well, the wells stand in a column ``well``, ``Metadata_Well`` or ``well_position``, or in a row
        and a column column. A grid has the column numbers 1, 2, 3, ... above and the row letters A, B, C, ... at the left, for a
        plate of 6 to 1,536 wells; several grids stand below each other or in several sheets, each with the name of what it
        holds in its top left cell or alone in the line above. A grid without a name is called like its sheet where the workbook
        has several, else ``label``. Wells whose cells are all empty are not in the map.
    plate
        Name of the plate; where the file has a plate column with several plates, only this one's rows count.

    Raises
    ------
    PlateMapError
        If it cannot be read, has no wells, names a well that does not exist, names a well twice with different contents, or has
        a grid that is not that of a standard plate.
    """
    file = open_table(Path(path))
    return plate_map_of((None if _is_long(file) else grid_table(file)) or long_table(file), plate)


def plate_map_of(table: Table, plate: str | None = None) -> PlateMap:
    """The plate map in a table with a row per well; parameters and errors are those of `read_plate_map`."""
    warnings = list(table.warnings)
    rows = _rows_of_plate(table, plate)
    wells = _wells(table, rows)
    columns, values = _columns(table, [row for row, _ in wells])
    conditions: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    for index, (row, well) in enumerate(wells):
        condition = {column: values[column][index] for column in columns}
        if well in conditions and conditions[well] != condition:
            raise PlateMapError(
                f"{table.path} names well {well} in lines {lines[well]} and {table.lines[row]} with different contents; "
                "keep one line per well."
            )
        conditions[well] = condition
        lines.setdefault(well, table.lines[row])
    warnings += _add_concentration_um(conditions, columns, table)
    warnings += _normalise_roles(conditions, columns)
    ordered = {well: {column: conditions[well][column] for column in columns} for well in sorted(conditions, key=well_position)}
    return PlateMap(table.path, tuple(columns), ordered, tuple(warnings))


def _is_long(file: TableFile) -> bool:
    """Whether the first line with content is the header of a table with a row per well."""
    headers = next((header_cells(cells) for _, cells in file.first.rows if any(cells)), [])
    return not any(header.isdecimal() for header in headers) and (
        column_called(headers, WELL) is not None
        or (column_called(headers, ROW) is not None and column_called(headers, COLUMN) is not None)
    )


def _rows_of_plate(table: Table, plate: str | None) -> list[int]:
    rows = list(range(len(table.lines)))
    column = column_called(table.headers, PLATE)
    if column is None or plate is None:
        return rows
    plates = {table.cells[column][row] for row in rows} - {""}
    if len(plates) < 2:
        return rows
    if plate not in plates:
        some = ", ".join(map(repr, sorted(plates)[:3]))
        raise PlateMapError(f"{table.path} is about {len(plates)} plates ({some}, ...), and {plate!r} is not one of them.")
    return [row for row in rows if table.cells[column][row] == plate]


def _wells(table: Table, rows: list[int]) -> list[tuple[int, str]]:
    """The rows of the table and the well of each."""
    well = column_called(table.headers, WELL)
    row_column, column_column = column_called(table.headers, ROW), column_called(table.headers, COLUMN)
    found = []
    for row in rows:
        if well is not None:
            text = table.cells[well][row]
        elif row_column is not None and column_column is not None:
            text = _joined_well(table.cells[row_column][row], table.cells[column_column][row])
        else:
            raise PlateMapError(
                f"{table.path} has no column that names the well; expected 'well', or 'row' and 'column', or a grid with the "
                f"column numbers above and the row letters at the left, found {', '.join(table.headers[:8])}."
            )
        try:
            found.append((row, well_name(*well_position(text))))
        except WellError as error:
            raise PlateMapError(f"{table.path}, line {table.lines[row]}: {error}") from None
    return found


def _joined_well(row: str, column: str) -> str:
    """``("B", "3")`` and ``("2", "3.0")`` as ``"B3"``."""
    column = re.sub(r"\.0+$", "", column)
    row = re.sub(r"\.0+$", "", row)
    if row.isdecimal() and row.isascii() and 1 <= int(row[:4]) <= 32:
        row = well_name(int(row), 1)[:-2]
    return f"{row}{column}"


def _columns(table: Table, rows: list[int]) -> tuple[list[str], dict[str, list[Any]]]:
    """Columns other than those that name the well, under the names that are understood, with typed values for `rows`."""
    well = column_called(table.headers, WELL)
    taken = {well} if well is not None else {column_called(table.headers, ROW), column_called(table.headers, COLUMN)}
    names: dict[str, str] = {}
    units: dict[str, str] = {}
    for header in table.headers:
        if header in taken:
            continue
        unit = _HEADER_UNIT.fullmatch(re.sub(r"^metadata_", "", header.strip(), flags=re.IGNORECASE))
        name = "concentration" if unit and header != "concentration_um" else _UNDERSTOOD.get(plain_name(header), header)
        if name in names.values():
            name = header if header not in names.values() else f"{header} (2)"
        elif unit and name == "concentration":
            units[header] = unit.group(2)
        names[header] = name
    values: dict[str, list[Any]] = {}
    for header, name in names.items():
        values[name] = list(table.texts(header, rows)) if name in _TEXTS else table.values(header, rows)
    columns = list(values)
    for unit_text in units.values():
        if "unit" not in values:
            columns.insert(columns.index("concentration") + 1, "unit")
            values["unit"] = [unit_text if value is not None else None for value in values["concentration"]]
    return columns, values


def _add_concentration_um(conditions: dict[str, dict[str, Any]], columns: list[str], table: Table) -> list[str]:
    """Put ``concentration_um`` into `conditions` and `columns`; say what has no known unit."""
    if "concentration" not in columns or "concentration_um" in columns:
        return []
    unknown: dict[str, str] = {}
    no_number: list[str] = []
    for well, condition in conditions.items():
        value, unit = condition["concentration"], condition.get("unit")
        if isinstance(value, str):
            number = table.number(value)
            if number is None or number < 0:
                no_number.append(well)
            value = number
            condition["concentration"] = value
        divisor = _UM_DIVISOR.get(str(unit).strip().replace("μ", "µ").casefold().replace("μ", "µ")) if unit is not None else None
        if value is None:
            condition["concentration_um"] = None
        elif value == 0:
            condition["concentration_um"] = 0.0
        elif divisor is None:
            unknown[well] = str(unit) if unit is not None else ""
            condition["concentration_um"] = None
        else:
            condition["concentration_um"] = float(f"{value / divisor:.15g}")
    columns.insert(columns.index("concentration") + 1, "concentration_um")
    return _concentration_warnings(table.path, unknown, no_number)


def _concentration_warnings(path: Path, unknown: dict[str, str], no_number: list[str]) -> list[str]:
    warnings = []
    if unknown:
        units = sorted(set(unknown.values()))
        found = f"the unit {units[0]!r}" if units[0] else "no unit"
        warnings.append(
            f"{path.name} gives {len(unknown)} wells ({next(iter(unknown))}, ...) a concentration with {found}; expected nM, uM, "
            "mM or M, so their concentration in µM is unknown."
        )
    if no_number:
        warnings.append(f"{path.name} gives {len(no_number)} wells ({no_number[0]}, ...) a concentration that is no number.")
    return warnings


def _normalise_roles(conditions: dict[str, dict[str, Any]], columns: list[str]) -> list[str]:
    if "role" not in columns:
        return []
    unknown = set()
    for condition in conditions.values():
        role = condition["role"]
        if role is None:
            continue
        known = _ROLE_WORDS.get(plain_name(str(role)))
        if known is None:
            unknown.add(str(role))
        else:
            condition["role"] = known
    if not unknown:
        return []
    return [f"The roles {', '.join(sorted(unknown)[:3])} are kept but not understood; known are {', '.join(WELL_ROLES)}."]
