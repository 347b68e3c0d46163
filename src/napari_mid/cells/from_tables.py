"""Nuclei that another program located: per-object tables of CellProfiler, location files of DeepProfiler, and our own."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from napari_mid.cells._table_rows import Place, Rows, Spots, location_files, read_location_files, read_rows
from napari_mid.cells.nuclei import Nuclei, discs_touch_border
from napari_mid.errors import NucleiTableError
from napari_mid.plates.folder import examples
from napari_mid.plates.plate import Plate
from napari_mid.plates.table_files import number_in
from napari_mid.plates.well_names import well_name, well_position

TABLE = "table"

#: Tables kept in memory, 24 bytes a nucleus.
_KEPT_TABLES = 2


@dataclass(frozen=True)
class NucleiTable:
    """The nuclei of a plate, taken from a table.

    Parameters
    ----------
    path, plate
        The table, and the name of the plate it was matched with.
    nuclei
        By well and number of the field; a field without rows is absent.
    warnings
        What did not fit, one sentence each.
    """

    path: Path
    plate: str
    nuclei: Mapping[str, Mapping[int, Nuclei]]
    warnings: tuple[str, ...] = ()

    @property
    def n_nuclei(self) -> int:
        """Nuclei in all fields."""
        return sum(len(nuclei) for fields in self.nuclei.values() for nuclei in fields.values())


def read_nuclei_table(path: Path | str, plate: Plate) -> NucleiTable:
    """Read the nuclei of `plate` from a table.

    Parameters
    ----------
    path
        A CSV or Parquet file with a row per nucleus (``Nuclei_Location_Center_X``, ``Nuclei_Location_Center_Y``, as `napari-mid
        detect` or CellProfiler writes it), CellProfiler's ``Nuclei.csv`` with its ``Image.csv`` beside it, or a folder with the
        location files of DeepProfiler (``<plate>/<well>-<site>-Nuclei.csv``). Positions are in pixels, 0-based, at pixel centres.
    plate
        Rows are matched with its fields by the name of the image where they tell it, else by well and site.

    Raises
    ------
    NucleiTableError
        If it cannot be read, is of other plates, or no row fits a field of the plate.
    """
    path = Path(path)
    matched = _Matched(path, _rows(path, plate), plate)
    if not matched.spots:
        raise NucleiTableError(matched.nothing_fits())
    nuclei: dict[str, dict[int, Nuclei]] = {}
    for well in sorted({well for well, _ in matched.spots}, key=list(plate.wells).index):
        nuclei[well] = matched.of_well(well)
    if not any(len(found.centroids) for fields in nuclei.values() for found in fields.values()):
        raise NucleiTableError(f"No row of {path} has a location; expected numbers for the x and y of each nucleus, in pixels.")
    return NucleiTable(path, plate.name, nuclei, tuple(matched.warnings()))


def nuclei_of_well(path: Path | str, plate: Plate, well: str) -> dict[int, Nuclei]:
    """The nuclei of one well of `plate` by field; the table stays in memory, so that the next well is quick.

    Raises
    ------
    NucleiTableError
        As `read_nuclei_table`; a well without rows is empty.
    """
    path = Path(path)
    matched = _Matched(path, _rows(path, plate), plate)
    if not matched.spots:
        raise NucleiTableError(matched.nothing_fits())
    return matched.of_well(well_name(*well_position(well)))


def inside_image(nuclei: Nuclei, shape: Sequence[int]) -> tuple[Nuclei, int]:
    """`nuclei` without those outside a field of `shape` (..., Y, X), and how many these were; a table cannot know the images.

    Where it is not known which nuclei touch the border, their area tells it.
    """
    places = nuclei.centroids
    keep = np.asarray((places >= -0.5).all(axis=1) & (places < np.asarray(shape[-2:]) - 0.5).all(axis=1))
    outside = int((~keep).sum())
    kept = nuclei.only(keep) if outside else nuclei
    if kept.touches_border is None and np.isfinite(kept.area_px).all():
        kept = dataclasses.replace(kept, touches_border=discs_touch_border(kept.centroids, kept.diameter_px, shape))
    return kept, outside


def _rows(path: Path, plate: Plate) -> Rows:
    if path.is_dir():
        return _location_rows(path, plate)
    try:
        about = path.stat()
    except OSError as error:
        raise NucleiTableError(f"There is no table of nuclei at {path} ({error.strerror}).") from error
    return _kept_rows(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=_KEPT_TABLES)
def _kept_rows(path: Path, changed: int, size: int) -> Rows:
    """The rows of a file as it was at that time, with that size."""
    return read_rows(path)


@lru_cache(maxsize=_KEPT_TABLES)
def _kept_location_rows(files: tuple[Path, ...], changed: tuple[int, ...], plate: str) -> Rows:
    return read_location_files(files, plate)


def _location_rows(folder: Path, plate: Plate) -> Rows:
    homes = [folder, folder / "locations", folder / "inputs" / "locations"]
    for home in homes:
        # the plate's own folder goes first; files without such a folder are of the plate that was opened
        for place, name in ((home / plate.name, plate.name), (home, plate.name if home.name == "locations" else home.name)):
            files = location_files(place)
            if files:
                return _kept_location_rows(tuple(files), tuple(file.stat().st_mtime_ns for file in files), name)
    plates = [child for home in homes if home.is_dir() for child in sorted(home.iterdir()) if location_files(child)]
    if len(plates) == 1:
        files = location_files(plates[0])
        return _kept_location_rows(tuple(files), tuple(file.stat().st_mtime_ns for file in files), plates[0].name)
    if plates:
        raise NucleiTableError(
            f"{folder} has nuclei of {len(plates)} plates ({examples([child.name for child in plates])}), none of them called "
            f"{plate.name}; give the folder of one plate."
        )
    raise NucleiTableError(
        f"{folder} has no location files of DeepProfiler; expected <plate>/<well>-<site>-Nuclei.csv, or give a table of nuclei."
    )


class _Matched:
    """The rows of a table beside the fields of a plate."""

    def __init__(self, path: Path, rows: Rows, plate: Plate) -> None:
        self.path, self.rows, self.plate = path, rows, plate
        self.spots: dict[tuple[str, int], list[Spots]] = {}
        self.notes: list[str] = []
        self.unplaced: list[tuple[Place, int]] = []
        files: dict[str, set[tuple[str, int]]] = {}
        for well in plate.wells.values():
            for field in well.fields.values():
                for plane in field.planes:
                    files.setdefault(plane.name.casefold(), set()).add((well.name, field.number))
        for place, spots in self._of_the_plate().items():
            field_key = self._field(place, files)
            if field_key is None:
                self.unplaced.append((place, len(spots)))
            else:
                self.spots.setdefault(field_key, []).append(spots)

    def _of_the_plate(self) -> dict[Place, Spots]:
        """The rows of this plate, of one time point."""
        name, wanted = self.path.name, self.plate.name.casefold()
        counts: Counter[str] = Counter()
        for place, spots in self.rows.spots.items():
            counts[place.plate] += len(spots)
        named = {plate for plate in counts if plate}
        if any(plate.casefold() == wanted for plate in named):
            others = sorted(plate for plate in named if plate.casefold() != wanted)
            if others:
                self.notes.append(
                    f"{sum(counts[plate] for plate in others)} nuclei of {name} are of other plates and are left out: "
                    f"{examples(others)}."
                )
            kept = {place: spots for place, spots in self.rows.spots.items() if place.plate not in others}
        elif len(named) > 1:
            raise NucleiTableError(
                f"{self.path} has nuclei of {len(named)} plates ({examples(sorted(named))}), none of them called "
                f"{self.plate.name}; give a table of this plate."
            )
        else:
            if named:
                self.notes.append(f"{name} calls the plate {named.pop()}, its images call it {self.plate.name}.")
            kept = self.rows.spots
        return self._of_one_time(kept)

    def _of_one_time(self, rows: dict[Place, Spots]) -> dict[Place, Spots]:
        times = {place.time_point for place in rows if place.time_point is not None}
        if len(times) < 2:
            return rows
        wanted = min(times) if self.plate.reading.time is None else self.plate.reading.time
        kept = {place: spots for place, spots in rows.items() if place.time_point in (None, wanted)}
        left_out = sum(map(len, rows.values())) - sum(map(len, kept.values()))
        self.notes.append(
            f"{self.path.name} has {len(times)} time points; {left_out} nuclei of other ones than {wanted} are left out."
        )
        return kept

    def _field(self, place: Place, files: Mapping[str, set[tuple[str, int]]]) -> tuple[str, int] | None:
        """The field that `place` means: the name of an image is sure, sites may be counted otherwise than the fields."""
        well = place.well_name
        for name in place.files:
            leaf = name.replace("\\", "/").rpartition("/")[2].casefold()
            found = {key for key in files.get(leaf, ()) if well is None or key[0] == well}
            if len(found) == 1:
                return found.pop()
        if well is None or well not in self.plate.wells:
            return None
        fields = self.plate.wells[well].fields
        number = number_in(place.site) if place.site else next(iter(fields), None) if len(fields) == 1 else None
        return (well, number) if number is not None and number in fields else None

    def of_well(self, well: str) -> dict[int, Nuclei]:
        """The nuclei of `well` by field."""
        return {number: self._nuclei(name, number) for name, number in sorted(self.spots) if name == well}

    def _points(self, well: str, number: int) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], int, int]:
        """(N, 3) y, x and area without rows that are no place or stand twice, and how many of each there were."""
        columns = [
            np.concatenate([np.asarray(getattr(s, axis)) for s in self.spots[well, number]]) for axis in ("y", "x", "area")
        ]
        points = np.stack(columns, axis=1)
        finite = np.isfinite(points[:, :2]).all(axis=1)
        points = points[finite]
        _, first = np.unique(points[:, :2], axis=0, return_index=True)
        return points[np.sort(first)], int((~finite).sum()), len(points) - len(first)

    def _nuclei(self, well: str, number: int) -> Nuclei:
        points, _, _ = self._points(well, number)
        # CellProfiler scales intensities to 0 to 1, so they are not those of the images
        unknown = np.full(len(points), np.nan)
        return Nuclei(well, number, points[:, :2], points[:, 2], unknown, TABLE, {TABLE: self.path.name})

    def nothing_fits(self) -> str:
        """Why no row could be used."""
        total = sum(count for _, count in self.unplaced)
        if not total:
            return f"The table of nuclei {self.path} has no rows; expected a row per nucleus."
        return (
            f"None of the {total} nuclei in {self.path} is in a field of plate {self.plate.name}, which has "
            f"{examples(list(self.plate.wells))}; the table has {examples([str(place) for place, _ in self.unplaced], 2)}."
        )

    def warnings(self) -> list[str]:
        """What did not fit, a sentence each."""
        name, found = self.path.name, [*self.rows.warnings, *self.notes]
        if self.unplaced:
            found.append(
                f"{sum(count for _, count in self.unplaced)} nuclei of {name} are in fields that plate {self.plate.name} "
                f"does not have and are left out: {examples([str(place) for place, _ in self.unplaced])}."
            )
        counts = [self._points(*key) for key in self.spots]
        nowhere, twice = sum(count[1] for count in counts), sum(count[2] for count in counts)
        if nowhere:
            found.append(f"{nowhere} rows of {name} have no location and are left out.")
        if twice:
            found.append(f"{twice} rows of {name} have the same location as another one in their field and are left out.")
        return found + self._without_nuclei()

    def _without_nuclei(self) -> list[str]:
        name = self.path.name
        wells = [well for well in self.plate.wells.values() if well.has_images]
        seen = {well for well, _ in self.spots}
        empty = [well.name for well in wells if well.name not in seen]
        fields = [
            field.key
            for well in wells
            for field in well.fields.values()
            if well.name in seen and field.planes and (well.name, field.number) not in self.spots
        ]
        return [
            f"{name} has no nuclei in {len(keys)} of the {what} that have images: {examples(keys)}."
            for keys, what in ((empty, f"{len(wells)} wells"), (fields, "fields of other wells"))
            if keys
        ]
