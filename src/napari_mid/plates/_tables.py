"""Small tables that people made: CSV with any delimiter and encoding, TSV, XLSX."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_mid.errors import PlateMapError

#: Texts of an empty cell; not "none" or "null", which may be a treatment or a genotype.
NO_VALUE = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "#N/A"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
#: "0012" is an identifier, not a number.
_LEADING_ZERO = re.compile(r"[+-]?0\d")


#: What a table calls the well, its row, its column and its plate, as `plain_name` spells them.
WELL = ("well", "wellposition", "wellid", "wellname")
ROW = ("row", "wellrow", "platerow")
COLUMN = ("column", "col", "wellcolumn", "wellcol", "platecolumn", "platecol")
PLATE = ("plate", "plateid", "platename", "barcode", "platebarcode", "assayplatebarcode")

#: The line of the file and the stripped texts of its cells.
Row = tuple[int, list[str]]


def plain_name(name: str) -> str:
    """``"Metadata_Well Position"`` as ``"wellposition"``."""
    return re.sub(r"[\W_]+", "", re.sub(r"^metadata_", "", name.strip().casefold()))


def column_called(headers: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of `headers` that has the first possible of the plain `names`."""
    plain = {plain_name(header): header for header in reversed(headers)}
    return next((plain[name] for name in names if name in plain), None)


@dataclass(frozen=True)
class Sheet:
    """The lines of a text file or of a sheet of a workbook, empty ones too."""

    name: str
    rows: list[Row]
    decimal_comma: bool = False


@dataclass(frozen=True)
class TableFile:
    """A file that may hold a table or grids.

    Parameters
    ----------
    path
        The file.
    first
        Its lines, or those of the first sheet of a workbook.
    further
        Gives all sheets of a workbook, or the lines of a text as they are with other delimiters, each alone.
    warnings
        What was odd about the file.
    """

    path: Path
    first: Sheet
    further: Callable[[], Iterator[list[Sheet]]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table as text.

    Parameters
    ----------
    path
        The file.
    cells
        Header to the stripped texts below it, ``""`` where empty.
    lines
        The line of the file on which each row stands.
    decimal_comma
        Whether ``0,98`` is a number.
    warnings
        What was odd about the file.
    """

    path: Path
    cells: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        """Names of the columns."""
        return list(self.cells)

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

    def texts(self, header: str, rows: Sequence[int]) -> list[str | None]:
        """The cells of a column in `rows`; empty ones become None."""
        column = self.cells[header]
        return [None if column[row] in NO_VALUE else column[row] for row in rows]

    def values(self, header: str, rows: Sequence[int]) -> list[int | float | str | None]:
        """Like `texts`, but as numbers where every cell that is not empty is one."""
        texts = self.texts(header, rows)
        given = [text for text in texts if text is not None]
        if any(_LEADING_ZERO.match(text) and text.isdecimal() for text in given) or any(
            self.number(text) is None for text in given
        ):
            return list(texts)
        return [None if text is None else self.number(text) for text in texts]


def open_table(path: Path) -> TableFile:
    """Read the lines of a CSV, TSV or XLSX file.

    Raises
    ------
    PlateMapError
        If it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PlateMapError(f"There is no plate map at {path}.") from None
    except (OSError, ValueError) as error:
        raise PlateMapError(f"The plate map {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not content.strip():
        raise PlateMapError(f"The plate map {path} is empty; expected a header and a row per well, or a grid.")
    if content.startswith(b"PK"):
        return _workbook(path, content)
    text, warnings = _decoded(path, content)
    delimiter = _delimiter(path, text)

    def further() -> Iterator[list[Sheet]]:
        for other in (",", "\t", ";"):
            if other != delimiter:
                with suppress(PlateMapError):
                    yield [_text_sheet(path, text, other)]

    return TableFile(path, _text_sheet(path, text, delimiter), further, tuple(warnings))


def long_table(file: TableFile) -> Table:
    """The table whose first line with content is the header; empty lines are passed over.

    Raises
    ------
    PlateMapError
        If it has no rows, or a row is longer than the header.
    """
    path = file.path
    rows = [(line, cells) for line, cells in file.first.rows if any(cells)]
    if len(rows) < 2:
        raise PlateMapError(f"The plate map {path} has no rows; expected a header and a row per well, or a grid.")
    headers = header_cells(rows[0][1])
    twice = [name for name, count in Counter(filter(None, headers)).items() if count > 1]
    if twice:
        raise PlateMapError(f"The plate map {path} has two columns called {twice[0]!r}; give each its own name.")
    for line, cells in rows[1:]:
        if any(cells[len(headers) :]):
            raise PlateMapError(
                f"The plate map {path} is not a proper table: line {line} has {len(cells)} cells, the header {len(headers)}; "
                "text with a delimiter in it needs quotes."
            )
    # a nameless column is the row number that a program wrote
    columns = {name: [cells[i] if i < len(cells) else "" for _, cells in rows[1:]] for i, name in enumerate(headers) if name}
    return Table(path, columns, [line for line, _ in rows[1:]], file.first.decimal_comma, file.warnings)


def header_cells(cells: Sequence[str]) -> list[str]:
    """The names in a header; one that a person wrapped in a spreadsheet is still one line."""
    headers = [" ".join(cell.split()) for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    return headers


def _workbook(path: Path, content: bytes) -> TableFile:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as error:  # a damaged workbook makes openpyxl, zipfile or the XML parser raise whatever they meet
        raise _bad_workbook(path, error) from error

    def sheet(number: int) -> Sheet:
        try:
            page = book.worksheets[number]
            lines = enumerate(page.iter_rows(values_only=True), start=1)
            return Sheet(str(page.title), [(line, [_text(value) for value in row]) for line, row in lines])
        except Exception as error:
            raise _bad_workbook(path, error) from error

    def further() -> Iterator[list[Sheet]]:
        if len(book.worksheets) > 1:
            yield [sheet(number) for number in range(len(book.worksheets))]

    return TableFile(path, sheet(0), further)


def _bad_workbook(path: Path, error: Exception) -> PlateMapError:
    return PlateMapError(f"The plate map {path} is not a readable XLSX workbook ({_first_line(error)}).")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _text_sheet(path: Path, text: str, delimiter: str) -> Sheet:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise PlateMapError(f"The plate map {path} is not a readable table (line {reader.line_num}: {error}).") from error
    return Sheet("", rows, decimal_comma=delimiter != ",")


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
    header = re.sub(r'"[^"]*"', "", (text.strip().splitlines() or [""])[0])
    candidates = ["\t", ",", ";"] if path.suffix.casefold() == ".tsv" else [",", "\t", ";"]
    return max(candidates, key=header.count)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
