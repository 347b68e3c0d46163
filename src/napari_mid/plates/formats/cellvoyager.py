"""Yokogawa CellVoyager measurements (CV7000, CV8000): ``MeasurementData.mlf`` and its companions beside the images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.folder import IndexFolder, declared_warnings, examples, is_folder
from napari_mid.plates.formats._cellvoyager_settings import ChannelSettings, Measurement, read_measurement
from napari_mid.plates.formats._cellvoyager_xml import ImageRecord, MeasurementData, head_has_root, read_data
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import standard_plate_size, well_name

NAME = "CellVoyager"

_INDEX_NAME = "MeasurementData.mlf"
#: Files beside the index that a person may point at instead.
_COMPANIONS = (".mrf", ".mes", ".wpi", ".wpp")

#: Channel number, projection and, where several actions image one channel, the action (else 0).
_ChannelId = tuple[int, str, int]


def can_read(path: Path) -> bool:
    """Whether `path` is a ``.mlf``, a file that belongs to one, or a folder with one in it or in a single folder below."""
    return index_file(path) is not None


def index_file(path: Path) -> Path | None:
    """The ``MeasurementData.mlf`` that `path` means, or None."""
    if os.path.isdir(path):
        here = _index_in(path)
        if here is not None:
            return here
        # the microscope puts each measurement of a plate into a folder of its own
        below = [index for child in _folders(path) if (index := _index_in(child)) is not None]
        return below[0] if len(below) == 1 else None
    suffix = path.suffix.casefold()
    if suffix == ".mlf":
        return path if head_has_root(path, "MeasurementData") else None
    return _index_in(path.parent) if suffix in _COMPANIONS else None


def _index_in(folder: Path) -> Path | None:
    index = folder / _INDEX_NAME
    if not os.path.exists(index):
        # copies between systems may have turned capitals into small letters
        name = next((name for name in _listed(folder) if name.casefold() == _INDEX_NAME.casefold()), _INDEX_NAME)
        index = folder / name
    return index if head_has_root(index, "MeasurementData") else None


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _folders(path: Path) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries if is_folder(entry))
    except OSError:
        return
    for name in names:
        yield path / name


def read(path: Path) -> Plate:
    """Read the index of the measurement at `path`, its folder or one of its files.

    Declared images that are absent are counted, not invented; without ``.mrf`` or ``.mes`` the plate opens with less known
    about it, and a damaged ``.mlf`` gives the images before the damage, each with a warning.

    Raises
    ------
    PlateFormatError
        If there is no index, or it makes no sense.
    """
    index_path = index_file(path)
    if index_path is None:
        raise PlateFormatError(f"{path} has no {_INDEX_NAME} of a CellVoyager.")
    data = read_data(index_path)
    folder = IndexFolder(index_path.parent)
    return _PlateBuilder(index_path, folder, data, read_measurement(folder)).plate(path)


class _PlateBuilder:
    """Turns the records of an index into a plate, collecting what does not make sense as warnings."""

    def __init__(self, index_path: Path, folder: IndexFolder, data: MeasurementData, measurement: Measurement) -> None:
        self.path = index_path
        self.folder = folder
        self.data = data
        self.measurement = measurement
        self.warnings: list[str] = []
        self.missing: list[str] = []
        self.refused: list[str] = []
        self.repeated: list[str] = []
        self.fields: dict[tuple[int, int], dict[int, list[Plane]]] = {}
        #: numbers of the time points by (timeline, time point); empty where the file's own are clear
        self.times: dict[tuple[int, int], int] = {}
        #: (channel, projection) that several actions image
        self.several_actions: set[tuple[int, str]] = set()
        if data.damage is not None:
            self.warnings.append(
                f"{index_path.name} is damaged or still being written ({data.damage}); only the {len(data.images)} images "
                "before that are known."
            )
        self.warnings += measurement.warnings

    def plate(self, path: Path) -> Plate:
        """The plate; `path` is where the user found it."""
        self._tell_apart()
        ids = sorted({self._channel_id(image) for image in self.data.images})
        channels = self._channels(ids)
        self._collect_planes({channel_id: index for index, channel_id in enumerate(ids)})
        positions = set(self.fields) | self.data.failed_wells
        if not positions:
            raise PlateFormatError(f"{self.path} declares no well and no image.")
        rows, columns = self._size(positions)
        name = (self.measurement.names or [self.path.parent.name or "plate"])[0]
        pixel_size = self._pixel_size(ids)
        wells = {}
        for position in sorted(positions):
            well = well_name(*position)
            fields = {
                number: Field(name, well, number, tuple(planes), channels, self._position(*position, number), pixel_size)
                for number, planes in sorted(self.fields.get(position, {}).items())
            }
            wells[well] = Well(name, well, fields)
        self._summarise(positions)
        return Plate(
            name=name,
            path=path,
            format=NAME,
            rows=rows,
            columns=columns,
            channels=channels,
            wells=wells,
            pixel_size_um=pixel_size,
            n_images=self.data.n_declared,
            missing_files=tuple(self.missing),
            warnings=tuple(self.warnings),
        )

    def _tell_apart(self) -> None:
        """Find out whether images differ in nothing but their timeline or their action, which then have to be told apart."""
        first: dict[tuple[int | str, ...], tuple[int, int]] = {}
        timelines = False
        for image in self.data.images:
            key = (image.row, image.column, image.field, image.channel, image.processing, image.z, image.time)
            timeline, action = first.setdefault(key, (image.timeline, image.action))
            if timeline != image.timeline:
                timelines = True
            elif action != image.action:
                self.several_actions.add((image.channel, image.processing))
        if timelines:
            # timelines run one after the other
            there = sorted({(image.timeline, image.time) for image in self.data.images})
            self.times = {key: number for number, key in enumerate(there, start=1)}
            self.warnings.append(
                f"{self.path.name} images the same fields in {len({key[0] for key in there})} timelines; their time points are "
                f"numbered one after the other, from 1 to {len(there)}."
            )

    def _channel_id(self, image: ImageRecord) -> _ChannelId:
        action = image.action if (image.channel, image.processing) in self.several_actions else 0
        return image.channel, image.processing, action

    def _channels(self, ids: list[_ChannelId]) -> tuple[Channel, ...]:
        """Channels in the order of their numbers; a projection beside the planes it is made of is a channel of its own."""
        channels: list[Channel] = []
        names: set[str] = set()
        for number, processing, action in ids:
            about = self.measurement.channels.get(number, ChannelSettings())
            base = about.name or f"C{number:02d}"
            notes = [f"action {action}"] * (action > 0)
            if processing and any(other[0] == number and other[1] != processing for other in ids):
                notes.insert(0, f"{processing.casefold()} projection")
            name = base + (f" ({', '.join(notes)})" if notes else "")
            if name.casefold() in names:
                self.warnings.append(f"Two channels are called {name}; the one with the number {number} is shown with it.")
                name = f"{name} (C{number:02d})"
            names.add(name.casefold())
            channels.append(Channel(name, guess_role(base, about.wavelength_nm), about.wavelength_nm, about.excitation_nm))
        return tuple(channels)

    def _pixel_size(self, ids: list[_ChannelId]) -> float | None:
        known = {number: self.measurement.channels.get(number, ChannelSettings()).pixel_size_um for number, _, _ in ids}
        sizes = [size for size in known.values() if size is not None]
        if len(set(sizes)) > 1:
            self.warnings.append(
                f"The channels differ in pixel size ({', '.join(f'{size:g}' for size in sorted(set(sizes)))} µm); that of the "
                f"first, {sizes[0]:g} µm, is used for all."
            )
        return sizes[0] if sizes else None

    def _position(self, row: int, column: int, number: int) -> tuple[float, float] | None:
        """Stage position (y, x) in µm, y growing downwards.

        The file's grows upwards: field 1 of the usual snake, at the top left, has the largest Y, and fmi-faim/faim-ipa and
        the Fractal converters, both used with these microscopes, turn its sign when they stitch.
        """
        position = self.data.positions.get((row, column, number))
        return None if position is None else (0.0 - position[1], position[0])

    def _collect_planes(self, channel_index: dict[_ChannelId, int]) -> None:
        seen: set[tuple[int, ...]] = set()
        for image in self.data.images:
            planes = self.fields.setdefault((image.row, image.column), {}).setdefault(image.field, [])
            channel = channel_index[self._channel_id(image)]
            time = self.times.get((image.timeline, image.time), image.time)
            key = (image.row, image.column, image.field, channel, image.z, time)
            if key in seen:
                self.repeated.append(image.name)
                continue
            seen.add(key)
            try:
                file = self._file(image.name)
            except ValueError:
                self.refused.append(image.name)
                continue
            if file is None:
                self.missing.append(image.name)
                continue
            planes.append(Plane(file, channel, image.z, time))

    def _file(self, name: str) -> Path | None:
        """The file called `name`; the index keeps saying .tif where somebody has turned the images into PNG to save space."""
        file = self.folder.find(name)
        stem, dot, suffix = name.rpartition(".")
        if file is None and dot and suffix.casefold() in ("tif", "tiff"):
            file = self.folder.find(f"{stem}.png")
        return file

    def _size(self, positions: set[tuple[int, int]]) -> tuple[int, int]:
        if self.measurement.size is not None:
            rows, columns = self.measurement.size
            if all(row <= rows and column <= columns for row, column in positions):
                return rows, columns
            self.warnings.append(
                f"The plate is said to have {rows} x {columns} wells, but {self.path.name} has wells beyond them."
            )
        try:
            return standard_plate_size(positions)
        except WellError as error:
            raise PlateFormatError(f"{self.path}: {error}") from error

    def _summarise(self, positions: set[tuple[int, int]]) -> None:
        data, name = self.data, self.path.name
        total = data.n_declared
        if not total:
            self.warnings.append(f"{name} declares no image.")
        if data.n_failed:
            wells = [well_name(*position) for position in sorted(data.failed_wells)]
            where = f" in {examples(wells)}" if wells else ""
            self.warnings.append(f"The microscope failed to take {data.n_failed} images{where}; they do not count as images.")
        self.warnings += declared_warnings(name, total, self.missing, self.refused, self.repeated)
        if data.n_nonsense:
            self.warnings.append(
                f"{data.n_nonsense} of the {total} images in {name} lack a well, field, channel or file name that makes sense, "
                "and are left out."
            )
        if data.moved:
            moved = [f"{well_name(row, column)} field {number}" for row, column, number in sorted(data.moved)]
            self.warnings.append(
                f"{len(moved)} fields were imaged at several stage positions; the first of each is used: {examples(moved)}."
            )
        unmet = sorted(self.measurement.planned - positions)
        if unmet:
            self.warnings.append(
                f"{len(unmet)} wells that were to be imaged are not in {name}: "
                f"{examples([well_name(*position) for position in unmet])}."
            )
