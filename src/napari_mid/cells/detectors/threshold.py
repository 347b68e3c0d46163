"""Threshold against the local background, then cut touching nuclei where the smoothed image has a valley."""

from __future__ import annotations

import math

import torch

from napari_mid.cells.filters import basins, gaussian, otsu
from napari_mid.cells.regions import Regions, measure
from napari_mid.cells.settings import DetectionSettings


def locate(image: torch.Tensor, diameter_px: float, settings: DetectionSettings) -> Regions:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN."""
    smooth = gaussian(image, max(0.7, 0.06 * diameter_px))
    level = otsu(smooth)
    background = smooth[smooth <= level]
    noise = float(background.std()) if len(background) > 1 else 0.0
    foreground = smooth > level
    if float(smooth[foreground].mean() if foreground.any() else level) - float(background.mean()) < 4 * noise:
        foreground = torch.zeros_like(foreground)
    surface = gaussian(
        torch.where(foreground, 1.0 + 0.2 * (smooth - level) / (smooth.max() - level + 1e-6), 0.0), 0.2 * diameter_px
    )
    labels = torch.where(foreground, basins(surface) + 1, 0)
    regions = measure(labels, image)
    large = regions.area_px >= 0.12 * math.pi / 4 * diameter_px**2
    return Regions(regions.centroids[large], regions.area_px[large], regions.mean_intensity[large])
