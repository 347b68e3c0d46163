"""Which pixel belongs to which nucleus, at the resolution at which the detector worked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

#: Rows of the image that are looked up in one go.
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class LabelMap:
    """The masks of the nuclei of one image.

    The middle of the map's pixel ``p`` is ``(p + 0.5) / scale - 0.5 + origin`` in the image.

    Parameters
    ----------
    labels
        (Y, X) whole numbers >= 0 on any device; 0 is background.
    region_of
        (M,) int64, for each label the index of its nucleus, -1 where it is none. Several labels may be one nucleus.
    n
        How many nuclei there are.
    scale
        (y, x), pixels of the map per pixel of the image.
    origin
        (y, x), the place in the image of the map's corner.
    """

    labels: torch.Tensor
    region_of: NDArray[np.int64]
    n: int
    scale: tuple[float, float] = (1.0, 1.0)
    origin: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def numbered(cls, labels: torch.Tensor, n: int, scale: tuple[float, float] = (1.0, 1.0)) -> LabelMap:
        """The map in which label ``i + 1`` is nucleus ``i`` of `n`."""
        return cls(labels, np.arange(-1, n, dtype=np.int64), n, scale)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> LabelMap:
        """The map of the nuclei that are `chosen`, (N,) bool, numbered anew."""
        number = np.where(chosen, np.cumsum(chosen) - 1, -1)
        region_of = np.where(self.region_of >= 0, np.append(number, -1)[self.region_of], -1)
        return dataclasses.replace(self, region_of=region_of, n=int(np.sum(chosen)))

    def enlarged(self, factor: int) -> LabelMap:
        """The same masks in an image `factor` times as large."""
        (scale_y, scale_x), (y, x) = self.scale, self.origin
        return dataclasses.replace(self, scale=(scale_y / factor, scale_x / factor), origin=(y * factor, x * factor))

    def moved(self, by: NDArray[np.float64]) -> LabelMap:
        """The same masks, (y, x) further."""
        return dataclasses.replace(self, origin=(self.origin[0] + float(by[0]), self.origin[1] + float(by[1])))

    def on_edge(self) -> NDArray[np.bool_]:
        """Which nuclei, (N,), have a pixel on the edge of the map, so that the image may cut them."""
        sides = [self.labels[0], self.labels[-1], self.labels[:, 0], self.labels[:, -1]]
        names = torch.unique(torch.cat(sides)).cpu().numpy()
        regions = self.region_of[names]
        touching = np.zeros(self.n, dtype=bool)
        touching[regions[regions >= 0]] = True
        return touching

    def regions(self) -> torch.Tensor:
        """(Y, X) int32 on the CPU: for each pixel of the map the index of its nucleus, -1 for none."""
        return torch.as_tensor(self.region_of, dtype=torch.int32)[self.labels.cpu().long()]

    def to_map(self, y: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places in pixels of the image, in pixels of the map."""
        (top, left), (scale_y, scale_x) = self.origin, self.scale
        return (y - top + 0.5) * scale_y - 0.5, (x - left + 0.5) * scale_x - 0.5

    def image(self, shape: tuple[int, int]) -> NDArray[np.unsignedinteger[Any]]:
        """The label image (Y, X) of an image of `shape`: nucleus ``i`` is ``i + 1``.

        Where the map is coarser, a pixel goes to the nucleus (or the background) that has most of the four pixels of the map
        around it, weighted as in bilinear interpolation, so that outlines are not stairs.
        """
        regions = self.regions()
        drawn: NDArray[np.unsignedinteger[Any]] = np.zeros(shape, dtype=np.uint16 if self.n < 2**16 else np.uint32)
        columns = torch.arange(shape[1], dtype=torch.float64)
        for top in range(0, shape[0], ROWS_AT_ONCE):
            rows = torch.arange(top, min(top + ROWS_AT_ONCE, shape[0]), dtype=torch.float64)
            y, x = self.to_map(rows, columns)
            found, weights = _around(regions, y[:, None], x[None, :])
            # each of the four counts for all that are of the same nucleus
            votes = [_share(one, found, weights) for one in found]
            best, most = found[0], votes[0]
            for region, vote in zip(found[1:], votes[1:], strict=True):
                best, most = torch.where(vote > most, region, best), torch.maximum(vote, most)
            drawn[top : top + len(rows)] = (best + 1).numpy()
        return drawn

    def share(self, regions: torch.Tensor, region: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """How much, 0 to 1, nucleus `region` has of the places `y`, `x` of the map; at least a half is inside it.

        All are of one shape, or can be broadcast to it; `regions` is what the method of that name gives.
        """
        return _share(region, *_around(regions, y, x))


def _share(region: torch.Tensor, found: list[torch.Tensor], weights: list[torch.Tensor]) -> torch.Tensor:
    shares = [torch.where(one == region, weight, 0.0) for one, weight in zip(found, weights, strict=True)]
    return shares[0] + shares[1] + shares[2] + shares[3]


def _around(regions: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The nuclei of the four pixels of the map around places, -1 for none, and their weights; nothing lies outside the map."""
    height, width = regions.shape
    # half a pixel beyond the last middle is still inside the last pixel
    inside = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor().long(), x.floor().long()
    below, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    down, along = y - top, x - left
    found = [torch.where(inside, regions[row, column], -1) for row in (top, below) for column in (left, right)]
    weights = [vertical * horizontal for vertical in (1 - down, down) for horizontal in (1 - along, along)]
    return found, weights
