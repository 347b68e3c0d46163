"""The outlines of nuclei as polygons, for contours in galleries and in the window."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.label_map import LabelMap

#: Rays from the centre of a nucleus to its edge, evenly spaced.
RAYS = 32
#: The edge is looked for up to so many radii of the disc with the same area, in so many steps.
REACH, STEPS = 3.0, 96
#: Places that are looked up in one go.
PLACES_AT_ONCE = 500_000


def traced(label_map: LabelMap, centroids: NDArray[np.float64], area_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """The outline of every nucleus: where rays from its centre leave its mask for the last time.

    A mask that a ray meets twice (a crescent, a hole) is filled along the ray; what lies further than `REACH` radii is cut off.

    Parameters
    ----------
    label_map
        The masks.
    centroids, area_px
        (N, 2) and (N,), in pixels of the image.

    Returns
    -------
    NDArray
        (N, RAYS, 2) float32, (y, x) in pixels of the image, counterclockwise on the screen from the right.
    """
    regions = label_map.regions()
    directions = torch.as_tensor(_directions())
    outlines = [np.empty((0, RAYS, 2), dtype=np.float32)]
    at_once = max(1, PLACES_AT_ONCE // (RAYS * STEPS))
    for start in range(0, len(centroids), at_once):
        centre = torch.as_tensor(centroids[start : start + at_once], dtype=torch.float64)
        step = torch.as_tensor(area_px[start : start + at_once], dtype=torch.float64)
        step = (step / math.pi).sqrt() * (REACH / STEPS)
        number = torch.arange(start, start + len(centre), dtype=regions.dtype)
        distances = step[:, None] * torch.arange(STEPS)
        places = centre[:, None, None, :] + distances[:, None, :, None] * directions[None, :, None, :]
        y, x = label_map.to_map(places[..., 0], places[..., 1])
        inside = label_map.share(regions, number[:, None, None], y, x) >= 0.5
        # the edge lies between the last place inside and the next one
        last = torch.where(inside, torch.arange(1, STEPS + 1), 0).amax(dim=2)
        radius = (last - 0.5).clamp(min=0) * step[:, None]
        outlines.append((centre[:, None, :] + radius[..., None] * directions).float().numpy())
    return np.concatenate(outlines)


def circles(centroids: NDArray[np.float64], area_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """The circle with the area of every nucleus, as `traced` gives outlines."""
    radius = np.sqrt(area_px / math.pi)
    found: NDArray[np.float32] = (centroids[:, None, :] + radius[:, None, None] * _directions()).astype(np.float32)
    return found


def discs(centroids: NDArray[np.float64], area_px: NDArray[np.float64], shape: tuple[int, int]) -> LabelMap:
    """Discs as masks in an image of `shape`; a pixel that several cover goes to the nucleus whose centre is nearest."""
    labels = np.zeros(shape, dtype=np.int64)
    nearest = np.full(shape, np.inf)
    for number, ((y, x), area) in enumerate(zip(centroids, area_px, strict=True), start=1):
        radius = math.sqrt(area / math.pi)
        rows = slice(max(0, math.floor(y - radius)), max(0, math.ceil(y + radius) + 1))
        columns = slice(max(0, math.floor(x - radius)), max(0, math.ceil(x + radius) + 1))
        part = nearest[rows, columns]
        yy, xx = np.ogrid[rows.start : rows.start + part.shape[0], columns.start : columns.start + part.shape[1]]
        distance = (yy - y) ** 2 + (xx - x) ** 2
        mine = (distance <= radius**2) & (distance < part)
        part[mine] = distance[mine]
        labels[rows, columns][mine] = number
    return LabelMap.numbered(torch.from_numpy(labels), len(centroids))


def _directions() -> NDArray[np.float64]:
    """(RAYS, 2), (y, x) of length 1."""
    angles = np.arange(RAYS) * (2 * math.pi / RAYS)
    return np.stack([-np.sin(angles), np.cos(angles)], axis=1)
