"""Small tables that people made: CSV with any delimiter and encoding, TSV, XLSX."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from napari_mid.errors import PlateMapError

_NO_VALUE = frozenset({"", "na", "n/a", "nan", "#n/a", "null", "none"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
#: "0012" is an identifier, not a number.
_LEADING_ZERO = re.compile(r"[+-]?0\d")


@dataclass(frozen=True)
class Table:
    """A table as text.

    Parameters
    ----------
    path
        The file.
    cells
        Header to the stripped texts below it, ``""`` where empty; headers are unique.
    decimal_comma
        Whether ``0,98`` is a number.
    warnings
        What was odd about the file.
    """

    path: Path
    cells: dict[str, list[str]]
    decimal_comma: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        """Names of the columns."""
        return list(self.cells)

    @property
    def n_rows(self) -> int:
        """Rows below the header."""
        return len(next(iter(self.cells.values()), []))

    def line(self, row: int) -> int:
        """The line of the file on which the 0-based `row` stands."""
        return row + 2

    def is_empty(self, row: int) -> bool:
        """Whether no cell of the row says anything."""
        return not any(column[row] for column in self.cells.values())

    def number(self, text: str) -> int | float | None:
        """`text` as a number, or None where it is none."""
        if self.decimal_comma and text.count(",") == 1:
            text = text.replace(",", ".")
        if not _NUMBER.fullmatch(text):
            return None
        if re.fullmatch(r"[+-]?\d{1,18}", text):
            return int(text)
        value = float(text)
        return value if math.isfinite(value) else None

    def typed(self, texts: list[str]) -> list[int | float | str | None]:
        """Numbers where every text that is not empty is one, else the texts; empty ones become None."""
        values = [None if text.casefold() in _NO_VALUE else text for text in texts]
        given = [value for value in values if value is not None]
        if any(_LEADING_ZERO.match(value) for value in given) or any(self.number(value) is None for value in given):
            return list(values)
        return [None if value is None else self.number(value) for value in values]


def read_table(path: Path) -> Table:
    """Read a table whose first row is the header.

    Raises
    ------
    PlateMapError
        If it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PlateMapError(f"There is no plate map at {path}.") from None
    except OSError as error:
        raise PlateMapError(f"The plate map {path} cannot be read: {error.strerror}.") from error
    if not content.strip():
        raise PlateMapError(f"The plate map {path} is empty; expected a header and a row per well.")
    table = _from_workbook(path, content) if content.startswith(b"PK") else _from_text(path, content)
    if not table.cells or not table.n_rows:
        raise PlateMapError(f"The plate map {path} has no rows; expected a header and a row per well.")
    return table


def _from_workbook(path: Path, content: bytes) -> Table:
    import pandas as pd

    try:
        frame = pd.read_excel(io.BytesIO(content), dtype=object, engine="openpyxl", keep_default_na=False)
    except Exception as error:  # a damaged workbook makes openpyxl, zipfile or the XML parser raise whatever they meet
        raise PlateMapError(f"The plate map {path} is not a readable XLSX workbook ({_first_line(error)}).") from error
    cells = {str(header): [_text(value) for value in frame.iloc[:, i]] for i, header in enumerate(frame.columns)}
    return Table(path, _named(cells))


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _from_text(path: Path, content: bytes) -> Table:
    import pandas as pd

    text, warnings = _decoded(path, content)
    delimiter = _delimiter(path, text)
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
            index_col=False,
            on_bad_lines="error",
        )
    except Exception as error:  # pandas raises several kinds for text that is no table
        raise PlateMapError(f"The plate map {path} is not a readable table ({_first_line(error)}).") from error
    cells = {str(header): [_text(value) for value in frame.iloc[:, i]] for i, header in enumerate(frame.columns)}
    return Table(path, _named(cells), decimal_comma=delimiter != ",", warnings=tuple(warnings))


def _decoded(path: Path, content: bytes) -> tuple[str, list[str]]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), []
        except UnicodeDecodeError as error:
            raise PlateMapError(f"The plate map {path} is not readable UTF-16 text ({error.reason}).") from error
    if b"\0" in content:
        raise PlateMapError(f"The plate map {path} is a binary file; expected CSV, TSV or XLSX with a row per well.")
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        warning = f"{path.name} is not UTF-8 text; it was read as Windows-1252, so check signs such as µ."
        return content.decode("cp1252", errors="replace"), [warning]


def _delimiter(path: Path, text: str) -> str:
    """The delimiter that the header has most of; a tab where there is a tie and the file is called .tsv."""
    header = re.sub(r'"[^"]*"', "", text.lstrip().splitlines()[0])
    candidates = ["\t", ",", ";"] if path.suffix.casefold() == ".tsv" else [",", "\t", ";"]
    return max(candidates, key=header.count)


def _named(cells: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without the nameless columns that hold nothing, such as the index a program wrote or a trailing delimiter."""
    return {header.strip(): texts for header, texts in cells.items() if not (header.startswith("Unnamed:") and not any(texts[:]))}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
