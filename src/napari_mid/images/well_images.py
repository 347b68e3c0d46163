"""The pixels of one well, its fields and channels read in parallel."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError
from napari_mid.images.fields import coarse_level, load_field_channel
from napari_mid.images.layout import WellLayout, well_layout
from napari_mid.images.parallel import in_parallel
from napari_mid.plates.field import Field
from napari_mid.plates.plate import Well
from napari_mid.progress import Progress, Steps

#: Longer side in pixels that the fields of a preview have at least; a smaller stored resolution would show no cells.
PREVIEW_PX = 128


@dataclass(frozen=True)
class WellImages:
    """The fields of one well in memory.

    Parameters
    ----------
    plate, well
        The key.
    fields
        Field number to pixels (C, Y, X), all channels of the plate, in the type of the files.
    layout
        Where the fields lie in the well.
    warnings
        A sentence for each field that could not be read, which is not in `fields`, and for each channel that fields lack.
    absent
        Field number to the channels of which it has no image; they are 0 in `fields`.
    factor
        How much coarser these pixels are than those of the files; more than 1 for a preview.
    canvas
        (C, Y, X) of the whole well, of which `fields` are views unless they overlap; None where they differ in size or type.
    """

    plate: str
    well: str
    fields: Mapping[int, NDArray[Any]]
    layout: WellLayout
    warnings: tuple[str, ...] = ()
    absent: Mapping[int, frozenset[int]] = field(default_factory=dict)
    factor: float = 1.0
    canvas: NDArray[Any] | None = None

    @property
    def nbytes(self) -> int:
        """Memory that the pixels take."""
        apart = [image for image in self.fields.values() if self.canvas is None or not np.may_share_memory(image, self.canvas)]
        return sum(image.nbytes for image in apart) + (0 if self.canvas is None else self.canvas.nbytes)

    def pixels(self, number: int, channels: list[int]) -> NDArray[Any]:
        """Some channels (C, Y, X) of the field `number`.

        Raises
        ------
        ImageReadError
            If the field could not be read, or has no image of one of the channels.
        """
        if number not in self.fields:
            raise ImageReadError(f"{self.well} field {number} of plate {self.plate} could not be read.")
        if not self.absent.get(number, frozenset()).isdisjoint(channels):
            raise ImageReadError(f"{self.well} field {number} of plate {self.plate} lacks a channel that is needed.")
        found: NDArray[Any] = self.fields[number][channels]
        return found

    def mosaic(self, channel: int) -> NDArray[Any]:
        """Channel `channel` of all fields in place, (Y, X); gaps are 0. Where there is a `canvas` it is a view of it."""
        if self.canvas is not None:
            view: NDArray[Any] = self.canvas[channel]
            return view
        canvas = np.zeros(self.layout.shape, dtype=np.result_type(*(image.dtype for image in self.fields.values())))
        for number in sorted(self.fields):
            top, left = self.layout.origins[number]
            image = self.fields[number][channel]
            canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
        return canvas


def load_well(well: Well) -> Steps[WellImages]:
    """Read all fields of `well`, several images at once.

    A field of which a file cannot be read is left out with a warning; a channel of which a field has no image is 0 there.

    Raises
    ------
    ImageReadError
        If no field can be read.
    """
    wanted = [(number, channel) for number in sorted(well.fields) for channel in _present(well.fields[number])]
    gathered = _Gathered(well)
    yield Progress("reading images", 0, len(wanted), well.name)
    with closing(in_parallel(gathered.read, wanted)) as reading:
        for done, ((number, _), finished) in enumerate(reading, start=1):
            try:
                finished.result()
            except ImageReadError as error:
                gathered.problems.setdefault(number, str(error))
            yield Progress("reading images", done, len(wanted), well.fields[number].key)
    return gathered.images()


class _Gathered:
    """The images of a well as they come in.

    In the usual well all images have the size and type of the first one and no fields overlap: they are read onto one canvas, so
    that nothing is copied again for the display. Fields that overlap keep their own pixels and are drawn on the canvas, too.
    """

    def __init__(self, well: Well) -> None:
        self.well = well
        self.problems = {
            number: f"{one.key} of plate {one.plate} has no image on disk."
            for number, one in well.fields.items()
            if not one.planes
        }
        self._lock = threading.Lock()
        self._canvas: NDArray[Any] | None = None
        self._layout: WellLayout | None = None
        self._overlap = False
        self._drawing: dict[int, threading.Lock] = defaultdict(threading.Lock)
        self._drawn: dict[int, list[int]] = defaultdict(list)
        self._places: dict[int, NDArray[Any]] = {}
        self._images: dict[int, dict[int, NDArray[Any]]] = defaultdict(dict)

    def read(self, key: tuple[int, int]) -> None:
        """Read one (field number, channel); called from several threads, so that putting it in place is parallel, too.

        Raises
        ------
        ImageReadError
            If the image cannot be read.
        """
        number, channel = key
        image = load_field_channel(self.well.fields[number], channel, target=partial(self._place, number, channel))
        with self._lock:
            self._images[number][channel] = image
            canvas, drawing = self._canvas, self._drawing[channel]
        if canvas is not None and self._overlap:
            with drawing:
                self._draw(canvas, number, channel)

    def _draw(self, canvas: NDArray[Any], number: int, channel: int) -> None:
        """Copy an image onto the canvas, below those of higher numbers that lie there already."""
        assert self._layout is not None
        self._drawn[channel].append(number)
        for each in sorted(one for one in self._drawn[channel] if one >= number):
            (top, left), (height, width) = self._layout.origins[each], self._layout.shapes[each]
            canvas[channel, top : top + height, left : left + width] = self._places[each][channel]

    def _place(self, number: int, channel: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """Where the image of a field goes, once its size and type are known; None where it fits none of the others."""
        with self._lock:
            if self._layout is None:
                self._prepare((shape[0], shape[1]), dtype)
            if number not in self._places:
                self._places[number] = self._room(number, (shape[0], shape[1]), dtype)
            room = self._places[number]
        return room[channel] if room.shape[1:] == shape and room.dtype == dtype else None

    def _prepare(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        """Lay the fields out as if all images had the size of the first."""
        there = [number for number, one in self.well.fields.items() if one.planes]
        self._layout = well_layout(self.well.fields, dict.fromkeys(there, shape))
        self._overlap = self._layout.overlaps()
        self._canvas = np.zeros((len(self.well.fields[there[0]].channels), *self._layout.shape), dtype=dtype)

    def _room(self, number: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The array (C, Y, X) of one field: a part of the canvas, or one of its own where it does not fit there."""
        if self._canvas is not None and self._layout is not None:
            (top, left), (height, width) = self._layout.origins[number], self._layout.shapes[number]
            if shape != (height, width) or dtype != self._canvas.dtype:
                self._canvas = None  # not as uniform as the first image promised; what lies on it stays valid
            elif not self._overlap:
                part: NDArray[Any] = self._canvas[:, top : top + height, left : left + width]
                return part
        return np.zeros((len(self.well.fields[number].channels), *shape), dtype=dtype)

    def images(self) -> WellImages:
        """The well.

        Raises
        ------
        ImageReadError
            If no field can be read.
        """
        canvas = self._canvas if not self.problems else None
        fields: dict[int, NDArray[Any]] = {}
        for number in sorted(set(self._images) - set(self.problems)):
            images, room = self._images.pop(number), self._places[number]
            if all(np.may_share_memory(image, room) for image in images.values()):
                fields[number] = room
                continue
            canvas = None
            try:
                fields[number] = _stacked(self.well.fields[number], images)
            except ImageReadError as error:
                self.problems[number] = str(error)
        if not fields:
            reason = self.problems[min(self.problems)] if self.problems else "it has no fields."
            raise ImageReadError(f"No field of well {self.well.name} of plate {self.well.plate} can be read: {reason}")
        shapes = {number: (image.shape[1], image.shape[2]) for number, image in fields.items()}
        absent = _absent(self.well, fields)
        warnings = (*(self.problems[number] for number in sorted(self.problems)), *_absent_warnings(self.well, absent))
        layout = well_layout(self.well.fields, shapes)
        return WellImages(self.well.plate, self.well.name, fields, layout, warnings, absent, canvas=canvas)


