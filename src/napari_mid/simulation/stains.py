"""The light that each stain gives off, drawn for all cells of a canvas at once.

Every function returns (2, H, W): the cells in focus and those out of focus, before any blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mid.simulation.monolayer import Monolayer, smooth_noise
from napari_mid.simulation.phenotypes import DEAD, CellTraits

Light = NDArray[np.float32]

_SPOTS = 3  # nucleoli of a living nucleus, or pieces beside a dead one


@dataclass(frozen=True)
class NucleusPatches:
    """The nuclei as drawn: `masks` (N, P, P) in [0, 1] and the canvas pixel of the top left corner of each, (N, 2)."""

    masks: NDArray[np.float32]
    corners: NDArray[np.int64]

    def add_to(
        self, canvas: Light, weights: NDArray[np.float64], layers: NDArray[np.bool_], texture: Light | None = None
    ) -> None:
        """Add each nucleus, `weights` (N,) bright, to its layer of `canvas` (2, H, W)."""
        size = self.masks.shape[1]
        height, width = canvas.shape[1:]
        for mask, (top, left), weight, layer in zip(self.masks, self.corners, weights, layers.astype(int), strict=True):
            rows, columns = slice(max(top, 0), min(top + size, height)), slice(max(left, 0), min(left + size, width))
            piece = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] * np.float32(weight)
            canvas[layer, rows, columns] += piece if texture is None else piece * texture[rows, columns]


def nucleus_patches(rng: np.random.Generator, layer: Monolayer, cells: CellTraits, pixel_size_um: float) -> NucleusPatches:
    """Draw the outline of every nucleus: an ellipse with a few bumps, nucleoli, or the pieces of a broken one."""
    n = len(cells)
    radius = cells.nucleus_um / pixel_size_um
    half = int(np.ceil(2.4 * radius.max(initial=4.0)))
    corners = np.floor(layer.centres).astype(np.int64) - half
    offsets = np.arange(2 * half + 1, dtype=np.float32)
    dy = offsets[None, :, None] - (layer.centres[:, 0] - corners[:, 0])[:, None, None].astype(np.float32)
    dx = offsets[None, None, :] - (layer.centres[:, 1] - corners[:, 1])[:, None, None].astype(np.float32)
    angle = (layer.axis + rng.normal(0, 0.5, n))[:, None, None]
    long, short = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
    root = np.sqrt(cells.elongation)[:, None, None]
    distance = np.hypot(long / root, short * root)
    around = np.arctan2(short * root, long / root)
    edge = np.ones_like(distance)
    for bumps, depth in ((2, 0.035), (3, 0.022), (4, 0.012)):
        edge += rng.normal(0, depth, (n, 1, 1)) * np.cos(bumps * around + rng.uniform(0, 2 * np.pi, (n, 1, 1)))
    masks = _soft(edge * radius[:, None, None] - distance)
    # thicker in the middle, as nuclei of a monolayer are
    masks *= 0.72 + 0.28 * np.sqrt(np.clip(1 - (distance / (edge * radius[:, None, None])) ** 2, 0, 1))
    dead = cells.state == DEAD
    for spot in range(_SPOTS):
        direction, far = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.2, 0.6, n)
        piece = dead & (cells.fragments > spot)
        far = np.where(piece, rng.uniform(1.2, 1.7, n), far) * radius
        size = np.where(piece, rng.uniform(0.3, 0.5, n), rng.uniform(0.14, 0.24, n)) * radius
        away = np.hypot(dy - (far * np.sin(direction))[:, None, None], dx - (far * np.cos(direction))[:, None, None])
        blob = _soft(size[:, None, None] - away)
        nucleolus = (~dead & (rng.random(n) < 0.7))[:, None, None]
        masks = np.where(piece[:, None, None], np.maximum(masks, 0.9 * blob), masks * (1 - 0.32 * blob * nucleolus))
    return NucleusPatches(masks.astype(np.float32), corners)


def _soft(inside_px: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 well inside an outline, 0 outside, with an edge of about a pixel."""
    return np.asarray(np.clip(inside_px + 0.5, 0, 1))


def hoechst_light(
    rng: np.random.Generator, nuclei: NucleusPatches, cells: CellTraits, shape: tuple[int, int], pixel_size_um: float
) -> Light:
    """Nuclei with mottled chromatin; a shrunken one is denser."""
    canvas = np.zeros((2, *shape), dtype=np.float32)
    grain = smooth_noise(rng, shape, 1.3 / pixel_size_um)
    coarse = smooth_noise(rng, shape, 3.0 / pixel_size_um)
    texture = np.clip(1 + 0.11 * grain + 0.07 * coarse, 0.5, 1.6)
    nuclei.add_to(canvas, cells.hoechst, cells.out_of_focus, texture)
    return canvas


def yoyo_light(nuclei: NucleusPatches, cells: CellTraits, shape: tuple[int, int], pixel_size_um: float) -> Light:
    """Nuclei of dead cells, with a haze of leaked DNA; next to nothing in living ones."""
    canvas = np.zeros((2, *shape), dtype=np.float32)
    nuclei.add_to(canvas, cells.yoyo, cells.out_of_focus)
    canvas[0] += 0.12 * ndimage.gaussian_filter(canvas[0], 3.0 / pixel_size_um, truncate=3)
    return canvas


