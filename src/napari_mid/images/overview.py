"""A small picture of every well, for a look at the whole plate."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError
from napari_mid.images.fields import coarse_level, load_field_channel
from napari_mid.images.parallel import in_parallel
from napari_mid.plates.field import Field
from napari_mid.plates.plate import Well

#: Edge of a thumbnail in pixels: 24 columns then span 2,300 px, about a screen.
THUMBNAIL_PX = 96


@dataclass(frozen=True)
class Thumbnail:
    """One well, small.

    Parameters
    ----------
    plate, well
        The key.
    pixels
        (C, E, E) in raw intensities, float32; a channel without an image is NaN, and so is what a field that is not square
        leaves free.
    problem
        Why there is nothing to show; empty where there is.
    """

    plate: str
    well: str
    pixels: NDArray[np.float32]
    problem: str = ""


def thumbnails(wells: Sequence[Well], edge_px: int = THUMBNAIL_PX) -> Generator[Thumbnail, None, None]:
    """The thumbnail of each of `wells`, in order, from one field each: the one nearest to the middle of the well.

    Every image is read once; where the plate stores smaller resolutions, the smallest that is large enough is read instead.
    Closing the generator stops the reading.
    """
    by_name = {well.name: well for well in wells}

    def draw(name: str) -> Thumbnail:
        return well_thumbnail(by_name[name], edge_px)

    with closing(in_parallel(draw, by_name)) as drawing:
        for _, future in drawing:
            yield future.result()


def well_thumbnail(well: Well, edge_px: int = THUMBNAIL_PX) -> Thumbnail:
    """The thumbnail of `well`; one that cannot be read says why."""
    field = middle_field(well.fields.values())
    n_channels = len(field.channels) if field is not None else 0
    pixels = np.full((n_channels, edge_px, edge_px), np.nan, dtype=np.float32)
    problem = "" if field is not None else "no images on disk"
    for channel in range(n_channels):
        assert field is not None
        if not field.planes_of(channel):
            continue
        try:
            image = load_field_channel(field, channel, coarse_level(field, channel, edge_px))
        except ImageReadError as error:
            problem = problem or str(error)
            continue
        small = shrink(image, edge_px)
        pixels[channel, : small.shape[0], : small.shape[1]] = small
    return Thumbnail(well.plate, well.name, pixels, problem)


def middle_field(fields: Iterable[Field]) -> Field | None:
    """The field with images whose position is nearest to the middle of them all; the first where positions are unknown."""
    there = [field for field in fields if field.planes]
    if not there:
        return None
    places = [field.position_um for field in there]
    known = [place for place in places if place is not None]
    if len(known) < len(there):
        return there[0]
    middle = np.mean(known, axis=0)
    return there[int(np.argmin([math.dist(place, middle) for place in known]))]


def shrink(image: NDArray[Any], edge_px: int) -> NDArray[np.float32]:
    """`image` (Y, X) with its longer side `edge_px` pixels, each the mean of the pixels it stands for; smaller ones stay."""
    factor = edge_px / max(image.shape)
    if factor >= 1:
        return image.astype(np.float32)
    sums: NDArray[np.float64] = image
    counts = []
    for axis, size in enumerate(image.shape):
        edges = np.linspace(0, size, max(1, round(size * factor)) + 1).round().astype(np.intp)
        sums = np.add.reduceat(sums, edges[:-1], axis=axis, dtype=np.float64)
        counts.append(np.diff(edges))
    return (sums / np.outer(*counts)).astype(np.float32)
