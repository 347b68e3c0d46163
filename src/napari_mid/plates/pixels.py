"""Reading one two-dimensional image from disk, with an error that names the file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError

if TYPE_CHECKING:
    import tifffile

    from napari_mid.plates.field import Plane

#: Gives the array (Y, X) into which an image of this shape and type is to be put, or None where a new one is wanted.
Target: TypeAlias = Callable[[tuple[int, ...], np.dtype[Any]], NDArray[Any] | None]

#: Bytes that are read at once where the rows of the target lie apart; so many stay in the processor's cache.
PART_BYTES = 256 * 1024


def read_plane(plane: Plane, target: Target | None = None) -> NDArray[Any]:
    """Read `plane` as (Y, X) in the type of the file; colour becomes the brightest of its components.

    Parameters
    ----------
    plane
        What to read.
    target
        Asked once, when shape and type are known; the array that it gives is filled and returned.

    Raises
    ------
    ImageReadError
        If the file is absent, truncated, of an unknown format, or not a two-dimensional image.
    """
    path = plane.path
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            image, asked = _read_tiff(path, plane.page, target)
            if asked:
                return image
        else:
            import imageio.v3 as iio

            image = np.asarray(iio.imread(path, index=plane.page, plugin="pillow"))
    except FileNotFoundError:
        raise ImageReadError(f"{path} does not exist, though the plate expects it.") from None
    except PermissionError:
        raise ImageReadError(f"{path} may not be read: permission denied.") from None
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ImageReadError(f"{path} cannot be read ({reason}); it may be damaged or cut short.") from error
    if image.ndim == 3 and image.shape[-1] in (3, 4):
        image = image[..., :3].max(axis=-1)
    elif image.ndim == 3 and image.shape[0] in (3, 4):
        image = image[:3].max(axis=0)  # colours one after the other, as some programs write three channels
    image = np.squeeze(image)
    if image.ndim != 2 or image.size == 0:
        raise ImageReadError(f"{path} holds an array of shape {image.shape}, expected one two-dimensional image.")
    return image if target is None else put(image, target)


def put(image: NDArray[Any], target: Target) -> NDArray[Any]:
    """Copy `image` (Y, X) to where `target` wants it, if anywhere; gives the array that holds it then."""
    place = target(image.shape, image.dtype)
    if place is None:
        return image
    place[...] = image
    return place


def _read_tiff(path: Path, page: int, target: Target | None) -> tuple[NDArray[Any], bool]:
    """The page as it is, and whether `target` was asked, so that it lies there already."""
    import tifffile

    with _quiet_tifffile(), tifffile.TiffFile(path) as tiff:
        if page >= len(tiff.pages):
            raise ValueError(f"it has {len(tiff.pages)} pages, page {page + 1} was wanted")
        found = tiff.pages[page]
        size = path.stat().st_size
        # tifffile fills what lies beyond the end with zeros, which would look like an image without cells
        end = max((start + count for start, count in zip(found.dataoffsets, found.databytecounts, strict=False)), default=0)
        if end > size:
            raise ValueError(f"its pixels should end at byte {end}, the file at byte {size}")
        # pixels that need no decoding go straight to where they are wanted: without a copy, and without memory for it
        if target is not None and _is_plain(tiff, found):
            place = target(found.shape, np.dtype(found.dtype))
            if place is None:
                return np.asarray(found.asarray()), True
            _read_into(place, tiff.filehandle, found.dataoffsets[0])
            return place, True
        return np.asarray(found.asarray()), False


def _is_plain(tiff: tifffile.TiffFile, page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    """Whether the pixels stand in the file one after the other, as they do in memory."""
    if len(page.shape) != 2 or min(page.shape) < 2 or page.dtype is None:
        return False
    native = page.dtype.itemsize == 1 or np.dtype(f"{tiff.byteorder}u2").isnative
    return bool(page.is_final and native)


def _read_into(place: NDArray[Any], file: tifffile.FileHandle, offset: int) -> None:
    """Fill `place` (Y, X) with what stands in `file` from `offset` on."""
    file.seek(offset)
    if place.flags.c_contiguous:
        _read_exactly(place, file)
        return
    rows = max(1, PART_BYTES // (place.shape[1] * place.itemsize))
    buffer = np.empty((rows, place.shape[1]), dtype=place.dtype)
    for top in range(0, len(place), rows):
        part = place[top : top + rows]
        _read_exactly(buffer[: len(part)], file)
        part[...] = buffer[: len(part)]


def _read_exactly(array: NDArray[Any], file: tifffile.FileHandle) -> None:
    if file.readinto(memoryview(array).cast("B")) != array.nbytes:  # type: ignore[arg-type]
        raise ValueError("it ends before its pixels do")


@contextmanager
def _quiet_tifffile() -> Iterator[None]:
    """Keep tifffile from logging, in this thread, what the error that follows says anyway."""
    thread = threading.get_ident()

    def of_other_threads(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(of_other_threads)
    try:
        yield
    finally:
        logger.removeFilter(of_other_threads)
