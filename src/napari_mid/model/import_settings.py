"""Settings of an import of weights that were trained elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.cells.slices import NORMALISATIONS
from napari_mid.settings import setting


@dataclass(frozen=True)
class ImportSettings:
    """What the weights do not tell about the images they were trained on."""

    slice_size: int = setting(96, "edge of a slice in pixels", low=16, high=512)
    pixel_size_um: float | None = setting(None, "edge of a pixel of the training images in µm, where known", low=0.01, high=100)
    normalisation: str = setting(
        "plate",
        "plate: one range per channel for the whole plate, as the paper says; per_slice: every slice from its own range",
        choices=NORMALISATIONS,
    )
    threshold: float = setting(0.5, "score at and above which a well is called positive", low=0.0, high=1.0)
