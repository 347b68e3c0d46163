"""What lies on cells without belonging to any: specks, and the halo of something far above them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Specks and halos in a square millimetre.
SPECKS_PER_MM2, HALOS_PER_MM2 = 20.0, 1.5
#: Radius of a speck, far below that of a nucleus, and of a halo.
SPECK_UM, HALO_UM = (0.5, 1.2), (12.0, 25.0)


def debris_light(rng: np.random.Generator, channels: int, field_px: int, pixel_size_um: float) -> NDArray[np.float32]:
    """(C, Y, X) light of the debris in a field, in units of a well stained cell."""
    light = np.zeros((channels, field_px, field_px), dtype=np.float32)
    area_mm2 = (field_px * pixel_size_um / 1000) ** 2
    for _ in range(rng.poisson(SPECKS_PER_MM2 * area_mm2)):
        y, x = rng.integers(0, field_px, 2)
        dust = np.zeros((channels, 25, 25), dtype=np.float32)
        dust[:, 12, 12] = 1
        width = rng.uniform(*SPECK_UM) / pixel_size_um
        spot = ndimage.gaussian_filter(dust, (0, width, width))
        # dust shines in all channels, more in some
        spot *= (rng.gamma(1.0, 0.6, channels) / max(spot.max(), 1e-6))[:, None, None]
        rows, columns = slice(max(y - 12, 0), y + 13), slice(max(x - 12, 0), x + 13)
        part = light[:, rows, columns]
        part += spot[:, rows.start - y + 12 :, columns.start - x + 12 :][:, : part.shape[1], : part.shape[2]]
    for _ in range(rng.poisson(HALOS_PER_MM2 * area_mm2)):
        centre, width = rng.uniform(0, field_px, 2), rng.uniform(*HALO_UM) / pixel_size_um
        along = [np.exp(-0.5 * ((np.arange(field_px) - place) / width) ** 2) for place in centre]
        light[rng.integers(channels)] += (rng.uniform(0.15, 0.5) * np.outer(*along)).astype(np.float32)
    return light
