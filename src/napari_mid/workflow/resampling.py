"""Fields resampled to the pixel size that a model was trained with, on the device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def resampled(field: Tensor, centroids: NDArray[np.float64], scale: float) -> tuple[Tensor, NDArray[np.float64]]:
    """Resample a field, linearly and without aliasing, and move what lies on it.

    Parameters
    ----------
    field
        (C, Y, X), any type.
    centroids
        (N, 2), (y, x) in pixels of the field, 0-based at pixel centres.
    scale
        Pixels after per pixel before; 1 gives everything back as it is.

    Returns
    -------
    field
        (C, round(scale * Y), round(scale * X)) float32, one pixel wide at least.
    centroids
        (N, 2) in its pixels.
    """
    if scale == 1:
        return field, centroids
    before = np.array(field.shape[-2:])
    after = np.maximum(np.round(before * scale).astype(int), 1)
    finite = torch.nan_to_num(field.to(torch.float32), nan=0.0, posinf=0.0, neginf=0.0)
    size = (int(after[0]), int(after[1]))
    # a linear kernel that is as wide as a new pixel keeps what is dropped from appearing as false detail
    found = torch.nn.functional.interpolate(finite[None], size=size, mode="bilinear", antialias=True)[0]
    return found, (centroids + 0.5) * (after / before) - 0.5
