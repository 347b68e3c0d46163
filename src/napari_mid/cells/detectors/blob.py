"""Blobs in scale-space: maxima of the difference of Gaussians over place and scale are nuclei, their scale is the diameter."""

from __future__ import annotations

import math

import torch
from scipy.spatial import KDTree

from napari_mid.cells.background import local_contrast
from napari_mid.cells.classical import located
from napari_mid.cells.diameter import WEAKEST
from napari_mid.cells.filters import compress, gaussian, quantile
from napari_mid.cells.regions import Regions
from napari_mid.cells.scale_space import Blobs, find_blobs
from napari_mid.cells.settings import DetectionSettings

#: Diameters that are looked for, in parts of the typical one.
SMALLEST, LARGEST = 0.6, 1.8
#: The blur against noise, in diameters of a nucleus.
BLUR = 0.1
#: The middle of a nucleus is so many standard deviations of the background above it.
DEVIATIONS = 4.0
#: Of two blobs whose centres are closer than this part of the larger radius, the weaker one goes.
TOO_CLOSE = 0.75
#: Pixels looked at in one go when the mean intensities are measured.
PIXELS_AT_ONCE = 2_000_000


def locate(image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings) -> tuple[Regions, float]:
    """Find nuclei of about `diameter_px` (estimated where None) in (Y, X) float32 `image`; gives the diameter used, too."""
    return located(image, diameter_px, settings, _find)


def _find(image: torch.Tensor, diameter_px: float, settings: DetectionSettings) -> Regions:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN."""
    smooth = gaussian(image, max(0.7, BLUR * diameter_px))
    blobs = find_blobs(compress((smooth - quantile(smooth, 0.02)).clamp(min=0)), SMALLEST * diameter_px, LARGEST * diameter_px)
    contrast = local_contrast(smooth, diameter_px)
    significant = contrast.significant(DEVIATIONS / settings.sensitivity).cpu()
    rows, columns = (blobs.centroids[:, dim].round().long().clamp(0, image.shape[dim] - 1) for dim in (0, 1))
    blobs = blobs[significant[rows, columns]]
    if len(blobs):
        blobs = blobs[blobs.response > WEAKEST / settings.sensitivity * quantile(blobs.response, 0.9)]
    blobs = _without_overlap(blobs)
    centroids, means = _inside_discs(image, contrast.above, blobs)
    area = math.pi / 4 * blobs.diameter_px**2
    return Regions(centroids.numpy(), area.numpy(), means.numpy())


def _without_overlap(blobs: Blobs) -> Blobs:
    """The blobs without those that lie within a stronger one."""
    if len(blobs) == 0:
        return blobs
    order = blobs.response.argsort(descending=True, stable=True)
    blobs = blobs[order]
    radius = (blobs.diameter_px / 2).tolist()
    tree = KDTree(blobs.centroids.numpy())
    kept = [True] * len(blobs)
    for strong, near in enumerate(tree.query_ball_point(blobs.centroids.numpy(), [TOO_CLOSE * r for r in radius])):
        for weak in near if kept[strong] else ():
            if weak > strong:
                kept[weak] = False
    return blobs[torch.tensor(kept, dtype=torch.bool)]


def _inside_discs(image: torch.Tensor, contrast: torch.Tensor, blobs: Blobs) -> tuple[torch.Tensor, torch.Tensor]:
    """The centre of mass (N, 2) of `contrast` and the mean (N,) of `image` inside the disc of every blob, on the CPU.

    Neighbours pull the maximum of a wide filter towards them; the centre of mass takes that back.
    """
    reach = math.ceil(float(blobs.diameter_px.max()) / 2) if len(blobs) else 0
    offsets = torch.arange(-reach, reach + 1, device=image.device)
    centroids, radius = blobs.centroids.to(image.device), (blobs.diameter_px / 2).to(image.device)
    moved, means = [torch.empty((0, 2), dtype=torch.float64)], [torch.empty(0, dtype=torch.float64)]
    at_once = max(1, PIXELS_AT_ONCE // len(offsets) ** 2)
    for start in range(0, len(blobs), at_once):
        centre, limit = centroids[start : start + at_once], radius[start : start + at_once].square()[:, None, None]
        rows, columns = (centre[:, dim].round().long()[:, None] + offsets for dim in (0, 1))
        distance = (rows - centre[:, :1]).square()[:, :, None] + (columns - centre[:, 1:]).square()[:, None, :]
        on_image = _within(rows, image.shape[0])[:, :, None] & _within(columns, image.shape[1])[:, None, :]
        inside = (distance <= limit) & on_image
        place = rows.clamp(0, image.shape[0] - 1)[:, :, None], columns.clamp(0, image.shape[1] - 1)[:, None, :]
        means.append(((image[place].double() * inside).sum(dim=(1, 2)) / inside.sum(dim=(1, 2))).cpu())
        # every disc has some weight at its centre, which was found to be above the background
        weight = contrast[place].double() * inside
        total = weight.sum(dim=(1, 2))
        y, x = (weight.sum(dim=2) * rows).sum(dim=1) / total, (weight.sum(dim=1) * columns).sum(dim=1) / total
        moved.append(torch.stack([y, x], dim=1).cpu())
    return torch.cat(moved), torch.cat(means)


def _within(index: torch.Tensor, size: int) -> torch.Tensor:
    return (index >= 0) & (index < size)
