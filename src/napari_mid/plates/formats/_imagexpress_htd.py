"""What an HTD file says: the plan of an ImageXpress acquisition, a line ``"Key", value, value`` for each fact."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.folder import natural_key
from napari_mid.plates.well_names import well_name, well_position

#: More than any plate has; larger numbers are damage, and would ask for all memory.
MAX_TIME_POINTS, MAX_Z_STEPS, MAX_SITES_PER_SIDE, MAX_WAVELENGTHS = 100_000, 10_000, 100, 64

#: An HTD of a 1536-well plate has about 20 kB; what is larger by far is something else.
MAX_BYTES = 4_000_000

_LINE = re.compile(r'"([A-Za-z]+)(\d*)"\s*,(.*)')
#: What a spreadsheet leaves of it.
_UNQUOTED = re.compile(r"([A-Za-z]+)(\d*)\s*,(.*)")
_VALUE = re.compile(r'\s*(?:"([^"]*)"?|([^,]*))\s*(?:,|$)')


@dataclass(frozen=True)
class Htd:
    """The plan of an acquisition; None where the file does not tell.

    Parameters
    ----------
    time_points
        How many there are.
    z_steps
        Focal planes of a z series, 1 where there is none.
    size
        (rows, columns) of the plate.
    wells
        Names of the wells that were selected.
    sites
        1-based (row, column) in the grid of sites of each selected one, row by row; the first is site 1.
    wavelengths
        Number to name of those that were collected.
    warnings
        What does not make sense, one sentence each.
    """

    time_points: int | None
    z_steps: int
    size: tuple[int, int] | None
    wells: tuple[str, ...] | None
    sites: tuple[tuple[int, int], ...] | None
    wavelengths: Mapping[int, str] | None
    warnings: tuple[str, ...] = ()


def read_htd(path: Path) -> Htd:
    """Read the HTD file at `path`.

    Raises
    ------
    PlateFormatError
        If it cannot be read or tells nothing.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise PlateFormatError(f"{path} cannot be read: {error.strerror}.") from error
    return _Reader(path.name, _entries(_text(data))).htd(path)


def _text(data: bytes) -> str:
    # MetaXpress writes the code page of its Windows; descriptions hold control bytes that are not UTF-8
    for encoding in ("utf-16",) if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _entries(text: str) -> dict[tuple[str, int], list[str]]:
    """Values by (key in lower case, number at its end or 0); other lines, such as those of a description, are passed over."""
    lines = [line.strip("\0 \t") for line in re.split(r"[\r\n]+", text)]
    form = _LINE if any(_LINE.match(line) for line in lines) else _UNQUOTED
    entries: dict[tuple[str, int], list[str]] = {}
    for line in lines:
        found = form.match(line)
        if found is not None and len(found[2]) < 5:
            key = (found[1].casefold(), int(found[2] or 0))
            entries.setdefault(key, _values(found[3]))
    return entries


def _values(text: str) -> list[str]:
    values = []
    at = 0
    while at < len(text):
        found = _VALUE.match(text, at)
        if found is None:  # text after a closing quote
            break
        values.append((found[1] if found[1] is not None else found[2]).strip())
        at = max(found.end(), at + 1)
    return values


