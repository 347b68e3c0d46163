"""Plate maps drawn as the plate: column numbers above, row letters at the left, a value in each cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.errors import PlateMapError
from napari_mid.plates._tables import COLUMN, NO_VALUE, PLATE, ROW, WELL, Row, Sheet, Table, TableFile, plain_name
from napari_mid.plates.folder import examples
from napari_mid.plates.well_names import STANDARD_PLATES, well_name

#: Column of a grid that nothing gives a name.
UNNAMED = "label"

_ROWS_BY_COLUMNS = {columns: rows for rows, columns in STANDARD_PLATES}
_LETTERS = [well_name(row, 1)[:-2] for row in range(1, STANDARD_PLATES[-1][0] + 1)]
_WHOLE = re.compile(r"0*([1-9]\d{0,3})(?:\.0+)?")
#: A corner or title with one of these says what the labels are, not what is in the cells.
_NO_NAME = {"", "rows", "columns", "wells", "rowcolumn", "rowcol", *WELL, *ROW, *COLUMN, *PLATE}


@dataclass
class _Grid:
    """A grid in a sheet; `values` by well, `lines` by well too."""

    name: str
    line: int
    columns: int
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    n_rows: int = 0


def grid_table(file: TableFile) -> Table | None:
    """The grids in a file as a table with a row per well and the column ``well``, or None where it has no grid.

    Raises
    ------
    PlateMapError
        If a grid is not that of a standard plate, two have no name or the same, or they differ in size.
    """
    for sheets in _readings(file):
        found = [(sheet, reader) for sheet in sheets if (reader := _SheetReader(file.path, sheet, alone=len(sheets) == 1)).grids]
        if found:
            warnings = list(file.warnings)
            for _, reader in found:
                warnings += reader.warnings
            passed = [sheet.name for sheet in sheets if sheet.name not in {with_grid.name for with_grid, _ in found}]
            if passed:
                warnings.append(f"{file.path.name} has sheets without a grid, which are passed over: {examples(passed)}.")
            grids = [grid for _, reader in found for grid in reader.grids]
            return _joined(file.path, grids, found[0][0].decimal_comma, warnings)
    return None


def _readings(file: TableFile) -> Iterator[list[Sheet]]:
    """What may hold grids: a workbook with all its sheets, or a text with one delimiter after the other."""
    if file.first.name:
        yield next(file.further(), [file.first])
    else:
        yield [file.first]
        yield from file.further()


def _joined(path: Path, grids: list[_Grid], decimal_comma: bool, warnings: list[str]) -> Table:
    names: dict[str, _Grid] = {}
    for grid in grids:
        other = names.setdefault(grid.name.casefold(), grid)
        if other is not grid:
            raise PlateMapError(
                f"The plate map {path} has two grids called {grid.name!r}, in lines {other.line} and {grid.line}; write what "
                "each holds into its top left cell or alone into the line above."
            )
    sizes = {grid.columns: grid for grid in grids}
    if len(sizes) > 1:
        about = " and ".join(f"{_ROWS_BY_COLUMNS[size]} x {size} ({grid.name})" for size, grid in sorted(sizes.items()))
        raise PlateMapError(f"The plate map {path} has grids of different plates, {about}; keep one plate in a file.")
    size = grids[0].columns
    lacking = [f"{grid.name} ends with row {_LETTERS[grid.n_rows - 1]}" for grid in grids if grid.n_rows < _ROWS_BY_COLUMNS[size]]
    if lacking:
        warnings.append(
            f"{path.name} has grids without all rows of a plate of {_ROWS_BY_COLUMNS[size]} x {size}: {examples(lacking)}."
        )
    wells = [well_name(row, column) for row in range(1, _ROWS_BY_COLUMNS[size] + 1) for column in range(1, size + 1)]
    filled = [well for well in wells if any(grid.values.get(well, "") not in NO_VALUE for grid in grids)]
    if not filled:
        raise PlateMapError(
            f"The plate map {path} has a grid of {_ROWS_BY_COLUMNS[size]} x {size} wells, but all its cells are empty."
        )
    cells = {"well": filled, **{grid.name: [grid.values.get(well, "") for well in filled] for grid in grids}}
    lines = [next(grid.lines[well] for grid in grids if well in grid.lines) for well in filled]
    return Table(path, cells, lines, decimal_comma, tuple(warnings))


class _SheetReader:
    """Finds the grids of a sheet and what stands between them."""

    def __init__(self, path: Path, sheet: Sheet, *, alone: bool) -> None:
        self.path = path
        self.sheet = sheet
        self.rows = sheet.rows
        self.grids: list[_Grid] = []
        self.warnings: list[str] = []
        self._default = UNNAMED if alone else sheet.name.strip() or UNNAMED
        strays = self._walk()
        if self.grids:
            self._check_strays(strays)

    def _walk(self) -> list[int]:
        """Read the grids; gives the lines that belong to none."""
        strays: list[int] = []
        at = 0
        while at < len(self.rows):
            first = self._first_column(at)
            if first is None:
                if any(self.rows[at][1]):
                    strays.append(at)
                at += 1
                continue
            title = ""
            if strays and strays[-1] == at - 1 and len(_texts(self.rows[at - 1])) == 1:
                title = _texts(self.rows[at - 1])[0]
            corner = self.rows[at][1][first - 1] if first else ""
            name = _name(corner) or _name(title)
            if name and not _name(corner):
                strays.pop()
            at = self._read_grid(at, first, name or self._default)
        return strays

    def _first_column(self, at: int) -> int | None:
        """Where the column numbers begin, if the line is the top of a grid: mostly whole numbers, and below it a row letter."""
        if at + 1 >= len(self.rows):
            return None
        cells = self.rows[at][1]
        first = next((i for i, cell in enumerate(cells) if _WHOLE.fullmatch(cell)), None)
        if first is None or any(cells[: max(first - 1, 0)]):
            return None
        # a row of values has a letter there; a program that writes no corner has numbers from the first cell on
        corner = cells[first - 1] if first else ""
        below = self.rows[at + 1][1]
        label = max(first - 1, 0)
        if _is_letters(corner) or any(below[:label]) or not _is_letters(below[label] if label < len(below) else ""):
            return None
        given = [cell for cell in cells[first:] if cell]
        whole = sum(_WHOLE.fullmatch(cell) is not None for cell in given)
        return first if whole >= 3 and 4 * whole >= 3 * len(given) else None

    def _read_grid(self, at: int, first: int, name: str) -> int:
        """Read the grid whose top is line `at`; gives the first line after it."""
        line, cells = self.rows[at]
        grid = _Grid(name, line, self._count_columns(line, name, cells[first:]))
        label, first = max(first - 1, 0), max(first, 1)
        at += 1
        while at < len(self.rows) and any(self.rows[at][1]):
            line, cells = self.rows[at]
            letters = cells[label].upper() if label < len(cells) else ""
            expected = _LETTERS[grid.n_rows] if grid.n_rows < _ROWS_BY_COLUMNS[grid.columns] else None
            if letters != expected or expected is None:
                # the next grid, or its title, follows without an empty line between
                if self._first_column(at) is not None or (
                    len(_texts((line, cells))) == 1 and self._first_column(at + 1) is not None
                ):
                    break
                raise PlateMapError(self._wrong_row(grid, line, letters, expected))
            if any(cells[:label]) or any(cells[first + grid.columns :]):
                raise PlateMapError(
                    f"{self._place(line)}: row {letters} of the grid {name!r} has cells beside its {grid.columns} columns; text "
                    "with a delimiter in it needs quotes, and other tables a file of their own."
                )
            grid.n_rows += 1
            for column in range(1, grid.columns + 1):
                well, index = well_name(grid.n_rows, column), first + column - 1
                grid.values[well] = cells[index] if index < len(cells) else ""
                grid.lines[well] = line
            at += 1
        self.grids.append(grid)
        return at

    def _count_columns(self, line: int, name: str, cells: list[str]) -> int:
        while not cells[-1]:
            cells = cells[:-1]
        for number, cell in enumerate(cells, start=1):
            match = _WHOLE.fullmatch(cell)
            if match is None or int(match[1]) != number:
                raise PlateMapError(
                    f"{self._place(line)}: the grid {name!r} has {cell!r} above its column {number}; expected the numbers 1, 2, "
                    "3, ... in order, and the cells of wells that are not used left empty."
                )
        if len(cells) not in _ROWS_BY_COLUMNS:
            raise PlateMapError(
                f"{self._place(line)}: the grid {name!r} has {len(cells)} columns; a plate has "
                f"{', '.join(map(str, list(_ROWS_BY_COLUMNS)[:-1]))} or {list(_ROWS_BY_COLUMNS)[-1]}."
            )
        return len(cells)

    def _wrong_row(self, grid: _Grid, line: int, letters: str, expected: str | None) -> str:
        found = repr(letters[:20]) if letters else "no row letter"
        if expected is None:
            rows = _ROWS_BY_COLUMNS[grid.columns]
            return (
                f"{self._place(line)}: the grid {grid.name!r} has {found} below its last row; a plate with {grid.columns} "
                f"columns has {rows} rows, A to {_LETTERS[rows - 1]}, and an empty line after them."
            )
        again = " once more" if letters in _LETTERS[: grid.n_rows] else ""
        return (
            f"{self._place(line)}: the grid {grid.name!r} has {found}{again} where its row {expected} was expected; rows go from "
            "A on in order, and an empty line ends a grid."
        )

    def _check_strays(self, strays: list[int]) -> None:
        for at in strays:
            texts = _texts(self.rows[at])
            if len(texts) > 2:
                raise PlateMapError(
                    f"{self._place(self.rows[at][0])}: {', '.join(texts[:3])}, ... belongs to no grid; a grid begins with the "
                    "column numbers 1, 2, 3, ... above the row A, and other tables need a file of their own."
                )
        if strays:
            notes = [" ".join(_texts(self.rows[at]))[:60] for at in strays]
            self.warnings.append(f"{self.path.name} has text outside its grids, which is passed over: {examples(notes)}.")

    def _place(self, line: int) -> str:
        return f"{self.path}, {f'sheet {self.sheet.name!r}, ' if self.sheet.name else ''}line {line}"


def _texts(row: Row) -> list[str]:
    return [" ".join(cell.split()) for cell in row[1] if cell]


def _is_letters(text: str) -> bool:
    return text.upper() in _LETTERS


def _name(text: str) -> str:
    """The name in a corner or title, ``""`` where it has none."""
    name = " ".join(text.split()).rstrip(":").strip()
    return "" if plain_name(name) in _NO_NAME else name
