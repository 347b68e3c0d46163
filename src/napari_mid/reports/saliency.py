"""Where in a slice the model sees what speaks for the positive class, drawn over the cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.reports.colours import hex_to_rgb

#: Colours of what speaks for and against the positive class, and the most of a pixel that they cover.
FOR, AGAINST, MOST = "#ff5fb0", "#4c9be8", 0.75


def saliency_picture(saliency: NDArray[np.float64], planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(S, S, 3) uint8: (S, S) `saliency` in two colours, by its size, over the channels (C, S, S) in grey.

    The largest value, whatever its sign, has the full colour.
    """
    grey = np.clip(planes.mean(axis=0), 0.0, 1.0)
    top = float(grey.max())
    base = np.repeat((grey / top if top > 0 else grey)[..., None], 3, axis=2)
    largest = float(np.abs(saliency).max())
    strength = MOST * np.abs(saliency)[..., None] / largest if largest > 0 else np.zeros((*saliency.shape, 1))
    colour = np.where(saliency[..., None] > 0, hex_to_rgb(FOR), hex_to_rgb(AGAINST))
    picture: NDArray[np.uint8] = np.rint(255 * (base * (1 - strength) + colour * strength)).astype(np.uint8)
    return picture
