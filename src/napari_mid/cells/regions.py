"""What a detector finds: a region per nucleus, measured by sums over its pixels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells import outlines
from napari_mid.cells.label_map import LabelMap
from napari_mid.cells.nuclei import discs_touch_border


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
        (N,) float64, 0 to 1; None where the detector does not tell.
    label_map
        The masks; None where the detector knows no more than discs.
    """

    centroids: NDArray[np.float64]
    area_px: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]
    confidence: NDArray[np.float64] | None = None
    label_map: LabelMap | None = None

    @classmethod
    def none(cls) -> Regions:
        """No nuclei."""
        return cls(np.empty((0, 2)), np.empty(0), np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self.centroids)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Regions:
        """The regions that are `chosen`, (N,) bool."""
        confidence = None if self.confidence is None else self.confidence[chosen]
        label_map = None if self.label_map is None else self.label_map[chosen]
        return Regions(self.centroids[chosen], self.area_px[chosen], self.mean_intensity[chosen], confidence, label_map)

    def enlarged(self, factor: int) -> Regions:
        """The same regions in an image `factor` times as large."""
        centroids, area_px = self.centroids * factor + (factor - 1) / 2, self.area_px * factor**2
        label_map = None if self.label_map is None else self.label_map.enlarged(factor)
        return dataclasses.replace(self, centroids=centroids, area_px=area_px, label_map=label_map)

    def moved(self, by: NDArray[np.float64]) -> Regions:
        """The same regions, (y, x) further."""
        label_map = None if self.label_map is None else self.label_map.moved(by)
        return dataclasses.replace(self, centroids=self.centroids + by, label_map=label_map)

    def touches_border(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which regions, (N,), reach the border of the image of `shape`, or of the frame inside it that was looked at."""
        if self.label_map is not None:
            return self.label_map.on_edge()
        return discs_touch_border(self.centroids, np.sqrt(4 / np.pi * self.area_px), shape)

    def outlines(self) -> NDArray[np.float32]:
        """(N, K, 2), the vertices (y, x) of a polygon around each region; a circle where there are no masks."""
        if self.label_map is None:
            return outlines.circles(self.centroids, self.area_px)
        return outlines.traced(self.label_map, self.centroids, self.area_px)

    def masks(self, shape: tuple[int, int]) -> NDArray[np.unsignedinteger[Any]]:
        """The label image (Y, X): ``i + 1`` where region ``i`` is; discs where there are no masks."""
        label_map = self.label_map if self.label_map is not None else outlines.discs(self.centroids, self.area_px, shape)
        return label_map.image(shape)

    def typical_diameter_px(self) -> float:
        """Diameter of a disc with the median area, weighted with area so that specks do not count; there must be a region."""
        area = np.sort(self.area_px)
        middle = np.searchsorted(np.cumsum(area), area.sum() / 2)
        return float(np.sqrt(4 / np.pi * area[middle]))
