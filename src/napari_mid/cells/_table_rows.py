"""Rows of tables of nuclei, gathered by what they say about the image they were located in."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path

from napari_mid.errors import NucleiTableError
from napari_mid.plates.folder import natural_key
from napari_mid.plates.table_files import (
    COLUMN,
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
)

#: Columns of the centre of a nucleus without ``_X``, the surest first; CellProfiler's own Nuclei.csv has no prefix.
_CENTRES = ("nuclei_location_center", "location_center", "nuclei_areashape_center", "areashape_center")
_AREAS = ("nuclei_areashape_area", "areashape_area")
_IMAGE_NUMBERS = ("imagenumber", "image_imagenumber", "metadata_imagenumber")
#: Illumination functions and drawn outlines are no images of a field; functions serve a whole plate.
_IMAGE_FILE = re.compile(r"(?:image_)?filename(?:_(?!illum)(?!.*(?:outlines?|overlay)$).*)?", re.IGNORECASE)
#: As DeepProfiler names them: well, site, compartment.
_LOCATION_FILE = re.compile(r"(?P<well>[^-]+)-(?P<site>[^-]+)-nuclei\.csv", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """What a row says about its image, as texts; empty where it says nothing."""

    plate: str = ""
    well: str = ""
    row: str = ""
    column: str = ""
    site: str = ""
    time: str = ""
    files: tuple[str, ...] = ()

    @property
    def well_name(self) -> str | None:
        """The well, or None where it makes no sense."""
        return well_of(self.well, self.row, self.column)

    @property
    def time_point(self) -> int | None:
        """The number of the time point."""
        return number_in(self.time)

    def __str__(self) -> str:
        well = self.well or f"{self.row}{self.column}"
        parts = [f"well {well}" if well else "", f"site {self.site}" if self.site else "", *self.files[:1]]
        return " ".join(filter(None, parts)) or "no well"


@dataclass
class Spots:
    """Centres and areas of nuclei, in pixels; NaN where a cell of the table is no number."""

    x: array[float] = field(default_factory=lambda: array("d"))
    y: array[float] = field(default_factory=lambda: array("d"))
    area: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.x)


@dataclass
class Rows:
    """The nuclei of a table, by the place their rows name; `warnings` tell what was odd about the file."""

    spots: dict[Place, Spots] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_rows(path: Path) -> Rows:
    """Read the nuclei of one CSV or Parquet file.

    Raises
    ------
    NucleiTableError
        If it is no table of nuclei, or does not tell which images they are in.
    """
    table = _opened(path)
    centre = _centre(table)
    area = _one_of(table.columns, _AREAS)
    about = _AboutColumns.of(table)
    number = _one_of(table.columns, _IMAGE_NUMBERS)
    found = Rows()
    place_of: Callable[[tuple[str, ...]], Place | None] = about.place
    if about.tells_image:
        keys: Sequence[str] = about.columns
    elif number is not None:
        images = _image_numbers(path, found.warnings)
        keys, place_of = (number,), lambda cells: images.get(cells[0])
    else:
        raise NucleiTableError(
            f"{path} does not tell which image a nucleus is in; expected the columns Metadata_Well and Metadata_Site, or "
            "Image_FileName, or ImageNumber with an Image.csv beside the table."
        )
    _gather(table, (*centre, area), keys, place_of, found)
    found.warnings += table.warnings
    return found


def read_location_files(files: Sequence[Path], plate: str) -> Rows:
    """Read location files of DeepProfiler, one for each field; one that cannot be read is a warning."""
    found = Rows()
    for path in files:
        name = _LOCATION_FILE.fullmatch(path.name)
        if name is None:
            continue
        place = Place(plate=plate, well=name["well"], site=name["site"])
        try:
            table = _opened(path)
            _gather(table, (*_centre(table), _one_of(table.columns, _AREAS)), (), partial(_always, place), found)
            found.warnings += table.warnings
        except NucleiTableError as error:
            found.warnings.append(str(error))
    return found


def location_files(folder: Path) -> list[Path]:
    """The location files of DeepProfiler in `folder`."""
    try:
        names = [entry.name for entry in folder.iterdir() if _LOCATION_FILE.fullmatch(entry.name)]
    except OSError:
        return []
    return [folder / name for name in sorted(names, key=natural_key)]


@dataclass(frozen=True)
class _AboutColumns:
    """The columns that tell the image; the first six are those of `Place`, None where the table lacks them."""

    facts: tuple[str | None, ...]
    files: tuple[str, ...]

    @classmethod
    def of(cls, table: TableFile) -> _AboutColumns:
        facts = tuple(metadata_column(table.columns, names) for names in (PLATE, WELL, ROW, COLUMN, SITE, TIME))
        return cls(facts, tuple(name for name in table.columns if _IMAGE_FILE.fullmatch(name)))

    @property
    def columns(self) -> list[str]:
        return [*filter(None, self.facts), *self.files]

    @property
    def tells_image(self) -> bool:
        _, well, row, column, _, _ = self.facts
        return bool(well or (row and column) or self.files)

    def place(self, cells: tuple[str, ...]) -> Place:
        """The place that the cells of `columns` name."""
        given = iter(cells)
        plate, well, row, column, site, time = [next(given) if column is not None else "" for column in self.facts]
        return Place(plate, well, row, column, site, time, tuple(given))


def _always(place: Place, _cells: tuple[str, ...]) -> Place:
    return place


def _opened(path: Path) -> TableFile:
    try:
        return TableFile(path)
    except TableFileError as error:
        raise NucleiTableError(f"The table of nuclei {path} cannot be read: {error}.") from error


def _one_of(columns: Sequence[str], names: Sequence[str]) -> str | None:
    known = {column.casefold(): column for column in reversed(columns)}
    return next((known[name] for name in names if name in known), None)


def _centre(table: TableFile) -> tuple[str, str]:
    for name in _CENTRES:
        x, y = (_one_of(table.columns, (f"{name}_{axis}",)) for axis in "xy")
        if x is not None and y is not None:
            return x, y
    raise NucleiTableError(
        f"{table.path} is no table of nuclei; expected columns Nuclei_Location_Center_X and Nuclei_Location_Center_Y, "
        f"it has {', '.join(table.columns[:5])}, ..."
    )


def _image_numbers(path: Path, warnings: list[str]) -> dict[str, Place]:
    """What CellProfiler's table of images says about each ImageNumber."""
    image_path = _image_table(path)
    if image_path is None:
        raise NucleiTableError(
            f"{path} has ImageNumber but no well; expected the Image.csv that CellProfiler wrote with it in the same folder."
        )
    table = _opened(image_path)
    about, number = _AboutColumns.of(table), _one_of(table.columns, _IMAGE_NUMBERS)
    if number is None or not about.tells_image:
        raise NucleiTableError(
            f"{image_path} does not tell the wells of {path.name}; expected columns ImageNumber, Metadata_Well and Metadata_Site."
        )
    places = {cells[0]: about.place(cells[1:]) for cells in table.rows((number, *about.columns))}
    warnings += table.warnings
    return places