def preview_well(well: Well) -> WellImages | None:
    """The well at a coarse resolution, quickly, where the plate stores one (a pyramid); else None.

    Where a field cannot be previewed there is none either: the full images, which follow, say what is wrong.
    """
    first = next((one for one in well.fields.values() if one.planes), None)
    if first is None or len(first.planes[0].factors) == 1:
        return None
    wanted = [(number, channel) for number in sorted(well.fields) for channel in _present(well.fields[number])]
    found: dict[int, dict[int, NDArray[Any]]] = defaultdict(dict)
    try:
        level = coarse_level(first, _present(first)[0], PREVIEW_PX)
        if level == 0:
            return None
        with closing(in_parallel(lambda key: load_field_channel(well.fields[key[0]], key[1], level), wanted)) as reading:
            for (number, channel), image in reading:
                found[number][channel] = image.result()
        fields = {number: _stacked(well.fields[number], images) for number, images in found.items()}
    except ImageReadError:
        return None
    if not fields:
        return None
    factor = first.planes[0].factors[level]
    shapes = {number: (image.shape[1], image.shape[2]) for number, image in fields.items()}
    full = well_layout(well.fields, {number: (round(y * factor), round(x * factor)) for number, (y, x) in shapes.items()})
    origins = {number: (math.floor(top / factor), math.floor(left / factor)) for number, (top, left) in full.origins.items()}
    layout = WellLayout(origins, shapes, full.from_stage)
    return WellImages(well.plate, well.name, fields, layout, (), _absent(well, fields), factor)


def _present(one: Field) -> list[int]:
    return [channel for channel in range(len(one.channels)) if one.planes_of(channel)]


def _stacked(one: Field, images: Mapping[int, NDArray[Any]]) -> NDArray[Any]:
    """The channels of a field as (C, Y, X); those it has no image of are 0."""
    present = one.stack([images[channel] for channel in sorted(images)])
    if len(images) == len(one.channels):
        return present
    stacked = np.zeros((len(one.channels), *present.shape[1:]), dtype=present.dtype)
    stacked[sorted(images)] = present
    return stacked


def _absent(well: Well, fields: Mapping[int, NDArray[Any]]) -> dict[int, frozenset[int]]:
    lacking = {number: frozenset(range(len(image))) - set(_present(well.fields[number])) for number, image in fields.items()}
    return {number: channels for number, channels in lacking.items() if channels}


def _absent_warnings(well: Well, absent: Mapping[int, frozenset[int]]) -> list[str]:
    """One sentence for each channel, however many fields lack it."""
    lacking: dict[int, list[int]] = defaultdict(list)
    for number, channels in absent.items():
        for channel in channels:
            lacking[channel].append(number)
    names = next(iter(well.fields.values())).channels
    return [
        f"{well.name} of plate {well.plate} has no image of channel {names[channel].name} in "
        + (f"field {numbers[0]}." if len(numbers) == 1 else f"{len(numbers)} of its fields.")
        for channel, numbers in sorted(lacking.items())
    ]
