"""Reading one two-dimensional image from disk, with an error that names the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError

if TYPE_CHECKING:
    from napari_mid.plates.plate import Plane


def read_plane(plane: Plane) -> NDArray[Any]:
    """Read `plane` as (Y, X) in the type of the file.

    Raises
    ------
    ImageReadError
        If the file is absent, truncated, of an unknown format, or not a two-dimensional image.
    """
    path = plane.path
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            image = np.asarray(tifffile.imread(path, key=plane.page))
        else:
            import imageio.v3 as iio

            image = np.asarray(iio.imread(path, index=plane.page))
    except FileNotFoundError:
        raise ImageReadError(f"{path} does not exist, though the plate expects it.") from None
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImageReadError(f"{path} cannot be read ({reason}); it may be damaged or cut short.") from error
    if image.ndim == 3 and image.shape[-1] in (3, 4):
        image = image[..., :3].max(axis=-1)
    image = np.squeeze(image)
    if image.ndim != 2 or image.size == 0:
        raise ImageReadError(f"{path} holds an array of shape {image.shape}, expected one two-dimensional image.")
    return image