def _image_table(path: Path) -> Path | None:
    """``Image.csv`` for ``Nuclei.csv``, ``MyExpt_Image.csv`` for ``MyExpt_Nuclei.csv``, else the only one in the folder."""
    tables = [entry for entry in sorted(path.parent.iterdir()) if re.search(r"image\.(csv|tsv|txt|parquet)$", entry.name, re.I)]
    prefix = re.sub(r"[^_]*$", "", path.stem).casefold()
    same = [entry for entry in tables if entry.stem.casefold() == f"{prefix}image"]
    chosen = same or tables
    return chosen[0] if len(chosen) == 1 else None


def _gather(
    table: TableFile,
    values: tuple[str, str, str | None],
    keys: Sequence[str],
    place_of: Callable[[tuple[str, ...]], Place | None],
    found: Rows,
) -> None:
    x, y, area = values
    measured = [x, y] if area is None else [x, y, area]
    places: dict[tuple[str, ...], Spots | None] = {}
    unknown: set[str] = set()
    n_unknown = 0
    cut = itemgetter(slice(len(measured), None))
    for cells in table.rows([*measured, *keys]):
        key = cut(cells)
        if key not in places:
            place = place_of(key)
            places[key] = None if place is None else found.spots.setdefault(place, Spots())
        spots = places[key]
        if spots is None:
            n_unknown += 1
            unknown.add(key[0])
            continue
        spots.x.append(_number(cells[0]))
        spots.y.append(_number(cells[1]))
        spots.area.append(_number(cells[2]) if area is not None else math.nan)
    if n_unknown:
        found.warnings.append(
            f"{n_unknown} nuclei of {table.path.name} have an ImageNumber that its table of images lacks "
            f"({', '.join(sorted(unknown, key=natural_key)[:3])}) and are left out."
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