@dataclass
class _Reader:
    name: str
    entries: Mapping[tuple[str, int], list[str]]
    warnings: list[str] = field(default_factory=list)

    def htd(self, path: Path) -> Htd:
        rows, columns = self._whole("YWells", 32), self._whole("XWells", 48)
        size = (rows, columns) if rows and columns else None
        wells = self._wells(size)
        sites = self._sites()
        wavelengths = self._wavelengths()
        time_points = self._whole("TimePoints", MAX_TIME_POINTS)
        known = (wells, wavelengths, time_points, size)
        if all(fact is None for fact in known):
            raise PlateFormatError(
                f'{path} tells nothing of a plate; expected lines such as "XWells", 12. Give --pattern to go by the file names.'
            )
        if time_points is None:
            self.warnings.append(f"{self.name} does not tell the number of time points; those on disk are shown.")
        return Htd(time_points, self._z_steps(), size, wells, sites, wavelengths, tuple(self.warnings))

    def _whole(self, key: str, most: int) -> int | None:
        """A whole number from 1 to `most`; None, with a warning, where it is not."""
        values = self.entries.get((key.casefold(), 0))
        if not values:
            return None
        text = values[0]
        if len(text) < 10 and text.isascii() and text.isdecimal() and 1 <= int(text) <= most:
            return int(text)
        self.warnings.append(f"{self.name} says {key} {text[:20]!r}, which makes no sense and is not used.")
        return None

    def _flag(self, key: str, number: int = 0) -> bool | None:
        values = self.entries.get((key.casefold(), number))
        return None if not values else _true(values[0])

    def _z_steps(self) -> int:
        if not self._flag("ZSeries"):
            return 1
        return self._whole("ZSteps", MAX_Z_STEPS) or 1

    def _selection(self, key: str) -> dict[int, list[bool]]:
        rows = sorted((number, values) for (name, number), values in self.entries.items() if name == key.casefold() and number)
        return {number: [_true(value) for value in values] for number, values in rows}

    def _wells(self, size: tuple[int, int] | None) -> tuple[str, ...] | None:
        selection = self._selection("WellsSelection")
        if not selection:
            self.warnings.append(f"{self.name} does not tell which wells were selected; those on disk are shown.")
            return None
        if size is not None and (len(selection) != size[0] or any(len(row) != size[1] for row in selection.values())):
            self.warnings.append(
                f"{self.name} declares {size[0]} x {size[1]} wells, but its selection of wells is of another size; "
                "the wells that it selects are used."
            )
        names = []
        for row, flags in selection.items():
            for column, selected in enumerate(flags, 1):
                if selected and row <= 32 and column <= 48:
                    names.append(well_name(row, column))
        return tuple(names)

    def _sites(self) -> tuple[tuple[int, int], ...] | None:
        if self._flag("Sites") is False:
            return ((1, 1),)
        columns, rows = self._whole("XSites", MAX_SITES_PER_SIDE), self._whole("YSites", MAX_SITES_PER_SIDE)
        selection = self._selection("SiteSelection")
        if selection:
            # numbered row by row; sites that were not selected get no number
            places = [
                (row, column)
                for row, flags in selection.items()
                for column, selected in enumerate(flags, 1)
                if selected and row <= MAX_SITES_PER_SIDE and column <= MAX_SITES_PER_SIDE
            ]
            if rows and columns and any(row > rows or column > columns for row, column in places):
                self.warnings.append(f"{self.name} declares {rows} x {columns} sites, but selects sites beyond them.")
            return tuple(places) or None
        if rows and columns:
            return tuple((row, column) for row in range(1, rows + 1) for column in range(1, columns + 1))
        return None

    def _wavelengths(self) -> dict[int, str] | None:
        count = self._whole("NWavelengths", MAX_WAVELENGTHS)
        named = sorted(number for key, number in self.entries if key == "wavename" and 0 < number <= MAX_WAVELENGTHS)
        if count is None and not named:
            # a single wavelength may go without a name
            return {1: "w1"} if self._flag("Waves") is False else None
        numbers = range(1, count + 1) if count is not None else named
        if count is not None and named and named[-1] != count:
            self.warnings.append(f"{self.name} declares {count} wavelengths, but names {len(named)}.")
        names: dict[int, str] = {}
        for number in numbers:
            if self._flag("WaveCollect", number) is False:
                continue
            name = next(iter(self.entries.get(("wavename", number), [])), "") or f"w{number}"
            taken = {other.casefold() for other in names.values()}
            names[number] = f"{name} (w{number})" if name.casefold() in taken else name
        return names or None


def _true(text: str) -> bool:
    # WaveCollect is 0 where the wavelength was not collected, the other flags are TRUE or FALSE
    return text.casefold() not in ("false", "0", "")


def in_plate_order(wells: set[str]) -> list[str]:
    """Names of wells, row by row; those that are none are left out."""
    known = []
    for name in wells:
        try:
            known.append((well_position(name), name))
        except WellError:
            continue
    return [name for _, name in sorted(known, key=lambda item: (item[0], natural_key(item[1])))]
