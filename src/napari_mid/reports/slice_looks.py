"""Other looks of a slice than its channels side by side: all of them in one picture, and each with its own contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.reports.colours import hex_to_rgb

#: Percentiles of a channel of a slice that become black and full colour where every slice has its own contrast.
OWN_CONTRAST = (1.0, 99.8)


def composite_slice(planes: NDArray[Any], colours: Sequence[str]) -> NDArray[np.uint8]:
    """The channels (C, S, S) from 0 to 1, each in its hex colour, added to one picture (S, S, 3) uint8."""
    full = np.array([hex_to_rgb(colour) for colour in colours])
    bright = np.clip(np.nan_to_num(planes.astype(np.float32)), 0.0, 1.0)
    rgb: NDArray[np.uint8] = np.rint(255 * np.clip(np.einsum("cyx,ck->yxk", bright, full), 0.0, 1.0)).astype(np.uint8)
    return rgb


def own_contrast(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, S, S) stretched channel by channel to from 0 to 1; one without any structure becomes 0."""
    low, high = np.percentile(planes, OWN_CONTRAST, axis=(1, 2), keepdims=True)
    span = high - low
    stretched: NDArray[np.float32] = np.where(span > 0, (planes - low) / np.where(span > 0, span, 1.0), 0.0).astype(np.float32)
    return np.clip(stretched, 0.0, 1.0)
