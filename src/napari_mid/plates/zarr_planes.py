"""Planes that are parts of Zarr arrays: one for each channel, focal plane and time point, at several resolutions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError, MidError
from napari_mid.plates.field import Plane
from napari_mid.plates.zarr_places import ZarrPlace, reason_of

#: Larger images and chunks are not read: a damaged shape would ask for all memory.
MAX_PLANE_PX = 1_000_000_000
MAX_CHUNK_PX = 4_000_000_000

#: Files of one plane that are looked at for links.
MAX_CHUNKS = 10_000

#: Axes along which planes are counted; all others but y and x are read at 0.
COUNTED_AXES = ("t", "c", "z")


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """How a Zarr array is cut into files.

    Parameters
    ----------
    shape, chunks
        Elements along each axis, of the array and of one file.
    prefix, separator
        How the name of a file is built: ``c/0/1/2`` or ``0.1.2``.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    prefix: str = ""
    separator: str = "."

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> ArrayLayout:
        """Read the content of a ``.zarray``, or of an array's ``zarr.json``.

        Raises
        ------
        ValueError
            If it makes no sense.
        """
        if metadata.get("zarr_format") == 3:
            return cls._from_v3(metadata)
        separator = metadata.get("dimension_separator", ".")
        shape, chunks = _sizes(metadata.get("shape")), _sizes(metadata.get("chunks"))
        return cls._checked(shape, chunks, "", separator)

    @classmethod
    def _from_v3(cls, metadata: Mapping[str, Any]) -> ArrayLayout:
        grid, encoding = metadata.get("chunk_grid"), metadata.get("chunk_key_encoding")
        if not isinstance(grid, dict) or not isinstance(encoding, dict) or metadata.get("node_type") != "array":
            raise ValueError("it describes no array")
        grid_settings, settings = grid.get("configuration"), encoding.get("configuration", {})
        if grid.get("name") != "regular" or not isinstance(grid_settings, dict) or not isinstance(settings, dict):
            raise ValueError("its chunks are of no known kind")
        plain = encoding.get("name") == "v2"
        separator = settings.get("separator", "." if plain else "/")
        shape, chunks = _sizes(metadata.get("shape")), _sizes(grid_settings.get("chunk_shape"))
        return cls._checked(shape, chunks, "" if plain else f"c{separator}", separator)

    @classmethod
    def _checked(cls, shape: tuple[int, ...], chunks: tuple[int, ...], prefix: str, separator: object) -> ArrayLayout:
        if len(shape) != len(chunks) or separator not in (".", "/"):
            raise ValueError("its shape and chunks do not fit")
        return cls(shape, chunks, prefix, str(separator))

    def chunk_keys(self, index: Mapping[int, int]) -> Iterator[str]:
        """Names of the files that hold the elements at `index`, by axis; along the other axes all."""
        ranges = [
            range(index[axis] // chunk, index[axis] // chunk + 1) if axis in index else range(math.ceil(size / chunk))
            for axis, (size, chunk) in enumerate(zip(self.shape, self.chunks, strict=True))
        ]
        return (self.prefix + self.separator.join(map(str, place)) for place in product(*ranges))


def _sizes(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not 2 <= len(value) <= 8:
        raise ValueError("it has no shape that fits an image")
    for size in value:
        if type(size) is not int or not 1 <= size < 2**40:
            raise ValueError(f"its shape or chunks hold {str(size)[:40]}")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class ZarrImage:
    """A multiscale image, of which planes are read.

    Parameters
    ----------
    place
        The hierarchy.
    zarr_format
        2 or 3.
    levels
        Paths of the arrays in the hierarchy, full resolution first.
    axes
        Names of the axes, ``y`` and ``x`` among them.
    sizes
        Elements along each axis of the full resolution.
    factors
        How much smaller each level is than the first.
    """

    place: ZarrPlace
    zarr_format: int
    levels: tuple[str, ...]
    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    factors: tuple[float, ...] = (1.0,)

    def size(self, axis: str) -> int:
        """Elements along `axis`; 1 where there is no such axis."""
        return self.sizes[self.axes.index(axis)] if axis in self.axes else 1

    def is_lost(self, level: int, index: Mapping[str, int], layouts: Mapping[int, ArrayLayout]) -> bool:
        """Whether the files of the plane `index` are absent at `level`, and not merely left out because it is blank.

        Zarr does not tell: writers may leave out chunks that hold nothing but the fill value. So a plane without any chunk counts
        as lost only where a coarser level has some of it, or where one of the levels has no chunk at all.

        Parameters
        ----------
        level
            Index into `levels`.
        index
            Channel, focal plane and time point by axis, from 0.
        layouts
            All levels that can be looked at, `level` among them.
        """
        if self._holds(level, layouts[level], index):
            return False
        if level == 0 and any(self._holds(coarse, layout, index) for coarse, layout in layouts.items() if coarse):
            return True
        return not all(self._holds(each, layout, {}) for each, layout in layouts.items())

    def _holds(self, level: int, layout: ArrayLayout, index: Mapping[str, int]) -> bool:
        keys = layout.chunk_keys(self.at(index, layout.shape))
        return self.place.holds_any(f"{self.levels[level]}/{key}" for key in keys)

    def at(self, index: Mapping[str, int], shape: tuple[int, ...]) -> dict[int, int]:
        """`index` by number of the axis in an array of `shape`: pyramids may be smaller in z too."""
        return {
            axis: min(index[name] * shape[axis] // self.sizes[axis], shape[axis] - 1)
            for axis, name in enumerate(self.axes)
            if name in index
        }


@dataclass(frozen=True, slots=True)
class ZarrPlane(Plane):
    """One plane of `image`; `channel` is the index on its axis, `z` and `time` are the indices on theirs plus 1."""

    image: ZarrImage = field(kw_only=True)

    @property
    def name(self) -> str:
        """Path of the array in the hierarchy, for tables and messages."""
        return self.image.levels[0]

    @property
    def factors(self) -> tuple[float, ...]:
        """How much smaller each stored resolution is than the first."""
        return self.image.factors

    @property
    def index(self) -> dict[str, int]:
        """Where the plane is along the counted axes that the image has, from 0."""
        places = {"t": self.time - 1, "c": self.channel, "z": self.z - 1}
        return {axis: place for axis, place in places.items() if axis in self.image.axes}

    def read(self, level: int = 0) -> NDArray[Any]:
        """Read the plane as (Y, X) in the type it is stored in.

        Raises
        ------
        ImageReadError
            If it is absent or damaged, or the server does not answer.
        """
        image = self.image
        where = (
            f"{image.place.root}/{image.levels[level]} ({', '.join(f'{axis} {n}' for axis, n in self.index.items()) or 'y, x'})"
        )
        try:
            return _read(image, level, self.index)
        except FileNotFoundError:
            raise ImageReadError(f"{where} does not exist, though the plate declares it.") from None
        except MidError as error:
            raise ImageReadError(f"{where} cannot be read: {error}") from error
        except Exception as error:  # codecs and servers raise whatever they meet
            raise ImageReadError(f"{where} cannot be read ({reason_of(error)}).") from error


def _read(image: ZarrImage, level: int, index: Mapping[str, int]) -> NDArray[Any]:
    array, layout = _opened(image, level)
    if len(layout.shape) != len(image.axes):
        raise ValueError(f"it has {len(layout.shape)} axes, expected {', '.join(image.axes)}")
    if any(place >= image.size(axis) for axis, place in index.items()):
        raise ValueError(f"its shape is {layout.shape}")
    if math.prod(layout.chunks) > MAX_CHUNK_PX or math.prod(_plane_shape(image, layout)) > MAX_PLANE_PX:
        raise ValueError(f"its shape {layout.shape} in chunks of {layout.chunks} is larger than any image")
    at = image.at(index, layout.shape)
    if not image.place.is_remote:
        _refuse_links(image.place, [f"{image.levels[level]}/{key}" for key in islice(layout.chunk_keys(at), MAX_CHUNKS)])
    pixels = np.asarray(array[tuple(slice(None) if name in "yx" else at.get(axis, 0) for axis, name in enumerate(image.axes))])
    if image.axes.index("x") < image.axes.index("y"):
        pixels = pixels.T
    if _is_blank(pixels, array.fill_value) and image.is_lost(level, index, _layouts(image, level, layout)):
        raise FileNotFoundError(image.levels[level])
    return pixels


def _refuse_links(place: ZarrPlace, keys: list[str]) -> None:
    outside = [key for key in keys if place.leads_out(key)]
    if outside:
        raise ValueError(f"{outside[0]} is a link that leads out of the plate")


def _plane_shape(image: ZarrImage, layout: ArrayLayout) -> tuple[int, int]:
    return layout.shape[image.axes.index("y")], layout.shape[image.axes.index("x")]


def _is_blank(pixels: NDArray[Any], fill: Any) -> bool:
    """Whether `pixels` are what Zarr gives where no chunk is."""
    fill = 0 if fill is None else fill
    return bool(pixels.flat[0] == fill or fill != fill) and bool(np.all((pixels == fill) | (pixels != pixels)))


def _layouts(image: ZarrImage, level: int, layout: ArrayLayout) -> dict[int, ArrayLayout]:
    """The levels whose metadata can be read."""
    layouts = {level: layout}
    for other in range(len(image.levels)):
        try:
            layouts.setdefault(other, _opened(image, other)[1])
        except Exception:  # whatever is wrong with a level that nobody asked for
            continue
    return layouts


def _opened(image: ZarrImage, level: int) -> tuple[Any, ArrayLayout]:
    key = metadata_key(image.levels[level], image.zarr_format)
    if image.place.leads_out(key):
        raise ValueError("a link leads out of the plate")
    return _open_array(image.place, image.levels[level], image.zarr_format, image.place.changed(key))


def metadata_key(path: str, zarr_format: int) -> str:
    """The file that describes the array `path`."""
    return f"{path}/zarr.json" if zarr_format == 3 else f"{path}/.zarray"


@lru_cache(maxsize=1024)
def _open_array(place: ZarrPlace, path: str, zarr_format: int, changed: int) -> tuple[Any, ArrayLayout]:
    """Open an array; opening costs requests or file reads. `changed` tells a rewritten array from the one that was opened."""
    import zarr

    content = place.read([metadata_key(path, zarr_format)]).get(metadata_key(path, zarr_format))
    if content is None:
        raise FileNotFoundError(path)
    if isinstance(content, Exception):
        raise content
    metadata = json.loads(content)
    layout = ArrayLayout.from_metadata(metadata)
    _refuse_code(metadata)
    array = zarr.open_array(store=place.store(), path=path, mode="r", zarr_format=3 if zarr_format == 3 else 2)
    # a server may answer otherwise the second time
    _refuse_code(array.metadata.to_dict())
    if array.dtype.kind not in "uifb" or array.shape != layout.shape:
        raise ValueError(f"it holds {array.dtype} of shape {array.shape}, expected the pixels of an image")
    return array, layout


def _refuse_code(metadata: object) -> None:
    """Refuse codecs that unpickle what they read: a pickle can run any program."""
    if isinstance(metadata, Mapping):
        if any("pickle" in str(metadata.get(key)).casefold() for key in ("id", "name")):
            raise ValueError("its codec pickle could run any program and is refused")
        metadata = list(metadata.values())
    if isinstance(metadata, list | tuple):
        for value in metadata:
            _refuse_code(value)
