"""A field of view: its channels, the files of its planes, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError
from napari_mid.plates.flat_field import FlatField
from napari_mid.plates.pixels import read_plane

ROLES = ("nucleus", "ros", "mmp", "dead", "er", "rna", "agp", "mito", "actin", "other")


#: Where the correction of uneven illumination comes from.
FLAT_FIELD_SOURCES = ("off", "index", "estimated")


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
    colour
        ``#rrggbb`` in which the file wants the channel shown, where it tells.
    """

    name: str
    role: str = "other"
    wavelength_nm: float | None = None
    excitation_nm: float | None = None
    colour: str | None = None


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

    @property
    def name(self) -> str:
        """Name of the file, for tables and messages."""
        return self.path.name

    @property
    def factors(self) -> tuple[float, ...]:
        """How much smaller each stored resolution is than the first: ``(1.0, 2.0, 4.0)`` for a pyramid of three levels."""
        return (1.0,)

    def read(self, level: int = 0) -> NDArray[Any]:
        """Read the image as (Y, X) in the type it is stored in, at one of the resolutions in `factors`.

        Raises
        ------
        ImageReadError
            If it is absent, damaged, or not two-dimensional.
        """
        return read_plane(self)


@dataclass(frozen=True)
class Reading:
    """How the images of a plate are read.

    Parameters
    ----------
    time
        Number of the time point; the first of each field where None.
    z
        Number of the focal plane; the maximum of all where None.
    flat_field
        Where `flat_fields` come from, one of `FLAT_FIELD_SOURCES`.
    flat_fields
        Sensitivity over the field by channel, None for a channel that is left as it is; empty where `flat_field` is ``"off"``.
    """

    time: int | None = None
    z: int | None = None
    flat_field: str = "off"
    flat_fields: tuple[FlatField | None, ...] = ()

    def facts(self) -> dict[str, int | str]:
        """The choices in words that a record keeps."""
        return {
            "time_point": "first" if self.time is None else self.time,
            "focal_plane": "maximum projection" if self.z is None else self.z,
            "flat_field": self.flat_field,
        }


#: The first time point, the maximum of the focal planes, no correction.
AS_STORED = Reading()


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
    reading
        Which time point and focal plane are read where the caller does not say, and the correction that `images` applies.
    """

    plate: str
    well: str
    number: int
    planes: tuple[Plane, ...]
    channels: tuple[Channel, ...]
    position_um: tuple[float, float] | None = None
    pixel_size_um: float | None = None
    reading: Reading = AS_STORED

    @property
    def key(self) -> str:
        """For messages: ``"B03 field 2"``."""
        return f"{self.well} field {self.number}"

    def planes_of(self, channel: int, *, time: int | None = None, z: int | None = None) -> tuple[Plane, ...]:
        """The planes of `channel` at one time point, sorted by z.

        Where `time` or `z` is None, `reading` says which; without a choice these are all planes of the first time point.
        """
        time = self.reading.time if time is None else time
        z = self.reading.z if z is None else z
        if time is None:
            time = min((plane.time for plane in self.planes), default=1)
        planes = [
            plane for plane in self.planes if plane.channel == channel and plane.time == time and (z is None or plane.z == z)
        ]
        return tuple(sorted(planes, key=lambda plane: plane.z))

    def load_channel(self, channel: int, *, time: int | None = None, z: int | None = None, level: int = 0) -> NDArray[Any]:
        """Read one channel as (Y, X) as it is stored; several focal planes become their maximum.

        Parameters
        ----------
        channel
            Index into the plate's channels.
        time, z
            Time point and focal plane; as `reading` says where None.
        level
            Resolution, an index into `Plane.factors`.

        Raises
        ------
        ImageReadError
            If the field has no such image or a file cannot be read.
        """
        planes = self.planes_of(channel, time=time, z=z)
        if not planes:
            raise ImageReadError(f"{self.key} of plate {self.plate} has no image of channel {self._wanted(channel, time, z)}.")
        image = planes[0].read(level)
        for plane in planes[1:]:
            other = plane.read(level)
            if other.shape != image.shape:
                raise ImageReadError(f"{plane.name} is {other.shape}, the other planes of {self.key} are {image.shape}.")
            image = np.maximum(image, other)
        return image

    def _wanted(self, channel: int, time: int | None, z: int | None) -> str:
        time = self.reading.time if time is None else time
        z = self.reading.z if z is None else z
        at = [f"time point {time}"] * (time is not None) + [f"focal plane {z}"] * (z is not None)
        return self.channels[channel].name + (f" at {' and '.join(at)}" if at else "")

    def load(self, channels: Sequence[int] | None = None, *, time: int | None = None, z: int | None = None) -> NDArray[Any]:
        """Read the field as (C, Y, X), as it is stored: no flat-field correction, see `napari_mid.images.fields.load_field`.

        Parameters
        ----------
        channels
            Indices into the plate's channels, in the order wanted; all of them where None.
        time, z
            Time point and focal plane; as `reading` says where None.

        Raises
        ------
        ImageReadError
            If a channel is missing, a file cannot be read, or the channels differ in size.
        """
        wanted = range(len(self.channels)) if channels is None else channels
        return self.stack([self.load_channel(channel, time=time, z=z) for channel in wanted])

    def stack(self, images: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Join channels (Y, X) to (C, Y, X).

        Raises
        ------
        ImageReadError
            If they differ in size.
        """
        shapes = {image.shape for image in images}
        if len(shapes) > 1:
            raise ImageReadError(f"The channels of {self.key} of plate {self.plate} differ in size: {sorted(shapes)}.")
        return np.stack(images)
