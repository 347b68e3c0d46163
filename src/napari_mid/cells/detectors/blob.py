"""Blobs in scale-space: the maxima of the difference of Gaussians over place and scale are nuclei, their scale is the diameter."""

from __future__ import annotations

import math

import torch
from scipy.spatial import KDTree

from napari_mid.cells.diameter import WEAKEST
from napari_mid.cells.filters import compress, gaussian, noise_level, quantile
from napari_mid.cells.regions import Regions
from napari_mid.cells.scale_space import Blobs, find_blobs
from napari_mid.cells.settings import DetectionSettings

#: Diameters that are looked for, in parts of the typical one.
SMALLEST, LARGEST = 0.6, 1.8
#: The weakest response, in standard deviations of the noise at that scale.
OVER_NOISE = 6.0
#: Of two blobs whose centres are closer than this part of the larger radius, the weaker one goes.
TOO_CLOSE = 0.75
#: Pixels looked at in one go when the mean intensities are measured.
PIXELS_AT_ONCE = 2_000_000


def locate(image: torch.Tensor, diameter_px: float, settings: DetectionSettings) -> Regions:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN."""
    smooth = gaussian(image, max(0.7, 0.05 * diameter_px))
    raised = (smooth - quantile(smooth, 0.02)).clamp(min=0)
    level = compress(raised)
    blobs = find_blobs(level, SMALLEST * diameter_px, LARGEST * diameter_px)
    if len(blobs) == 0:
        return Regions(*(tensor.numpy() for tensor in (blobs.centroids, blobs.response, blobs.response)))
    sigma = blobs.diameter_px / (2 * math.sqrt(2))
    # where the levels are linear, at low contrast, this is the noise of the response
    noise = noise_level(image) / (2 * math.sqrt(math.pi) * sigma)
    # a disc's response is half of its contrast
    least = (OVER_NOISE / 2 * noise).clamp(min=WEAKEST * quantile(blobs.response, 0.9)) / settings.sensitivity
    blobs = _without_overlap(blobs[blobs.response > least])
    area = math.pi / 4 * blobs.diameter_px**2
    return Regions(blobs.centroids.numpy(), area.numpy(), disc_means(image, blobs).numpy())


def _without_overlap(blobs: Blobs) -> Blobs:
    """The blobs without those that lie within a stronger one."""
    order = blobs.response.argsort(descending=True, stable=True)
    blobs = blobs[order]
    radius = (blobs.diameter_px / 2).tolist()
    tree = KDTree(blobs.centroids.numpy())
    kept = [True] * len(blobs)
    for strong, near in enumerate(tree.query_ball_point(blobs.centroids.numpy(), [TOO_CLOSE * r for r in radius])):
        for weak in near if kept[strong] else ():
            if weak > strong:
                kept[weak] = False
    return blobs[torch.tensor(kept)]


def disc_means(image: torch.Tensor, blobs: Blobs) -> torch.Tensor:
    """The mean of (Y, X) `image` inside the disc of every blob, (N,) float64 on the CPU."""
    reach = math.ceil(float(blobs.diameter_px.max()) / 2) if len(blobs) else 0
    offsets = torch.arange(-reach, reach + 1, device=image.device)
    centroids, radius = blobs.centroids.to(image.device), (blobs.diameter_px / 2).to(image.device)
    means = []
    at_once = max(1, PIXELS_AT_ONCE // len(offsets) ** 2)
    for start in range(0, len(blobs), at_once):
        part = slice(start, start + at_once)
        rows, columns = (centroids[part, dim].round().long()[:, None] + offsets for dim in (0, 1))
        distance = (rows - centroids[part, :1]).square()[:, :, None] + (columns - centroids[part, 1:]).square()[:, None, :]
        inside = distance <= radius[part].square()[:, None, None]
        for index, size, view in (
            (rows, image.shape[0], (-1, len(offsets), 1)),
            (columns, image.shape[1], (-1, 1, len(offsets))),
        ):
            inside &= ((index >= 0) & (index < size)).view(view)
        values = image[rows.clamp(0, image.shape[0] - 1)[:, :, None], columns.clamp(0, image.shape[1] - 1)[:, None, :]].double()
        means.append((values * inside).sum(dim=(1, 2)) / inside.sum(dim=(1, 2)))
    return torch.cat(means).cpu() if means else torch.zeros(0, dtype=torch.float64)
