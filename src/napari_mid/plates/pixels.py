"""Reading one two-dimensional image from disk, with an error that names the file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError

if TYPE_CHECKING:
    from napari_mid.plates.field import Plane


def read_plane(plane: Plane) -> NDArray[Any]:
    """Read `plane` as (Y, X) in the type of the file; colour becomes the brightest of its components.

    Raises
    ------
    ImageReadError
        If the file is absent, truncated, of an unknown format, or not a two-dimensional image.
    """
    path = plane.path
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            image = _read_tiff(path, plane.page)
        else:
            import imageio.v3 as iio

            image = np.asarray(iio.imread(path, index=plane.page, plugin="pillow"))
    except FileNotFoundError:
        raise ImageReadError(f"{path} does not exist, though the plate expects it.") from None
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ImageReadError(f"{path} cannot be read ({reason}); it may be damaged or cut short.") from error
    if image.ndim == 3 and image.shape[-1] in (3, 4):
        image = image[..., :3].max(axis=-1)
    image = np.squeeze(image)
    if image.ndim != 2 or image.size == 0:
        raise ImageReadError(f"{path} holds an array of shape {image.shape}, expected one two-dimensional image.")
    return image


def _read_tiff(path: Path, page: int) -> NDArray[Any]:
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
        return np.asarray(found.asarray())


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
