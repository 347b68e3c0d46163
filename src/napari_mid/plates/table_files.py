"""Tables that programs write, such as CellProfiler: CSV with any delimiter and encoding, and Parquet, one row at a time."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_mid.errors import WellError
from napari_mid.plates.well_names import well_name, well_position

#: What tables call the plate, the well and so on, after ``Metadata_``, in lower case.
PLATE = ("plate", "plateid", "plate_id", "plate_name", "barcode", "assay_plate_barcode")
WELL = ("well", "wellid", "well_id", "well_position")
ROW = ("row", "wellrow")
COLUMN = ("col", "column", "wellcol", "wellcolumn")
SITE = ("site", "field", "fieldid", "fov", "siteid", "field_id")
FOCAL_PLANE = ("z", "planeid", "plane", "zplane", "zstep", "zslice")
TIME = ("t", "timepoint", "timepointid", "time", "time_point")

PARQUET_SUFFIXES = (".parquet", ".pq")
_PARQUET_MAGIC = b"PAR1"
#: How much of a CSV file tells its encoding and its header: tables of CellProfiler have thousands of columns.
_SNIFFED_BYTES = 1 << 20
_BATCH_ROWS = 20_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TableFileError(ValueError):
    """A file is no table that can be read; the message says why, without the name of the file."""


class TableFile:
    """A table on disk, of which only the header is in memory.

    Parameters
    ----------
    path
        A CSV file with commas, semicolons or tabs, or a Parquet file.

    Raises
    ------
    TableFileError
        If it cannot be read or has no header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Rows that have more or fewer cells than the header; known when all rows were read.
        self.uneven_rows = 0
        #: What ended the reading before the end of the file.
        self.damage: str | None = None
        self._encoding, self._delimiter = "utf-8", ","
        try:
            with path.open("rb") as file:
                start = file.read(_SNIFFED_BYTES)
        except (OSError, ValueError) as error:
            raise TableFileError(getattr(error, "strerror", None) or str(error)) from error
        self.is_parquet = start.startswith(_PARQUET_MAGIC)
        columns = self._parquet_columns() if self.is_parquet else self._csv_columns(start)
        if not any(columns):
            raise TableFileError("it is empty")
        self._places: dict[str, int] = {}
        for place, name in enumerate(columns):
            self._places.setdefault(name, place)
        self._width = len(columns)

    @property
    def columns(self) -> list[str]:
        """Names of the columns; the first of two with the same name is meant."""
        return [name for name in self._places if name]

    @property
    def warnings(self) -> list[str]:
        """What was odd, a sentence each; complete when all rows were read."""
        name, found = self.path.name, []
        if self._encoding == "cp1252":
            found.append(f"{name} is not UTF-8 text; it was read as Windows-1252, so check signs such as µ.")
        if self.damage is not None:
            found.append(f"{name} is damaged ({self.damage}); only the rows before that are known.")
        if self.uneven_rows:
            found.append(f"{self.uneven_rows} rows of {name} have more or fewer cells than its header and are left out.")
        return found

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The stripped texts of `columns`, row by row; ``""`` where a cell is empty."""
        places = [self._places[name] for name in columns]
        return self._parquet_rows(places) if self.is_parquet else self._csv_rows(places)

    def _csv_columns(self, start: bytes) -> list[str]:
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._encoding = "utf-16"
        elif b"\0" in start:
            raise TableFileError("it is a binary file")
        else:
            self._encoding = "utf-8-sig" if _is_utf8(start) else "cp1252"
        header = next((line for line in io.StringIO(start.decode(self._encoding, "replace")) if line.strip()), "")
        bare = re.sub(r'"[^"]*"', "", header)
        candidates = ["\t", ",", ";"] if self.path.suffix.casefold() == ".tsv" else [",", "\t", ";"]
        self._delimiter = max(candidates, key=bare.count)
        try:
            return [_one_line(cell) for cell in next(self._reader(io.StringIO(header, newline="")), [])]
        except csv.Error as error:
            raise TableFileError(str(error)) from error

    def _reader(self, file: io.TextIOBase) -> Any:
        return csv.reader(file, delimiter=self._delimiter, skipinitialspace=True)

    def _csv_rows(self, places: list[int]) -> Iterator[tuple[str, ...]]:
        self.uneven_rows, self.damage = 0, None
        last = max(places, default=0)
        try:
            with self.path.open(encoding=self._encoding, errors="replace", newline="") as file:
                rows = (row for row in self._reader(file) if any(row))
                next(rows, None)
                for row in rows:
                    # an unquoted delimiter moves all cells after it, so such a row cannot be trusted
                    if len(row) != self._width and (any(row[self._width :]) or len(row) <= last):
                        self.uneven_rows += 1
                        continue
                    yield tuple([_one_line(row[place]) for place in places])
        except (csv.Error, OSError, UnicodeError) as error:
            self.damage = str(error)

    def _parquet_columns(self) -> list[str]:
        import pyarrow.parquet

        try:
            return [_one_line(str(name)) for name in pyarrow.parquet.ParquetFile(self.path).schema_arrow.names]
        except Exception as error:  # pyarrow raises whatever it meets in a damaged file
            raise TableFileError(f"it is no readable Parquet file, {_first_line(error)}") from error

    def _parquet_rows(self, places: list[int]) -> Iterator[tuple[str, ...]]:
        import pyarrow.parquet

        self.damage = None
        try:
            file = pyarrow.parquet.ParquetFile(self.path)
            names = [file.schema_arrow.names[place] for place in places]
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(names))):
                columns = [batch.column(name).to_pylist() for name in names]
                yield from zip(*([_text(value) for value in column] for column in columns), strict=True)
        except Exception as error:  # as above
            self.damage = _first_line(error)


def _is_utf8(start: bytes) -> bool:
    try:
        # not final: the last sign may be cut in two
        codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) < _SNIFFED_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
    return _one_line(str(value))


def _one_line(text: str) -> str:
    """`text` as it may stand in a message: a damaged cell may hold line ends and control signs."""
    return text.strip() if text.isprintable() else " ".join(_CONTROL.sub(" ", text).split())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def metadata_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column with the metadata called one of `names`, the first name first: ``Metadata_Well`` or ``Image_Metadata_Well``.

    Merging tables in pandas leaves ``_x`` and ``_y`` behind the names; these are passed over.
    """
    known: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"^image_|_[xy]$", "", column.casefold())
        if name.startswith("metadata_"):
            known.setdefault(name.removeprefix("metadata_"), column)
    return next((known[name] for name in names if name in known), None)


