"""The plate as the microscope left it: Plate > Well > Field > Channel, in memory an index, never pixels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ChannelError, ImageReadError, WellError
from napari_mid.plates.pixels import read_plane

if TYPE_CHECKING:
    from napari_mid.plates.plate_map import PlateMap

ROLES = ("nucleus", "ros", "mmp", "dead", "er", "rna", "agp", "mito", "actin", "other")

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


@dataclass(frozen=True, slots=True)
class Channel:
    """One stain or imaging mode of a plate.

    Parameters
    ----------
    name
        As the microscope spells it.
    role
        What it shows, one of `ROLES`.
    wavelength_nm
        Emission wavelength in nanometres, where the index tells.
    excitation_nm
        Excitation wavelength in nanometres, where the index tells.
    """

    name: str
    role: str = "other"
    wavelength_nm: float | None = None
    excitation_nm: float | None = None


@dataclass(frozen=True, slots=True)
class Plane:
    """One two-dimensional image on disk.

    Parameters
    ----------
    path
        The file.
    channel
        Index into the plate's channels.
    z, time
        The microscope's own numbers of the focal plane and the time point.
    page
        Which page of a multi-page file.
    """

    path: Path
    channel: int
    z: int = 1
    time: int = 1
    page: int = 0


@dataclass(frozen=True)
class Field:
    """One field of view; knows its files and reads them when asked.

    Parameters
    ----------
    plate, well, number
        The key; `number` is the microscope's own.
    planes
        Every image of the field that is on disk.
    channels
        The plate's channels, in order.
    position_um
        Stage position (y, x) of the centre in micrometres, y growing *downwards* as in the image, where known.
    pixel_size_um
        Edge of a pixel in micrometres, where known.
    """

    plate: str
    well: str
    number: int
    planes: tuple[Plane, ...]
    channels: tuple[Channel, ...]
    position_um: tuple[float, float] | None = None
    pixel_size_um: float | None = None

    @property
    def key(self) -> str:
        """For messages: ``"B03 field 2"``."""
        return f"{self.well} field {self.number}"

    def planes_of(self, channel: int, *, time: int | None = None, z: int | None = None) -> tuple[Plane, ...]:
        """The planes of `channel` at one time point (the first where None), sorted by z, or only the one at `z`."""
        planes = [plane for plane in self.planes if plane.channel == channel]
        if time is None:
            time = min((plane.time for plane in self.planes), default=1)
        planes = [plane for plane in planes if plane.time == time and (z is None or plane.z == z)]
        return tuple(sorted(planes, key=lambda plane: plane.z))

    def load_channel(self, channel: int, *, time: int | None = None, z: int | None = None) -> NDArray[Any]:
        """Read one channel as (Y, X) in the type of the file; several focal planes become their maximum.

        Raises
        ------
        ImageReadError
            If the field has no image of that channel or a file cannot be read.
        """
        planes = self.planes_of(channel, time=time, z=z)
        if not planes:
            raise ImageReadError(f"{self.key} of plate {self.plate} has no image of channel {self.channels[channel].name}.")
        image = read_plane(planes[0])
        for plane in planes[1:]:
            other = read_plane(plane)
            if other.shape != image.shape:
                raise ImageReadError(f"{plane.path.name} is {other.shape}, the other planes of {self.key} are {image.shape}.")
            image = np.maximum(image, other)
        return image

    def load(self, channels: Sequence[int] | None = None, *, time: int | None = None, z: int | None = None) -> NDArray[Any]:
        """Read the field as (C, Y, X).

        Parameters
        ----------
        channels
            Indices into the plate's channels, in the order wanted; all of them where None.
        time, z
            Time point (the first where None) and focal plane (the maximum of all where None).

        Raises
        ------
        ImageReadError
            If a channel is missing, a file cannot be read, or the channels differ in size.
        """
        wanted = range(len(self.channels)) if channels is None else channels
        images = [self.load_channel(channel, time=time, z=z) for channel in wanted]
        shapes = {image.shape for image in images}
        if len(shapes) > 1:
            raise ImageReadError(f"The channels of {self.key} of plate {self.plate} differ in size: {sorted(shapes)}.")
        return np.stack(images)


@dataclass(frozen=True)
class Well:
    """One well.

    Parameters
    ----------
    plate, name
        The key.
    fields
        By the microscope's own number.
    condition
        The well's row of the plate map.
    parent
        The plate, where the well was taken as ``plate["B03"]``: scoring needs the plate's intensity range.
    """

    plate: str
    name: str
    fields: Mapping[int, Field] = field(default_factory=dict)
    condition: Mapping[str, Any] = field(default_factory=dict)
    parent: Plate | None = field(default=None, repr=False, compare=False)

    @property
    def row(self) -> int:
        """1-based row."""
        return well_position(self.name)[0]

    @property
    def column(self) -> int:
        """1-based column."""
        return well_position(self.name)[1]

    @property
    def has_images(self) -> bool:
        """Whether any file of the well is on disk."""
        return any(field.planes for field in self.fields.values())


@dataclass(frozen=True)
class Plate:
    """A plate: an index of files with what the microscope and the plate map say about them.

    Parameters
    ----------
    name, path, format
        The plate's name, the folder or index it was read from, and the name of the reader.
    rows, columns
        Size of the plate; wells seen may be fewer.
    channels
        In the order of `Field.load`.
    wells
        By name (``"B03"``), in plate order; a well that the index declares but that has no image on disk is here too.
    n_images
        Planes that the index declares, or files found where there is no index.
    missing_files
        Declared files that are absent, relative to the plate's folder.
    plate_map
        The plate map that was joined, if any.
    warnings
        What a person should know, one sentence each.
    simulated
        Whether the images were drawn by `napari-mid simulate`; said wherever they are shown.
    """

    name: str
    path: Path
    format: str
    rows: int
    columns: int
    channels: tuple[Channel, ...]
    wells: Mapping[str, Well]
    pixel_size_um: float | None = None
    n_images: int = 0
    missing_files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    plate_map: PlateMap | None = None
    simulated: bool = False

    def __getitem__(self, name: str) -> Well:
        """The well `name`, with this plate as its parent; ``"B3"`` equals ``"B03"``."""
        name = well_name(*well_position(name))
        try:
            return dataclasses.replace(self.wells[name], parent=self)
        except KeyError:
            raise WellError(
                f"Plate {self.name} has no well {name}; it has {len(self.wells)} wells: {', '.join(list(self.wells)[:6])}, ..."
            ) from None

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, in order."""
        return tuple(channel.name for channel in self.channels)

    def channel_index(self, name: str) -> int:
        """The index of the channel called `name` (upper and lower case are the same).

        Raises
        ------
        ChannelError
            If there is none.
        """
        for index, channel in enumerate(self.channels):
            if channel.name.casefold() == name.casefold():
                return index
        raise ChannelError(f"Plate {self.name} has no channel {name!r}; its channels are {', '.join(self.channel_names)}.")

    def role_index(self, role: str) -> int:
        """The index of the first channel with `role`.

        Raises
        ------
        ChannelError
            If there is none; the message says how to give a channel a role.
        """
        for index, channel in enumerate(self.channels):
            if channel.role == role:
                return index
        raise ChannelError(
            f"No channel of plate {self.name} is known to show the {role}; its channels are {', '.join(self.channel_names)}. "
            f"Say which one with --roles NAME={role} or in the window under Channels."
        )

    def with_roles(self, roles: Mapping[str, str]) -> Plate:
        """The same plate with the roles of some channels changed, for example ``{"Channel2": "nucleus"}``.

        A channel that had one of these roles, and is not named, is ``other`` from then on: the user has said which one shows it.

        Raises
        ------
        ChannelError
            If there is no such channel or no such role.
        """
        by_index = {self.channel_index(name): role for name, role in roles.items()}
        unknown = sorted(set(by_index.values()) - set(ROLES))
        if unknown:
            raise ChannelError(f"{unknown[0]!r} is not a channel role; the roles are {', '.join(ROLES)}.")
        given = set(by_index.values())
        kept = ("other" if channel.role in given else channel.role for channel in self.channels)
        return self._with_channels(
            dataclasses.replace(channel, role=by_index.get(index, role))
            for index, (channel, role) in enumerate(zip(self.channels, kept, strict=True))
        )

    def _with_channels(self, channels: Iterable[Channel]) -> Plate:
        new = tuple(channels)
        wells = {
            name: dataclasses.replace(
                well, fields={number: dataclasses.replace(field, channels=new) for number, field in well.fields.items()}
            )
            for name, well in self.wells.items()
        }
        return dataclasses.replace(self, channels=new, wells=wells)

    def with_plate_map(self, plate_map: PlateMap) -> Plate:
        """The same plate with `plate_map` joined to its wells; wells the map does not know keep an empty condition."""
        wells = {
            name: dataclasses.replace(well, condition=plate_map.conditions.get(name, {})) for name, well in self.wells.items()
        }
        return dataclasses.replace(self, wells=wells, plate_map=plate_map)

    def select_wells(self, spec: str | None) -> list[Well]:
        """The wells with images that `spec` names, in plate order.

        Parameters
        ----------
        spec
            Wells (``"A01,B2"``), rows (``"A"``), ranges of rows or of wells (``"A-D"``, ``"A01-B06"``: the block between),
            separated by commas; all wells where None.

        Raises
        ------
        WellError
            If a name is no well of this plate, or no well is left.
        """
        with_images = [well for well in self.wells.values() if well.has_images]
        if spec is None:
            if not with_images:
                raise WellError(f"No well of plate {self.name} has an image on disk.")
            return with_images
        wanted: set[str] = set()
        for part in filter(None, (part.strip() for part in spec.split(","))):
            wanted |= self._block(part)
        chosen = [well for well in with_images if well.name in wanted]
        if not chosen:
            raise WellError(f"None of the wells {spec} of plate {self.name} has an image on disk.")
        return chosen

    def _block(self, part: str) -> set[str]:
        ends = [end.strip() for end in part.split("-")]
        if len(ends) > 2:
            raise WellError(f"{part!r} is not a range of wells; expected A01-B06 or A-D.")
        if all(re.fullmatch(r"[A-Za-z]{1,2}", end) for end in ends):
            rows = [well_position(end + "1")[0] for end in ends]
            return {name for name, well in self.wells.items() if rows[0] <= well.row <= rows[-1]}
        if len(ends) == 1:
            return {self[ends[0]].name}
        (top, left), (bottom, right) = (well_position(end) for end in ends)
        return {name for name, well in self.wells.items() if top <= well.row <= bottom and left <= well.column <= right}


def standard_plate_size(positions: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """(rows, columns) of the smallest standard plate, 6 to 1,536 wells, that holds all 1-based `positions`."""
    positions = list(positions)
    last_row = max((row for row, _ in positions), default=1)
    last_column = max((column for _, column in positions), default=1)
    for rows, columns in STANDARD_PLATES:
        if last_row <= rows and last_column <= columns:
            return rows, columns
    raise WellError(f"Row {last_row}, column {last_column} lies outside the largest plate of 32 x 48 wells.")
