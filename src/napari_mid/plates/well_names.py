"""Names of wells: ``"B03"`` is row 2, column 3."""

from __future__ import annotations

import re
from collections.abc import Iterable

from napari_mid.errors import WellError

#: (rows, columns) of the standard formats, 6 to 1,536 wells.
STANDARD_PLATES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))


def well_name(row: int, column: int) -> str:
    """The name of the well at 1-based `row` and `column`: ``(2, 3)`` is ``"B03"``, ``(27, 1)`` is ``"AA01"``."""
    letters = chr(ord("A") + row - 1) if row <= 26 else "A" + chr(ord("A") + row - 27)
    return f"{letters}{column:02d}"


def well_position(name: str) -> tuple[int, int]:
    """The 1-based (row, column) of a well: ``"a1"``, ``"A01"`` and ``"A001"`` are all ``(1, 1)``.

    Raises
    ------
    WellError
        If `name` is not a well of a plate of up to 32 x 48 wells.
    """
    match = re.fullmatch(r"(A?[A-Z])0*([1-9]\d?)", name.strip().upper())
    if match is None:
        raise WellError(f"{name!r} is not a well name; expected a row letter and a column number, such as B03.")
    letters, column = match.group(1), int(match.group(2))
    row = ord(letters) - ord("A") + 1 if len(letters) == 1 else 26 + ord(letters[1]) - ord("A") + 1
    if row > 32 or column > 48:
        raise WellError(f"{name!r} lies outside the largest plate of 32 rows (A-AF) and 48 columns.")
    return row, column


def standard_plate_size(positions: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """(rows, columns) of the smallest standard plate, 6 to 1,536 wells, that holds all 1-based `positions`."""
    positions = list(positions)
    last_row = max((row for row, _ in positions), default=1)
    last_column = max((column for _, column in positions), default=1)
    for rows, columns in STANDARD_PLATES:
        if last_row <= rows and last_column <= columns:
            return rows, columns
    raise WellError(f"Row {last_row}, column {last_column} lies outside the largest plate of 32 x 48 wells.")
