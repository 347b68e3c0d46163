"""How large nuclei are drawn as rings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.reports.annotated import TYPICAL_NUCLEUS_PX, TYPICAL_NUCLEUS_UM

#: Width of a ring as a part of its diameter.
RING_WIDTH = 0.08


def ring_sizes(area_px: NDArray[np.float64], pixel_size_um: float | None) -> tuple[NDArray[np.float64], float]:
    """Diameters in pixels: (N,) of the rings of nuclei of (N,) `area_px`, and of one whose area is unknown: as large as most."""
    diameters = np.sqrt(4 / np.pi * np.asarray(area_px, dtype=float))
    known = diameters[np.isfinite(diameters) & (diameters > 0)]
    typical = TYPICAL_NUCLEUS_UM / pixel_size_um if pixel_size_um else TYPICAL_NUCLEUS_PX
    usual = float(np.median(known)) if known.size else typical
    return np.where(np.isfinite(diameters) & (diameters > 0), diameters, usual), usual
