"""Harmony and Columbus exports of the Operetta and the Opera Phenix: ``Index.idx.xml`` or ``Index.xml`` beside the images."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from napari_mid.errors import PlateFormatError, PlateMapError, WellError
from napari_mid.plates.field import AS_STORED, Channel, Field, Plane, Reading
from napari_mid.plates.flat_field import FlatField
from napari_mid.plates.folder import IndexFolder, declared_warnings, examples
from napari_mid.plates.formats._harmony_flat_field import index_flat_field
from napari_mid.plates.formats._harmony_index import ROOT, HarmonyIndex, Record, read_index
from napari_mid.plates.formats._harmony_layout import find_layout, read_layout
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.plate_map import PlateMap
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import standard_plate_size, well_name

NAME = "Harmony"

#: What `napari-mid simulate` writes as the instrument; plates with it are said to be simulated wherever they are shown.
SIMULATED_INSTRUMENT = "napari-mid simulation"

#: The last is what Columbus exports.
_INDEX_NAMES = ("index.idx.xml", "index.xml", "imageindex.columbusidx.xml")
#: Powers of ten from the units of the index to micrometres.
_TO_UM = {"m": 6, "mm": 3, "um": 0, "µm": 0, "μm": 0, "nm": -3}
_LAST_ROW, _LAST_COLUMN = 32, 48


def can_read(path: Path) -> bool:
    """Whether `path` is a Harmony index, or a folder with one in it, in its ``Images`` folder or in its only measurement."""
    return index_file(path) is not None


def index_file(path: Path) -> Path | None:
    """The Harmony index that `path` means, or None."""
    if path.is_dir():
        here = _index_of_measurement(path)
        if here is not None:
            return here
        # the plate's own folder holds a folder for each measurement, "Plate__2026-11-22-Measurement 1"
        below = [index for child in _children(path) if child.is_dir() and (index := _index_of_measurement(child)) is not None]
        return below[0] if len(below) == 1 else None
    if path.name.casefold() in _INDEX_NAMES:
        return path
    return path if path.suffix.casefold() == ".xml" and _looks_like_index(path) else None


def _index_of_measurement(path: Path) -> Path | None:
    for folder in (path, *(child for child in _children(path) if child.name.casefold() == "images" and child.is_dir())):
        names = {child.name.casefold(): child for child in _children(folder)}
        for name in _INDEX_NAMES:
            if name in names and names[name].is_file():
                return names[name]
    return None


def _children(folder: Path) -> list[Path]:
    try:
        # names, since comparing thousands of paths takes longer than listing them
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def _looks_like_index(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return f"<{ROOT}".encode() in file.read(4096)
    except OSError:
        return False


def read(path: Path) -> Plate:
    """Read the index of the plate at `path`, a folder or the index itself.

    Declared images that are absent are counted, not invented; a damaged index gives the images before the damage, with a warning.

    Raises
    ------
    PlateFormatError
        If there is no index, or it makes no sense.
    """
    index_path = index_file(path)
    if index_path is None:
        raise PlateFormatError(f"{path} has no Index.idx.xml or Index.xml.")
    return _PlateBuilder(index_path, read_index(index_path)).plate(path)


@dataclass
class _FieldDraft:
    planes: list[Plane] = field(default_factory=list)
    position_um: tuple[float, float] | None = None


class _PlateBuilder:
    """Turns the records of an index into a plate, collecting what does not make sense as warnings."""

    def __init__(self, index_path: Path, index: HarmonyIndex) -> None:
        self.path = index_path
        self.index = index
        self.warnings: list[str] = []
        self.missing: list[str] = []
        self.refused: list[str] = []
        self.fields: dict[tuple[int, int], dict[int, _FieldDraft]] = {}
        self.nonsense = 0
        self.repeated: list[str] = []
        if index.damage is not None:
            self.warnings.append(
                f"{index_path.name} is damaged ({index.damage}); only the {len(index.images)} images before that are known."
            )

    def plate(self, path: Path) -> Plate:
        """The plate; `path` is where the user found it."""
        about = self.index.plates[0] if self.index.plates else {}
        channel_ids = self._channel_ids()
        channels = self._channels(channel_ids)
        self._collect_planes({channel_id: index for index, channel_id in enumerate(channel_ids)})
        positions = self._well_positions()
        if not positions:
            raise PlateFormatError(f"{self.path} declares no well and no image.")
        rows, columns = self._size(positions)
        name = about.get("Name") or about.get("PlateID") or _folder_name(self.path)
        pixel_size = self._pixel_size()
        flat_fields = self._flat_fields(channel_ids, channels)
        reading = Reading(flat_field="index", flat_fields=flat_fields) if flat_fields else AS_STORED
        wells = {}
        for position in sorted(positions):
            well = well_name(*position)
            drafts = self.fields.get(position, {})
            fields = {
                number: Field(name, well, number, tuple(draft.planes), channels, draft.position_um, pixel_size, reading)
                for number, draft in sorted(drafts.items())
            }
            wells[well] = Well(name, well, fields)
        layout = self._layout()
        self._summarise()
        return Plate(
            name=name,
            path=path,
            format=NAME,
            rows=rows,
            columns=columns,
            channels=channels,
            wells=wells,
            pixel_size_um=pixel_size,
            n_images=len(self.index.images),
            missing_files=tuple(self.missing),
            warnings=tuple(self.warnings),
            plate_map=layout,
            simulated=self.index.instrument == SIMULATED_INSTRUMENT,
            index_flat_fields=flat_fields,
            reading=reading,
        )

    def _channel_ids(self) -> list[str]:
        used = {image.get("ChannelID", "") for image in self.index.images} - {""}
        if not used:
            used = {channel_id for channel_id, record in self.index.channels.items() if "ChannelName" in record}
        return sorted(used, key=lambda text: (_whole(text) is None, _whole(text) or 0, text))

    def _channels(self, channel_ids: list[str]) -> tuple[Channel, ...]:
        """Channels in the order of their ids; old versions describe them in each image, new ones once, in the maps."""
        first_image: dict[str, Record] = {}
        for image in self.index.images:
            first_image.setdefault(image.get("ChannelID", ""), image)
        channels: list[Channel] = []
        names: set[str] = set()
        for channel_id in channel_ids:
            about = {**self.index.channels.get(channel_id, {}), **first_image.get(channel_id, {})}
            name = about.get("ChannelName") or f"Channel {channel_id}"
            if name.casefold() in names:
                self.warnings.append(f"Two channels are called {name}; the one with the id {channel_id} is shown with its id.")
                name = f"{name} (id {channel_id})"
            names.add(name.casefold())
            emission = _wavelength(about.get("MainEmissionWavelength"))
            excitation = _wavelength(about.get("MainExcitationWavelength"))
            channels.append(Channel(name, guess_role(name, emission), emission, excitation))
        return tuple(channels)

    def _flat_fields(self, channel_ids: list[str], channels: tuple[Channel, ...]) -> tuple[FlatField | None, ...]:
        """The profiles of the channels, in their order; empty where no channel has one."""
        found: list[FlatField | None] = []
        for channel_id, channel in zip(channel_ids, channels, strict=True):
            text = self.index.channels.get(channel_id, {}).get("FlatfieldProfile")
            try:
                found.append(index_flat_field(text) if text else None)
            except ValueError as error:
                found.append(None)
                self.warnings.append(
                    f"The flat-field profile of {channel.name} in {self.path.name} cannot be used ({error}); "
                    "the channel is shown without correction."
                )
        return tuple(found) if any(found) else ()

    def _pixel_size(self) -> float | None:
        for record in (*self.index.images[:1], *self.index.channels.values()):
            size = _micrometres(record, "ImageResolutionX")
            if size is not None and size > 0:
                return size
        return None

    def _collect_planes(self, channel_index: Mapping[str, int]) -> None:
        folder = IndexFolder(self.path.parent)
        seen: set[tuple[int, int, int, int, int, int]] = set()
        for image in self.index.images:
            row, column, number = _whole(image.get("Row")), _whole(image.get("Col")), _whole(image.get("FieldID"))
            channel = channel_index.get(image.get("ChannelID", ""))
            url = image.get("URL")
            if (
                not (row and column and row <= _LAST_ROW and column <= _LAST_COLUMN)
                or number is None
                or channel is None
                or not url
            ):
                self.nonsense += 1
                continue
            draft = self.fields.setdefault((row, column), {}).setdefault(number, _FieldDraft())
            if draft.position_um is None:
                draft.position_um = _position(image)
            z, time = _whole(image.get("PlaneID")), _whole(image.get("TimepointID"))
            key = (row, column, number, channel, 1 if z is None else z, 1 if time is None else time)
            if key in seen:
                self.repeated.append(url)
                continue
            seen.add(key)
            try:
                file = folder.find(url)
            except ValueError:
                self.refused.append(url)
                continue
            if file is None:
                self.missing.append(url)
                continue
            draft.planes.append(Plane(file, channel, key[4], key[5], _whole(image.get("URL@BufferNo")) or 0))

    def _well_positions(self) -> set[tuple[int, int]]:
        declared = [(well.get("Row"), well.get("Col")) for well in self.index.wells]
        # "0304" is row 3, column 4
        declared += [(text[:2], text[2:]) for text in self.index.well_ids if re.fullmatch(r"\d{4}", text)]
        positions = set(self.fields)
        for row_text, column_text in declared:
            row, column = _whole(row_text), _whole(column_text)
            if row and column and row <= _LAST_ROW and column <= _LAST_COLUMN:
                positions.add((row, column))
        return positions

    def _layout(self) -> PlateMap | None:
        path = find_layout(self.path.parent)
        try:
            return read_layout(path) if path is not None else None
        except PlateMapError as error:
            self.warnings.append(f"The plate layout of Harmony is not used: {error}")
            return None

    def _size(self, positions: set[tuple[int, int]]) -> tuple[int, int]:
        plates = self.index.plates
        rows, columns = (max((_whole(one.get(name)) or 0 for one in plates), default=0) for name in ("PlateRows", "PlateColumns"))
        if rows and columns and rows <= _LAST_ROW and columns <= _LAST_COLUMN:
            if all(row <= rows and column <= columns for row, column in positions):
                return rows, columns
            self.warnings.append(f"{self.path.name} declares {rows} x {columns} wells but has wells beyond them.")
        else:
            self.warnings.append(f"{self.path.name} does not tell the size of the plate; the smallest one that fits is shown.")
        try:
            return standard_plate_size(positions)
        except WellError as error:
            raise PlateFormatError(f"{self.path}: {error}") from error

    def _summarise(self) -> None:
        total = len(self.index.images)
        if len(self.index.plates) > 1:
            names = [about.get("Name") or about.get("PlateID") or "without a name" for about in self.index.plates]
            # an image does not say which plate it is of
            self.warnings.append(
                f"{self.path.name} declares {len(names)} plates ({examples(names)}); their wells are shown as one plate."
            )
        if not total:
            self.warnings.append(f"{self.path.name} declares no image.")
        self.warnings += declared_warnings(self.path.name, total, self.missing, self.refused, self.repeated)
        if self.nonsense:
            self.warnings.append(
                f"{self.nonsense} of the {total} images in {self.path.name} lack a well, field, channel or file name "
                "that makes sense, and are left out."
            )


def _folder_name(index_path: Path) -> str:
    folder = index_path.parent
    return folder.parent.name if folder.name.casefold() == "images" and folder.parent.name else folder.name or "plate"


def _whole(text: str | None) -> int | None:
    """A whole number >= 0 of at most 9 digits, else None: the text may be damaged."""
    return int(text) if text is not None and len(text) < 10 and text.isascii() and text.isdecimal() else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _wavelength(text: str | None) -> float | None:
    """In nanometres; 0 stands for none, as with transmitted light."""
    value = _number(text)
    return value if value is not None and value > 0 else None


def _micrometres(record: Record, name: str) -> float | None:
    text, power = record.get(name), _TO_UM.get(record.get(f"{name}@Unit", "m"))
    if text is None or power is None or _number(text) is None:
        return None
    # in decimal, so that 5.98E-07 m is 0.598 and not 0.5979999999999999
    try:
        return float(Decimal(text).scaleb(power))
    except ArithmeticError:  # an exponent beyond what decimals can hold
        return None


def _position(image: Record) -> tuple[float, float] | None:
    """Stage position (y, x) in µm with y growing downwards; Harmony's grows upwards."""
    y, x = _micrometres(image, "PositionY"), _micrometres(image, "PositionX")
    if y is None or x is None:
        return None
    return 0.0 - y, x
