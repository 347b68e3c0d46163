"""Images with something in them, and plates of as many wells as wanted that are made of a few of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from _indexes import Size, harmony_name, write_harmony
from numpy.typing import NDArray

#: Distance between two nuclei, and their radius, in pixels.
SPACING_PX, RADIUS_PX = 72, 11


def draw(edge_px: int, seed: int) -> NDArray[np.uint16]:
    """An image (Y, X) of round nuclei with the noise of a camera, which is what makes real images compress as they do."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((edge_px, edge_px), dtype=np.float32)
    along = [np.abs((axis + 5 * (seed % 7)) % SPACING_PX - SPACING_PX / 2) for axis in (y, x)]
    inside = 1 / (1 + np.exp(np.hypot(*along) - RADIUS_PX))
    image: NDArray[np.uint16] = rng.poisson(400 + 3000 * inside).astype(np.uint16)
    return image


def write_images(folder: Path, edge_px: int, count: int, compression: str | None = None) -> list[Path]:
    """Write `count` different images."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.tiff")
        tifffile.imwrite(
            paths[-1], draw(edge_px, number), compression=compression, predictor=compression is not None, photometric="minisblack"
        )
    return paths


def write_plate(folder: Path, size: Size, images: Sequence[Path], *, flat_field: bool = False) -> Path:
    """Write a Harmony plate whose files are hard links to `images`, the same in every well; gives the index."""
    path = write_harmony(folder, size, flat_field=flat_field)
    for row, column, field, channel in size.images():
        number = (field - 1) * size.channels + channel - 1
        os.link(images[number % len(images)], path.with_name(harmony_name(row, column, field, channel)))
    return path
