"""CellProfiler LoadData tables (CSV, Parquet), as pe2loaddata and CellProfiler write them, and the index of DeepProfiler."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.folder import examples
from napari_mid.plates.formats._load_data_columns import ImageColumns, image_columns, role_of
from napari_mid.plates.formats._load_data_files import ImageFiles, path_of_url
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.table_files import (
    COLUMN,
    FOCAL_PLANE,
    PARQUET_SUFFIXES,
    PLATE,
    ROW,
    SITE,
    TIME,
    WELL,
    TableFile,
    TableFileError,
    metadata_column,
    number_in,
    well_of,
    whole,
)
from napari_mid.plates.well_names import standard_plate_size, well_position

NAME = "LoadData"

_SUFFIXES = (".csv", ".tsv", ".txt", *PARQUET_SUFFIXES)
#: A table with such a name is taken where a folder was given.
_TABLE_NAME = re.compile(r"load_?data.*\.(csv|tsv|parquet|pq)", re.IGNORECASE)
#: Index files of other formats; a table beside them describes the same images with less.
_OTHER_INDEX = re.compile(r"index(\.idx)?\.xml|.*\.(htd|mlf)|\.zattrs|\.zgroup|zarr\.json", re.IGNORECASE)
#: Rows in which names of images are looked for.
_FIRST_ROWS = 50
_WIDEST_INDEX = 100
#: pe2loaddata copies lengths from the Harmony index, in metres; pixels of a microscope are between these sizes.
_PIXEL_M = (1e-9, 1e-4)
_FARTHEST_M = 1.0


def can_read(path: Path) -> bool:
    """Whether `path` is a LoadData table, or a folder that holds one and no index of another format."""
    try:
        return bool(_tables(path)) if path.is_dir() else _is_load_data(path)
    except OSError:
        return False


def _tables(folder: Path) -> list[Path]:
    names = sorted(os.listdir(folder))
    if any(_OTHER_INDEX.fullmatch(name) for name in names):
        return []
    return [folder / name for name in names if _TABLE_NAME.fullmatch(name) and _is_load_data(folder / name)]


def _is_load_data(path: Path) -> bool:
    if path.suffix.casefold() not in _SUFFIXES:
        return False
    try:
        return bool(_image_columns(TableFile(path)))
    except TableFileError:
        return False


def _image_columns(table: TableFile) -> list[ImageColumns]:
    by_name = image_columns(table.columns)
    # an index of DeepProfiler is narrow, tables of objects have hundreds of columns
    if by_name or len(table.columns) > _WIDEST_INDEX or metadata_column(table.columns, WELL) is None:
        return by_name
    first = itertools.islice(table.rows(table.columns), _FIRST_ROWS)
    cells = [next(filter(None, column), "") for column in zip(*first, strict=True)]
    return image_columns(table.columns, cells)


def read(path: Path) -> Plate:
    """Read the table at `path`, or the one in the folder `path`.

    Images are looked for in and below the table's folder, wherever the machine that wrote the table had them. Declared images
    that are absent are counted.

    Raises
    ------
    PlateFormatError
        If there is no such table, it makes no sense, or describes several plates.
    """
    table_path = path
    if path.is_dir():
        tables = _tables(path)
        plain = [table for table in tables if re.fullmatch(r"load_?data", table.stem, re.IGNORECASE)]
        if len(tables) > 1 and len(plain) != 1:
            raise PlateFormatError(
                f"{path} holds {len(tables)} LoadData tables: {examples([table.name for table in tables])}. Open one of them."
            )
        table_path = next(iter(plain or tables), path)
    try:
        table = TableFile(table_path)
        columns = _image_columns(table)
    except TableFileError as error:
        raise PlateFormatError(f"The LoadData table {table_path} cannot be read: {error}.") from error
    if not columns:
        raise PlateFormatError(
            f"{table_path} is no LoadData table; expected columns such as FileName_DNA, PathName_DNA and Metadata_Well."
        )
    return _PlateBuilder(table, columns).plate(path)


@dataclass
class _FieldDraft:
    planes: list[Plane] = field(default_factory=list)
    position_um: tuple[float, float] | None = None


class _PlateBuilder:
    """Turns the rows of a table into a plate, collecting what does not make sense as warnings."""

    def __init__(self, table: TableFile, columns: list[ImageColumns]) -> None:
        self.table = table
        self.columns = columns
        self.about = {
            what: metadata_column(table.columns, names)
            for what, names in {
                "plate": PLATE, "well": WELL, "row": ROW, "column": COLUMN, "site": SITE, "z": FOCAL_PLANE, "time": TIME,
            }.items()
        }  # fmt: skip
        self.lengths = {name: self._for_any_channel(name) for name in ("imageresolutionx", "positionx", "positiony")}
        self.stains = {column.name: self._for_channel(column.name, "channelname") for column in columns}
        self.emissions = {column.name: self._for_channel(column.name, "mainemissionwavelength") for column in columns}
        self.excitations = {column.name: self._for_channel(column.name, "mainexcitationwavelength") for column in columns}
        self.plates: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.fields: dict[str, dict[int, _FieldDraft]] = {}
        self.files = ImageFiles(table.path.parent)
        self.n_images = 0
        self.nonsense = 0
        self.missing: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.repeated: list[str] = []
        self.folders_of: dict[str, set[str]] = {}
        self.seen: set[tuple[str, int, int, int, int]] = set()
        self.unnumbered: Counter[tuple[str, int, int]] = Counter()

    def _for_channel(self, channel: str, name: str) -> str | None:
        """The column of a fact about one channel; without the channel's name it is meant for the only one."""
        found = metadata_column(self.table.columns, (f"{name}_{channel.casefold()}",))
        return found or (metadata_column(self.table.columns, (name,)) if len(self.columns) == 1 else None)

    def _for_any_channel(self, name: str) -> str | None:
        """The column of a length that all channels share; pe2loaddata adds a channel's name where they differ."""
        return metadata_column(self.table.columns, (name, *(f"{name}_{column.name.casefold()}" for column in self.columns)))

    def plate(self, path: Path) -> Plate:
        """The plate; `path` is where the user found it."""
        if self.about["well"] is None and (self.about["row"] is None or self.about["column"] is None):
            raise PlateFormatError(
                f"{self.table.path} does not say which well an image is of; expected a column Metadata_Well, "
                "or Metadata_Row and Metadata_Col."
            )
        self._collect()
        if len(self.plates) > 1:
            raise PlateFormatError(
                f"{self.table.path} describes {len(self.plates)} plates: {examples(list(self.plates), 6)}. "
                "Split it into a table for each plate (column Metadata_Plate) and open one of them."
            )
        if not self.fields:
            reason = f" ({self.table.warnings[0]})" if self.table.warnings else ""
            raise PlateFormatError(f"{self.table.path} has no row with a well that makes sense{reason}.")
        name = next(iter(self.plates), "") or _folder_name(self.table.path)
        channels, pixel_size = self._channels(), self._pixel_size()
        wells = {}
        for well in sorted(self.fields, key=well_position):
            drafts = self.fields[well]
            fields = {
                number: Field(name, well, number, tuple(draft.planes), channels, draft.position_um, pixel_size)
                for number, draft in sorted(drafts.items())
            }
            wells[well] = Well(name, well, fields)
        try:
            rows, columns = standard_plate_size(well_position(well) for well in wells)
        except WellError as error:
            raise PlateFormatError(f"{self.table.path}: {error}") from error
        missing = self._missing_names()
        return Plate(
            name=name,
            path=path,
            format=NAME,
            rows=rows,
            columns=columns,
            channels=channels,
            wells=wells,
            pixel_size_um=pixel_size,
            n_images=self.n_images,
            missing_files=missing,
            warnings=(*self.table.warnings, *self._warnings(missing)),
        )

    def _collect(self) -> None:
        image_headers = [
            header for column in self.columns for header in (column.file, column.folder, column.url, column.page) if header
        ]
        facts = [*self.lengths.values(), *self.stains.values(), *self.emissions.values(), *self.excitations.values()]
        wanted = list(dict.fromkeys(filter(None, (*self.about.values(), *image_headers, *facts))))
        for cells in self.table.rows(wanted):
            self._add_row(dict(zip(wanted, cells, strict=True)))

    def _add_row(self, row: Mapping[str, str]) -> None:
        for header, text in row.items():
            if text and header not in self.first:
                self.first[header] = text
        images = [(channel, *_image(row, column)) for channel, column in enumerate(self.columns)]
        images = [image for image in images if image[2]]
        self.n_images += len(images)
        well = well_of(self._cell(row, "well"), self._cell(row, "row"), self._cell(row, "column"))
        z, time = number_in(self._cell(row, "z") or "1"), number_in(self._cell(row, "time") or "1")
        if well is None or z is None or time is None:
            self.nonsense += 1
            return
        site = self._site(row, (well, z, time)) if images else 1
        if site is None:
            self.nonsense += 1
            return
        plate = self._cell(row, "plate")
        if plate:
            self.plates[plate] += 1
        fields = self.fields.setdefault(well, {})
        if not images:
            return
        draft = fields.setdefault(site, _FieldDraft())
        if draft.position_um is None:
            draft.position_um = self._position(row)
        for channel, folder, name in images:
            page = whole(row.get(self.columns[channel].page or "", "")) or 0
            self._add_image(draft, (well, site, channel, z, time), folder, name, page)

    def _cell(self, row: Mapping[str, str], what: str) -> str:
        header = self.about[what]
        return row[header] if header is not None else ""

    def _site(self, row: Mapping[str, str], place: tuple[str, int, int]) -> int | None:
        if self.about["site"] is not None:
            return number_in(self._cell(row, "site"))
        self.unnumbered[place] += 1
        return self.unnumbered[place]

    def _add_image(self, draft: _FieldDraft, key: tuple[str, int, int, int, int], folder: str, name: str, page: int) -> None:
        if key in self.seen:
            self.repeated.append(name)
            return
        self.seen.add(key)
        self.folders_of.setdefault(name, set()).add(folder)
        try:
            file = self.files.find(folder, name)
        except ValueError:
            self.refused.append(f"{folder.rstrip('/')}/{name}" if folder else name)
            return
        if file is None:
            self.missing.append((folder, name))
            return
        draft.planes.append(Plane(file, key[2], key[3], key[4], page))

    def _channels(self) -> tuple[Channel, ...]:
        channels = []
        for column in self.columns:
            emission = self._nanometres(self.emissions[column.name])
            stain = self._first(self.stains[column.name])
            channels.append(
                Channel(
                    column.name,
                    role_of(column.name, stain, emission),
                    emission,
                    self._nanometres(self.excitations[column.name]),
                )
            )
        return tuple(channels)

    def _first(self, header: str | None) -> str:
        return self.first.get(header, "") if header is not None else ""

    def _nanometres(self, header: str | None) -> float | None:
        # transmitted light has 0
        value = _number(self._first(header))
        return float(value) if value is not None and 1 <= value < 10_000 else None

    def _pixel_size(self) -> float | None:
        size = _number(self._first(self.lengths["imageresolutionx"]))
        return float(size.scaleb(6)) if size is not None and _PIXEL_M[0] < size < _PIXEL_M[1] else None

    def _position(self, row: Mapping[str, str]) -> tuple[float, float] | None:
        """Stage position (y, x) in µm with y growing downwards; Harmony's, which pe2loaddata copies, grows upwards."""
        y, x = (_number(row.get(self.lengths[name] or "", "")) for name in ("positiony", "positionx"))
        if y is None or x is None or max(abs(y), abs(x)) > _FARTHEST_M:
            return None
        return 0.0 - float(y.scaleb(6)), float(x.scaleb(6))

    def _missing_names(self) -> tuple[str, ...]:
        """The names of absent files, with their folders where the same name stands for several files."""
        return tuple(f"{folder.rstrip('/')}/{name}" if len(self.folders_of[name]) > 1 else name for folder, name in self.missing)

    def _warnings(self, missing: tuple[str, ...]) -> list[str]:
        name, warnings = self.table.path.name, []
        if not self.n_images:
            warnings.append(f"{name} declares no image.")
        if self.about["site"] is None and any(count > 1 for count in self.unnumbered.values()):
            warnings.append(f"{name} has no column Metadata_Site; the fields of a well are numbered in the order of its rows.")
        if missing:
            folder = next((folder for folder, _ in self.missing if folder), "")
            looked = f"beside it and below the last folders of {folder}" if folder else "beside it"
            warnings.append(
                f"{len(missing)} of the {self.n_images} images that {name} declares are missing: {examples(list(missing))}; "
                f"they were looked for {looked}."
            )
        if self.refused:
            warnings.append(
                f"{len(self.refused)} images lie outside the folder of {name} and are not read: {examples(self.refused)}. "
                "Put the table into the folder of the images, or into one that holds their folders."
            )
        if self.repeated:
            warnings.append(
                f"{len(self.repeated)} images stand for a well, field and channel that has one already in {name} and are left "
                f"out: {examples(self.repeated)}."
            )
        if self.nonsense:
            warnings.append(f"{self.nonsense} rows of {name} lack a well or field that makes sense, and are left out.")
        return warnings


def _image(row: Mapping[str, str], column: ImageColumns) -> tuple[str, str]:
    """(folder, name) of an image; the name is empty where the row has none of this channel."""
    name = row[column.file] if column.file else ""
    if name:
        return row[column.folder] if column.folder else "", name
    url = path_of_url(row[column.url]).replace("\\", "/") if column.url else ""
    folder, _, name = url.rpartition("/")
    return folder, name


def _folder_name(table: Path) -> str:
    folder = table.parent
    return folder.parent.name if folder.name.casefold() == "images" and folder.parent.name else folder.name or "plate"


def _number(text: str) -> Decimal | None:
    """A finite number in decimal, so that 5.98E-07 m is 0.598 µm and not 0.5979999999999999."""
    if not text or len(text) > 40:
        return None
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 100 else None
