"""Where the cells lie, and which pixel belongs to which cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

#: Cells are elongated along the direction in which the monolayer beats.
ELONGATION = 1.5


@dataclass(frozen=True)
class Monolayer:
    """The cells of a canvas; the field is its middle, so that cells at the border are partly cut.

    Parameters
    ----------
    centres
        (N, 2), centres of the nuclei (y, x) in pixels of the canvas.
    axis
        Direction of the long axis of the cells in radians.
    owner
        (H, W), index of the cell that a pixel belongs to.
    body
        (H, W), 1 inside a cell, 0 in a gap between cells.
    distance_um
        (H, W), distance from the centre of the owner.
    """

    centres: NDArray[np.float64]
    axis: float
    owner: NDArray[np.int64]
    body: NDArray[np.float32]
    distance_um: NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale_px: float) -> NDArray[np.float32]:
    """Noise of mean 0 and standard deviation 1 whose structures are about `scale_px` wide, (H, W)."""
    # a bump of random height on every point of a coarse grid; two matrix products are much faster than a filter as wide
    coarse = rng.standard_normal([int(np.ceil(size / scale_px)) + 5 for size in shape]).astype(np.float32)
    across = [
        np.exp(-0.5 * ((np.arange(size)[:, None] / scale_px - np.arange(n) + 2) / 0.6) ** 2)
        for size, n in zip(shape, coarse.shape, strict=True)
    ]
    fine = across[0].astype(np.float32) @ coarse @ across[1].T.astype(np.float32)
    return np.asarray((fine - fine.mean()) / fine.std(), dtype=np.float32)


def place_cells(rng: np.random.Generator, canvas_px: int, cells_per_px: float) -> NDArray[np.float64]:
    """Centres (N, 2) of cells that keep a distance, crowded in some places and sparse in others."""
    n = rng.poisson(cells_per_px * canvas_px**2 * 0.97)
    spacing = 1 / np.sqrt(cells_per_px)
    crowding = smooth_noise(rng, (canvas_px, canvas_px), max(2.5 * spacing, 8))
    centres = np.empty((n, 2))
    placed = 0
    for point in rng.uniform(0, canvas_px - 1, (60 * n, 2)):
        closest = spacing * np.clip(0.68 + 0.15 * crowding[int(point[0]), int(point[1])], 0.37, 0.9)
        if placed == 0 or ((centres[:placed] - point) ** 2).sum(axis=1).min() > closest**2:
            centres[placed] = point
            placed += 1
            if placed == n:
                break
    return centres[:placed]


def spread_cells(
    rng: np.random.Generator, centres: NDArray[np.float64], body_um: NDArray[np.float64], canvas_px: int, pixel_size_um: float
) -> Monolayer:
    """Give every pixel of a canvas to the nearest cell, with ragged borders, unless it lies beyond the reach of that cell."""
    shape = (canvas_px, canvas_px)
    axis = float(rng.uniform(0, np.pi))
    grid = np.indices(shape, dtype=np.float32)
    for scale_um, amplitude_um in ((12.0, 3.5), (2.5, 0.5)):
        for i in range(2):
            grid[i] += amplitude_um / pixel_size_um * smooth_noise(rng, shape, scale_um / pixel_size_um)
    # nearer along the axis: cells reach further in that direction
    turn = np.array([[np.cos(axis), -np.sin(axis)], [np.sin(axis), np.cos(axis)]])
    stretch = turn @ np.diag([np.sqrt(ELONGATION), 1 / np.sqrt(ELONGATION)])
    distances, owners = cKDTree(centres @ stretch).query(grid.reshape(2, -1).T @ stretch, k=2)
    distances = (distances * pixel_size_um).astype(np.float32).reshape(*shape, 2)
    owner = owners[:, 0].reshape(shape)
    reach = body_um.astype(np.float32)[owner]
    gap = 0.55 + 0.45 * np.clip((distances[..., 1] - distances[..., 0]) / 3.0, 0, 1)
    body = np.clip((reach - distances[..., 0]) / (0.35 * reach), 0, 1) * gap
    return Monolayer(centres, axis, owner, body.astype(np.float32), distances[..., 0])
