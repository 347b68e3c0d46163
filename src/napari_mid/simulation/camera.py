"""From light to numbers: uneven illumination, background, blur, photon and read noise, 16 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mid.simulation.assays import Stain

OFFSET = 180.0
COUNTS_PER_PHOTON = 1.6
READ_NOISE = 5.0
BLUR_UM = 0.45
DEFOCUS_UM = 3.2


def illumination(seed: int, channel: int, field_px: int) -> NDArray[np.float32]:
    """(Y, X) factor of mean 1 by which a channel's light falls off towards the corners; the same in all fields of a plate."""
    rng = np.random.default_rng([seed, 0, 0, channel])
    centre = rng.uniform(-0.25, 0.25, 2)
    y, x = np.meshgrid(*[np.linspace(-1, 1, field_px, dtype=np.float32)] * 2, indexing="ij")
    light = 1 - rng.uniform(0.1, 0.16) * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2)
    return np.asarray(light / light.mean(), dtype=np.float32)


def focus(
    sharp: NDArray[np.float32], defocused: NDArray[np.float32], margin_px: int, pixel_size_um: float
) -> NDArray[np.float32]:
    """Blur the light of cells in and out of focus, (H, W) each, and cut off the margin of the canvas."""
    image = sharp
    if defocused.any():
        image = sharp + ndimage.gaussian_filter(defocused, DEFOCUS_UM / pixel_size_um, truncate=3)
    inside = slice(margin_px, -margin_px)
    return np.asarray(ndimage.gaussian_filter(image, BLUR_UM / pixel_size_um, truncate=3)[inside, inside], dtype=np.float32)


def expose(
    rng: np.random.Generator, light: NDArray[np.float32], stain: Stain, level: float, lamp: NDArray[np.float32]
) -> NDArray[np.uint16]:
    """The (Y, X) image that the camera takes of `light`, in which a well stained cell is 1; `level` is the well's staining."""
    expected = (light * (stain.counts * level) + stain.background) * lamp / COUNTS_PER_PHOTON
    counts = rng.poisson(np.maximum(expected, 0)) * COUNTS_PER_PHOTON + rng.normal(OFFSET, READ_NOISE, light.shape)
    return np.asarray(np.clip(np.rint(counts), 0, 65535), dtype=np.uint16)
