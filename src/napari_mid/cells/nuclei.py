"""Where the cells are: the centres of their nuclei."""

from __future__ import annotations

from collections.abc import Mapping
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
        What it was run with.
    confidence
        (N,) float64, how sure the detector is of each, 0 to 1; None where it does not tell.
    """

    well: str
    field: int
    centroids: NDArray[np.float64]
    area_px: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]
    detector: str
    settings: Mapping[str, Any] = dataclass_field(default_factory=dict)
    confidence: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n = len(self.centroids)
        if self.centroids.shape != (n, 2) or self.area_px.shape != (n,) or self.mean_intensity.shape != (n,):
            raise ValueError(
                f"centroids {self.centroids.shape}, area_px {self.area_px.shape} and mean_intensity "
                f"{self.mean_intensity.shape} must be (N, 2), (N,) and (N,)"
            )
        if self.confidence is not None and self.confidence.shape != (n,):
            raise ValueError(f"confidence is {self.confidence.shape}, expected ({n},)")

    def __len__(self) -> int:
        return len(self.centroids)
