"""Channels laid over each other in the colours of their stains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.reports.colours import hex_to_rgb

#: Levels into which a channel that is no 8-bit or 16-bit image is cut.
LEVELS = 4096
#: Rows that are worked on at once, so that they stay in the processor's cache.
ROWS = 128


def composite(
    image: NDArray[Any] | Sequence[NDArray[Any]], colours: Sequence[str], limits: Sequence[tuple[float, float]]
) -> NDArray[np.uint8]:
    """Add the channels of `image`, each in its colour.

    Parameters
    ----------
    image
        (C, Y, X), or C arrays (Y, X), raw intensities of any type.
    colours
        C hex colours.
    limits
        C pairs (low, high): the raw intensity that becomes black and the one that becomes the full colour.

    Returns
    -------
    NDArray
        (Y, X, 3) uint8.
    """
    if isinstance(image, np.ndarray):
        height, width = image.shape[1:]
    else:
        height, width = image[0].shape if len(image) else (0, 0)
    tables = []
    for plane, colour, limit in zip(image, colours, limits, strict=True):
        index, weight = _indexed(plane, limit)
        parts = [(part, np.rint(255 * weight * full).astype(np.uint16)) for part, full in enumerate(hex_to_rgb(colour)) if full]
        tables.append((index, parts))
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    for top in range(0, height, ROWS):
        block = np.zeros((3, min(ROWS, height - top), width), dtype=np.uint16)
        for index, parts in tables:
            rows = index[top : top + ROWS]
            for part, table in parts:
                block[part] += table[rows]
        rgb[top : top + ROWS] = np.minimum(block, 255).transpose(1, 2, 0)
    return rgb


def _indexed(plane: NDArray[Any], limits: tuple[float, float]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """`plane` as indices into a table of weights from 0 to 1: looking up beats computing for millions of pixels."""
    low, high = float(limits[0]), float(limits[1])
    span = high - low if high > low else 1.0
    if plane.dtype in (np.uint8, np.uint16):
        values = np.arange(np.iinfo(plane.dtype).max + 1)
        return plane, np.clip((values - low) / span, 0.0, 1.0)
    scaled = np.clip((np.nan_to_num(plane.astype(np.float32)) - low) / span, 0.0, 1.0)
    return np.rint(scaled * (LEVELS - 1)).astype(np.uint16), np.linspace(0.0, 1.0, LEVELS)
