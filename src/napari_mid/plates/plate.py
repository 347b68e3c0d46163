"""The plate as the microscope left it: Plate > Well > Field > Channel, in memory an index, never pixels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mid.errors import ChannelError, SettingsError, WellError
from napari_mid.plates.field import AS_STORED, ROLES, Channel, Field, Plane, Reading
from napari_mid.plates.flat_field import FlatField
from napari_mid.plates.folder import examples
from napari_mid.plates.well_names import well_name, well_position

if TYPE_CHECKING:
    from napari_mid.plates.plate_map import PlateMap


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
        The plate's name, the folder, index or URL (a string) it was read from, and the name of the reader.
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
        The plate map that was joined, if any; a reader gives the one that the microscope keeps, where it keeps one.
    warnings
        What a person should know, one sentence each.
    simulated
        Whether the images were drawn by `napari-mid simulate`; said wherever they are shown.
    index_flat_fields
        Sensitivity over the field by channel, as the index describes it; empty where it does not.
    reading
        Which time point and focal plane are read, and the flat-field correction; the fields have the same.
    """

    name: str
    path: Path | str
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
    index_flat_fields: tuple[FlatField | None, ...] = ()
    reading: Reading = AS_STORED

    def __getitem__(self, name: str) -> Well:
        """The well `name`, with this plate as its parent; ``"B3"`` equals ``"B03"``."""
        name = well_name(*well_position(name))
        try:
            return dataclasses.replace(self.wells[name], parent=self)
        except KeyError:
            raise WellError(
                f"Plate {self.name} has no well {name}; it has {len(self.wells)} wells: {examples(list(self.wells), 6)}."
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
            f"Say which one beside the plate map in the window, or with --roles NAME={role}."
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
        return self.with_channels(
            dataclasses.replace(channel, role=by_index.get(index, role))
            for index, (channel, role) in enumerate(zip(self.channels, kept, strict=True))
        )

    def with_channels(self, channels: Iterable[Channel]) -> Plate:
        """The same plate with its channels, one for each of before, described anew."""
        new = tuple(channels)
        return dataclasses.replace(self._with_fields(channels=new), channels=new)

    def _with_fields(self, **changes: Any) -> Plate:
        wells = {
            name: dataclasses.replace(
                well, fields={number: dataclasses.replace(field, **changes) for number, field in well.fields.items()}
            )
            for name, well in self.wells.items()
        }
        return dataclasses.replace(self, wells=wells)

    @property
    def time_points(self) -> tuple[int, ...]:
        """Numbers of the time points that any field has."""
        return tuple(sorted({plane.time for plane in self._planes()}))

    @property
    def focal_planes(self) -> tuple[int, ...]:
        """Numbers of the focal planes that any field has."""
        return tuple(sorted({plane.z for plane in self._planes()}))

    def _planes(self) -> Iterator[Plane]:
        return (plane for well in self.wells.values() for field in well.fields.values() for plane in field.planes)

    def with_reading(self, reading: Reading) -> Plate:
        """The same plate, read at another time point or focal plane or with another flat-field correction.

        With ``flat_field="index"`` and no profiles, those of the index are taken.

        Raises
        ------
        SettingsError
            If the plate has no such time point or focal plane, or its index no flat-field profiles.
        """
        for what, wanted, there in (
            ("time point", reading.time, self.time_points),
            ("focal plane", reading.z, self.focal_planes),
        ):
            if wanted is not None and wanted not in there:
                raise SettingsError(f"Plate {self.name} has no {what} {wanted}; it has {', '.join(map(str, there)) or 'none'}.")
        if reading.flat_field == "index" and not reading.flat_fields:
            if not any(self.index_flat_fields):
                raise SettingsError(
                    f"The index of plate {self.name} has no flat-field profiles; choose the flat-field estimated or off."
                )
            reading = dataclasses.replace(reading, flat_fields=self.index_flat_fields)
        return dataclasses.replace(self._with_fields(reading=reading), reading=reading)

    def reading_columns(self) -> dict[str, int | str]:
        """How the images were read, as columns of a table of results; only the choices that this plate leaves.

        For example ``{"Metadata_TimePoint": 1, "Metadata_FocalPlane": "maximum", "Metadata_FlatField": "index"}``.
        """
        found: dict[str, int | str] = {}
        times, reading = self.time_points, self.reading
        if len(times) > 1:
            found["Metadata_TimePoint"] = times[0] if reading.time is None else reading.time
        if len(self.focal_planes) > 1:
            found["Metadata_FocalPlane"] = "maximum" if reading.z is None else reading.z
        if reading.flat_field != "off":
            found["Metadata_FlatField"] = reading.flat_field
        return found

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
