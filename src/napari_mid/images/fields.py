"""The pixels of a field as every later step sees them: the chosen time point and focal plane, flat-field corrected."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.plates.field import Field, Plane
from napari_mid.plates.flat_field import FlatField
from napari_mid.plates.pixels import Target, put, read_plane

#: Pixels that are corrected at once; so many stay in the processor's cache.
PART_PX = 128 * 1024


def load_field(field: Field, channels: Sequence[int] | None = None) -> NDArray[Any]:
    """Read `field` as (C, Y, X) in the type of the files, with the flat-field correction of its `reading`.

    Parameters
    ----------
    field
        What to read.
    channels
        Indices into the plate's channels, in the order wanted; all of them where None.

    Raises
    ------
    ImageReadError
        If a channel is missing, a file cannot be read, or the channels differ in size.
    """
    wanted = range(len(field.channels)) if channels is None else channels
    return field.stack([load_field_channel(field, channel) for channel in wanted])


def load_field_channel(field: Field, channel: int, level: int = 0, target: Target | None = None) -> NDArray[Any]:
    """Like `load_field`, one channel (Y, X), at one of the resolutions in `Plane.factors`.

    Parameters
    ----------
    field, channel, level
        What to read.
    target
        Asked once, when shape and type are known; the array that it gives is filled and returned.

    Raises
    ------
    ImageReadError
        If the field has no such image or a file cannot be read.
    """
    planes = field.planes_of(channel)
    if target is None:
        image = field.load_channel(channel, level=level)
    elif len(planes) == 1 and type(planes[0]) is Plane:  # a plane of another kind reads itself in its own way
        image = read_plane(planes[0], target)
    else:
        image = put(field.load_channel(channel, level=level), target)
    flat_fields = field.reading.flat_fields
    flat_field = flat_fields[channel] if flat_fields else None
    # nobody else has the image yet, so it is corrected where it lies
    return image if flat_field is None else correct(image, flat_field, out=image if image.flags.writeable else None)


def coarse_level(field: Field, channel: int, edge_px: int) -> int:
    """The coarsest stored resolution of `channel` whose longer side has at least `edge_px` pixels; 0 where none is stored.

    Only the coarser ones are read to find out, which together are at most a third of the full image.

    Raises
    ------
    ImageReadError
        If one of them cannot be read.
    """
    plane = field.planes_of(channel)[0]
    for level in range(len(plane.factors) - 1, 0, -1):
        if max(plane.read(level).shape) >= edge_px:
            return level
    return 0


def correct(image: NDArray[Any], flat_field: FlatField, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Divide what lies above the camera's offset in `image` (Y, X) by the sensitivity over the field.

    Whole numbers are rounded and stay in the range of their type. `out` takes the result, and may be `image` itself.
    """
    gain = _gain(flat_field, (image.shape[0], image.shape[1]))
    offset = np.float32(flat_field.offset)
    corrected = np.empty_like(image) if out is None else out
    limits = np.iinfo(image.dtype) if np.issubdtype(image.dtype, np.integer) else None
    rows = max(1, PART_PX // image.shape[1])
    buffer = np.empty((rows, image.shape[1]), dtype=np.result_type(image.dtype, gain.dtype))
    for top in range(0, len(image), rows):
        part = buffer[: len(image) - top]
        np.copyto(part, image[top : top + rows])
        if offset:
            part -= offset
        part *= gain[top : top + rows]
        if offset:
            part += offset
        if limits is not None:
            np.rint(part, out=part)
            # a saturated pixel must not come out as a dark one, nor one below the offset as a bright one
            np.clip(part, limits.min, limits.max, out=part)
        np.copyto(corrected[top : top + rows], part, casting="unsafe")
    return corrected


@lru_cache(maxsize=32)
def _gain(flat_field: FlatField, shape: tuple[int, int]) -> NDArray[np.float32]:
    gain: NDArray[np.float32] = np.reciprocal(flat_field.profile(shape))
    return gain
