"""StarDist (Schmidt et al. 2018) with its weights for fluorescent nuclei, where ``napari-mid[stardist]`` is installed."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.borrowed import loading, located, package
from napari_mid.cells.regions import Regions
from napari_mid.cells.settings import DetectionSettings

#: The weights, published by StarDist's authors, trained on fluorescence images of the DSB 2018 nuclei.
WEIGHTS = "2D_versatile_fluo"
#: How wide nuclei are in those images, in pixels: the median. An image is resized where a diameter is set that differs from it.
NUCLEUS_PX = 24.0
#: Quantiles that become 0 and 1, as StarDist's examples have it.
DARK, BRIGHT = 0.01, 0.998
#: Larger images are read in tiles of about this edge, in pixels that the network sees.
TILE_PX = 2048


def locate(image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings) -> tuple[Regions, float]:
    """Find nuclei in (Y, X) float32 `image`; it is resized for nuclei of `diameter_px` where that is given."""
    model = _model()
    scale = 1.0 if diameter_px is None else NUCLEUS_PX / diameter_px
    threshold = min(0.95, float(model.thresholds.prob) / settings.sensitivity)

    def segment(pixels: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        dark, bright = np.quantile(pixels, (DARK, BRIGHT))
        labels, details = model.predict_instances(
            (pixels - dark) / max(float(bright - dark), 1e-9),
            scale=scale,
            prob_thresh=threshold,
            n_tiles=tuple(math.ceil(edge * scale / TILE_PX) for edge in pixels.shape),
            show_tile_progress=False,
        )
        return labels, details["prob"]

    return located(image, diameter_px, segment)


@lru_cache(maxsize=1)
def _model() -> Any:
    models = package("stardist.models", "stardist")
    with loading("StarDist", f"the folder .keras/models/StarDist2D/{WEIGHTS} in your home"):
        model = models.StarDist2D.from_pretrained(WEIGHTS)
        if model is None:  # so StarDist says that it knows no such weights
            raise ValueError(f"this version of StarDist has no {WEIGHTS}")
    return model
