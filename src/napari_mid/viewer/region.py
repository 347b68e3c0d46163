"""Which part of the well is on screen, and how to bring a part of it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_mid.viewer.compat import camera, canvas_size

#: Part of the canvas that is filled by what is brought there.
FILLED = 0.95


def region_in_view(viewer: Any, pixel: Sequence[float], shape: Sequence[int]) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right) in pixels of what the canvas shows of an image at the origin; None where it is out of view.

    Parameters
    ----------
    pixel
        (y, x), size of the image's pixels on the canvas.
    shape
        (Y, X) of the image.
    """
    view, size = camera(viewer), np.asarray(pixel, dtype=float)[-2:]
    centre = np.asarray(view.center, dtype=float)[-2:] / size
    half = np.array(canvas_size(viewer)) / view.zoom / size / 2
    (top, left), (bottom, right) = np.floor(centre - half), np.ceil(centre + half)
    top, left = max(0, int(top)), max(0, int(left))
    bottom, right = min(shape[0], int(bottom)), min(shape[1], int(right))
    return (top, bottom, left, right) if bottom - top > 1 and right - left > 1 else None


def bring_into_view(viewer: Any, pixel: Sequence[float], region: tuple[int, int, int, int]) -> None:
    """Move the camera so that (top, bottom, left, right) in pixels fills the canvas."""
    top, bottom, left, right = region
    size, view = np.asarray(pixel, dtype=float)[-2:], camera(viewer)
    high, wide = canvas_size(viewer)
    view.center = (0.0, (top + bottom - 1) / 2 * size[0], (left + right - 1) / 2 * size[1])
    view.zoom = FILLED * min(high / ((bottom - top) * size[0]), wide / ((right - left) * size[1]))
