"""What a detector finds: a region per nucleus, measured by sums over its pixels."""

from __future__ import annotations

import dataclasses
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
    confidence
        (N,) float64, 0 to 1; NaN where the detector does not tell.
    """

    centroids: NDArray[np.float64]
    area_px: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]
    confidence: NDArray[np.float64] | None = None

    @classmethod
    def none(cls) -> Regions:
        """No nuclei."""
        return cls(np.empty((0, 2)), np.empty(0), np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self.centroids)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Regions:
        """The regions that are `chosen`, (N,) bool."""
        confidence = None if self.confidence is None else self.confidence[chosen]
        return Regions(self.centroids[chosen], self.area_px[chosen], self.mean_intensity[chosen], confidence)

    def enlarged(self, factor: int) -> Regions:
        """The same regions in an image `factor` times as large."""
        centroids, area_px = self.centroids * factor + (factor - 1) / 2, self.area_px * factor**2
        return dataclasses.replace(self, centroids=centroids, area_px=area_px)

    def moved(self, by: NDArray[np.float64]) -> Regions:
        """The same regions, (y, x) further."""
        return dataclasses.replace(self, centroids=self.centroids + by)

    def typical_diameter_px(self) -> float:
        """Diameter of a disc with the median area, weighted with area so that specks do not count; there must be a region."""
        area = np.sort(self.area_px)
        middle = np.searchsorted(np.cumsum(area), area.sum() / 2)
        return float(np.sqrt(4 / np.pi * area[middle]))