def well_of(well: str, row: str = "", column: str = "") -> str | None:
    """The name of a well from the texts of a table, where the row may be a letter or a number; None where they make no sense."""
    try:
        if well:
            numbers = re.fullmatch(r"r(\d\d?)c(\d\d?)", well, re.IGNORECASE | re.ASCII)
            if numbers is None:
                return well_name(*well_position(well))
            row, column = numbers.groups()
        if whole(row) is None:
            return well_name(*well_position(f"{row}{whole(column)}"))
        position = (whole(row) or 0, whole(column) or 0)
        return well_name(*well_position(well_name(*position))) if 1 <= position[0] <= 32 else None
    except WellError:
        return None


def whole(text: str) -> int | None:
    """A whole number >= 0 of at most 9 digits, with or without ``.0``, else None."""
    found = re.fullmatch(r"(\d{1,9})(?:\.0*)?", text, re.ASCII)
    return int(found.group(1)) if found else None


def number_in(text: str) -> int | None:
    """The number of a field, focal plane or time point: ``"3"``, ``"3.0"``, ``"s3"``, ``"f03"`` are all 3; None where none is."""
    found = re.fullmatch(r"(?:[A-Za-z][A-Za-z_ -]{0,15})?(\d{1,9})(?:\.0*)?", text, re.ASCII)
    return int(found.group(1)) if found else None
