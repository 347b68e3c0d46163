"""Where the cells are: the centres of their nuclei."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Nuclei:
    """The nuclei of one field.

    Parameters
    ----------
    well, field
        The key: ``"B03"`` and the microscope's number of the field.
    centroids
        (N, 2) float64, (y, x) in pixels of the field, 0-based, at pixel centres.
    area_px
        (N,) float64, area in pixels; NaN where the source (a Points layer) does not tell.
    mean_intensity
        (N,) float64, mean raw intensity of the nucleus channel inside the nucleus; NaN where unknown.
    detector
        Name of the detector, or ``"labels layer"``, ``"points layer"``.
    settings
        What it was run with; ``"duplicates_left_out"`` where fields of the well overlap.
    confidence
        (N,) float64, how sure the detector is of each, 0 to 1; None where it does not tell.
    touches_border
        (N,) bool, the nucleus reaches the border of the image, which may cut it; None where its extent is unknown.
    outlines
        (N, K, 2) float32, the vertices (y, x) of a polygon around each, in pixels of the field; None where not asked for or
        unknown.
    masks
        (Y, X) uint16 or uint32, ``i + 1`` where nucleus ``i`` is, 0 elsewhere; None where not asked for.
    """

    well: str
    field: int
    centroids: NDArray[np.float64]
    area_px: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]
    detector: str
    settings: Mapping[str, Any] = dataclass_field(default_factory=dict)
    confidence: NDArray[np.float64] | None = None
    touches_border: NDArray[np.bool_] | None = None
    outlines: NDArray[np.float32] | None = None
    masks: NDArray[np.unsignedinteger[Any]] | None = None

    def __post_init__(self) -> None:
        n = len(self.centroids)
        if self.centroids.shape != (n, 2) or self.area_px.shape != (n,) or self.mean_intensity.shape != (n,):
            raise ValueError(
                f"centroids {self.centroids.shape}, area_px {self.area_px.shape} and mean_intensity "
                f"{self.mean_intensity.shape} must be (N, 2), (N,) and (N,)"
            )
        for name in ("confidence", "touches_border"):
            values = getattr(self, name)
            if values is not None and values.shape != (n,):
                raise ValueError(f"{name} is {values.shape}, expected ({n},)")
        if self.outlines is not None and (self.outlines.ndim != 3 or self.outlines.shape[::2] != (n, 2)):
            raise ValueError(f"outlines are {self.outlines.shape}, expected ({n}, K, 2)")

    def __len__(self) -> int:
        return len(self.centroids)

    @property
    def diameter_px(self) -> NDArray[np.float64]:
        """(N,), diameter of the disc with the same area, in pixels; NaN where the area is unknown."""
        diameter: NDArray[np.float64] = np.sqrt(4 / np.pi * self.area_px)
        return diameter

    def only(self, kept: NDArray[np.bool_], **also: Any) -> Nuclei:
        """The nuclei that are `kept`, (N,) bool; `also` are settings that are added."""
        masks = self.masks
        if masks is not None:
            masks = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(masks.dtype)[masks]
        return dataclasses.replace(
            self,
            centroids=self.centroids[kept],
            area_px=self.area_px[kept],
            mean_intensity=self.mean_intensity[kept],
            settings={**self.settings, **also},
            confidence=None if self.confidence is None else self.confidence[kept],
            touches_border=None if self.touches_border is None else self.touches_border[kept],
            outlines=None if self.outlines is None else self.outlines[kept],
            masks=masks,
        )


def discs_touch_border(
    centroids: NDArray[np.float64], diameter_px: NDArray[np.float64] | float, shape: Sequence[int]
) -> NDArray[np.bool_]:
    """Which discs, (N,), reach the border of an image of `shape` (..., Y, X): what is known where there are no masks."""
    radius = np.broadcast_to(np.asarray(diameter_px, dtype=float) / 2, (len(centroids),))
    # the border lies half a pixel outside the middle of the outermost pixels
    inside = np.minimum(centroids, np.asarray(shape[-2:]) - 1 - centroids).min(axis=1, initial=np.inf) + 0.5
    touching: NDArray[np.bool_] = inside < radius
    return touching
