"""Images with nuclei at known places."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def discs(centres, radius, shape=(200, 220), background=100.0, bright=1000.0, noise=10.0, slope=0.0, seed=0):
    """Blurred discs on a background that rises by `slope` from left to right, 16-bit."""
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for y, x in centres:
        image[(yy - y) ** 2 + (xx - x) ** 2 <= radius**2] = 1
    image = background + bright * gaussian_filter(image, 1) + slope * xx / shape[1]
    image += np.random.default_rng(seed).normal(0, noise, shape)
    return np.clip(image, 0, 65535).astype(np.uint16)


def grid(shape=(200, 220), step=40.0):
    """Centres in rows, off the pixel grid."""
    return np.array([(y + 0.3, x + 0.6) for y in np.arange(25, shape[0] - 20, step) for x in np.arange(25, shape[1] - 20, step)])


def distances(found, centres):
    """For each centre the distance to the nearest nucleus found."""
    return np.sqrt(((np.asarray(found)[:, None] - np.asarray(centres)[None]) ** 2).sum(-1)).min(axis=0)