def ros_light(
    rng: np.random.Generator, layer: Monolayer, nuclei: NucleusPatches, cells: CellTraits, pixel_size_um: float
) -> Light:
    """Diffuse dye, brighter where the cell is thick, and puncta around the nucleus."""
    shape = layer.owner.shape
    mottle = 1 + 0.1 * smooth_noise(rng, shape, 2.0 / pixel_size_um) + 0.12 * smooth_noise(rng, shape, 6.0 / pixel_size_um)
    thickness = 0.3 + 0.7 * np.exp(-((layer.distance_um / 15) ** 2))
    inside = np.zeros((2, *shape), dtype=np.float32)
    nuclei.add_to(inside, np.ones(len(cells)), np.zeros(len(cells), dtype=bool))
    diffuse = cells.ros.astype(np.float32)[layer.owner] * layer.body * thickness * mottle * (1 - 0.18 * np.minimum(inside[0], 1))
    canvas = _split(diffuse, layer, cells)
    owner = np.repeat(np.arange(len(cells)), cells.puncta)
    far = (cells.nucleus_um[owner] * rng.uniform(0.9, 1.2, len(owner)) + rng.exponential(5.0, len(owner))) / pixel_size_um
    direction = rng.uniform(0, 2 * np.pi, len(owner))
    points = layer.centres[owner] + far[:, None] * np.column_stack([np.sin(direction), np.cos(direction)])
    bright = cells.punctum[owner] * rng.lognormal(0, 0.45, len(owner))
    spots = _splat(points, bright, owner, layer, cells)
    width = 0.5 / pixel_size_um
    # a spot keeps its peak whatever the pixel size
    peak = 2 * np.pi * (width**2 + (0.45 / pixel_size_um) ** 2)
    for i in range(2):
        canvas[i] += 1.1 * peak * ndimage.gaussian_filter(spots[i], width, truncate=3)
    return canvas


def mmp_light(
    rng: np.random.Generator, layer: Monolayer, nuclei: NucleusPatches, cells: CellTraits, pixel_size_um: float
) -> Light:
    """Mitochondria as curved threads around the nucleus and along the cell, in pieces and paler where the potential is lost."""
    owner = np.repeat(np.arange(len(cells)), rng.poisson(100, len(cells)) * (cells.mmp > 0))
    n, n_steps = len(owner), max(2, round(24 / pixel_size_um))
    broken = cells.fragmentation[owner]
    length = np.maximum(rng.gamma(4, 3.2, n) * (1 - 0.85 * broken), 1.2) / pixel_size_um
    start = rng.uniform(0, 2 * np.pi, n)
    far = (1.05 * cells.nucleus_um[owner] + rng.exponential(8.0, n)) / pixel_size_um
    along = np.where(rng.random(n) < 0.6, layer.axis + rng.normal(0, 0.35, n), start + np.pi / 2 + rng.normal(0, 0.5, n))
    bend = rng.normal(0, 0.03, (n, 1)) + rng.normal(0, 0.22, (n, n_steps))
    heading = along[:, None] + np.cumsum(bend * np.sqrt(pixel_size_um / 0.6), axis=1)
    steps = np.arange(n_steps)
    y = layer.centres[owner, 0, None] + (far * np.sin(start))[:, None] + np.cumsum(np.sin(heading), axis=1)
    x = layer.centres[owner, 1, None] + (far * np.cos(start))[:, None] + np.cumsum(np.cos(heading), axis=1)
    kept = steps < length[:, None]
    weight = np.broadcast_to(rng.lognormal(0, 0.35, (n, 1)), kept.shape)[kept]
    who = np.broadcast_to(owner[:, None], kept.shape)[kept]
    threads = _splat(np.column_stack([y[kept], x[kept]]), weight * cells.mmp[who], who, layer, cells)
    inside = np.zeros_like(threads)
    nuclei.add_to(inside, np.ones(len(cells)), np.zeros(len(cells), dtype=bool))
    outside = 1 - 0.8 * np.minimum(inside[0], 1)
    haze = cells.mmp.astype(np.float32)[layer.owner] * layer.body * np.exp(-((layer.distance_um / 16) ** 2))
    threads = threads * 0.28 / pixel_size_um + _split(0.2 * haze, layer, cells)
    return np.asarray(threads * outside, dtype=np.float32)


def _split(image: NDArray[np.float32], layer: Monolayer, cells: CellTraits) -> Light:
    """Part an image (H, W) into the cells in focus and those out of focus."""
    away = cells.out_of_focus[layer.owner]
    return np.stack([np.where(away, 0, image), np.where(away, image, 0)]).astype(np.float32)


def _splat(
    points: NDArray[np.float64], weights: NDArray[np.float64], owner: NDArray[np.int64], layer: Monolayer, cells: CellTraits
) -> Light:
    """Add points (M, 2), spread over the four pixels around each, where they lie in the body of their own cell."""
    height, width = layer.owner.shape
    corner = np.floor(points).astype(np.int64)
    good = (corner >= 0).all(axis=1) & (corner[:, 0] < height - 1) & (corner[:, 1] < width - 1)
    corner, points, weights, owner = corner[good], points[good], weights[good], owner[good]
    at = corner[:, 0] * width + corner[:, 1]
    weights = weights * layer.body.ravel()[at] * (layer.owner.ravel()[at] == owner)
    start = at + cells.out_of_focus[owner] * (height * width)
    fy, fx = (points - corner).T
    canvas = np.zeros(2 * height * width)
    for step, share in ((0, (1 - fy) * (1 - fx)), (1, (1 - fy) * fx), (width, fy * (1 - fx)), (width + 1, fy * fx)):
        canvas += np.bincount(start + step, weights * share, minlength=canvas.size)
    return canvas.reshape(2, height, width).astype(np.float32)
