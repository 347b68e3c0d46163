"""What a detector finds: a region per nucleus, measured by sums over its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Regions:
    """The nuclei of one image, in pixels of the image that the detector was given.

    Parameters
    ----------
    centroids
        (N, 2) float64, (y, x), 0-based, at pixel centres.
    area_px, mean_intensity
        (N,) float64.
    """

    centroids: NDArray[np.float64]
    area_px: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.centroids)

    def enlarged(self, factor: int) -> Regions:
        """The same regions in an image `factor` times as large."""
        return Regions(self.centroids * factor + (factor - 1) / 2, self.area_px * factor**2, self.mean_intensity)

    def typical_diameter_px(self) -> float:
        """Diameter of a disc with the median area, weighted with area so that specks do not count; there must be a region."""
        area = np.sort(self.area_px)
        middle = np.searchsorted(np.cumsum(area), area.sum() / 2)
        return float(np.sqrt(4 / np.pi * area[middle]))
