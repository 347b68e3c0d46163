"""The light that each stain gives off, drawn for all cells of a canvas at once.

Every function of `LIGHTS` returns (2, H, W): the cells in focus and those out of focus, before any blur.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """The nuclei as drawn: `masks` and `nucleoli` (N, P, P) in [0, 1]; `corners` (N, 2), the pixel of the top left of each."""

    masks: NDArray[np.float32]
    nucleoli: NDArray[np.float32]
    corners: NDArray[np.int64]

    def add_to(
        self, canvas: Light, weights: NDArray[np.float64], layers: NDArray[np.bool_], texture: Light | None = None
    ) -> None:
        """Add each nucleus, `weights` (N,) bright, to its layer of `canvas` (2, H, W)."""
        self._add(canvas, self.masks, weights, layers, texture)

    def add_nucleoli_to(self, canvas: Light, weights: NDArray[np.float64], layers: NDArray[np.bool_]) -> None:
        """Add the nucleoli of each nucleus, `weights` (N,) bright, to its layer of `canvas` (2, H, W)."""
        self._add(canvas, self.nucleoli, weights, layers, None)

    def _add(
        self,
        canvas: Light,
        masks: NDArray[np.float32],
        weights: NDArray[np.float64],
        layers: NDArray[np.bool_],
        texture: Light | None,
    ) -> None:
        size = masks.shape[1]
        height, width = canvas.shape[1:]
        for mask, (top, left), weight, layer in zip(masks, self.corners, weights, layers.astype(int), strict=True):
            rows, columns = slice(max(top, 0), min(top + size, height)), slice(max(left, 0), min(left + size, width))
            piece = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] * np.float32(weight)
            canvas[layer, rows, columns] += piece if texture is None else piece * texture[rows, columns]


@dataclass(frozen=True)
class Scene:
    """The cells of a canvas, before any light."""

    layer: Monolayer
    nuclei: NucleusPatches
    cells: CellTraits
    pixel_size_um: float

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the canvas."""
        return self.layer.owner.shape[0], self.layer.owner.shape[1]

    def blank(self) -> Light:
        """No light, (2, H, W)."""
        return np.zeros((2, *self.shape), dtype=np.float32)

    def inside_nuclei(self) -> NDArray[np.float32]:
        """(H, W), 1 inside a nucleus."""
        inside = self.blank()
        self.nuclei.add_to(inside, np.ones(len(self.cells)), np.zeros(len(self.cells), dtype=bool))
        return np.asarray(np.minimum(inside[0], 1))

    def spread_over_cells(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """`values` (N,) in the pixels of each cell, (H, W)."""
        return np.asarray(values.astype(np.float32)[self.layer.owner] * self.layer.body, dtype=np.float32)


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
    nucleoli = np.zeros_like(masks)
    for spot in range(_SPOTS):
        direction, far = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.2, 0.6, n)
        piece = dead & (cells.fragments > spot)
        far = np.where(piece, rng.uniform(1.2, 1.7, n), far) * radius
        size = np.where(piece, rng.uniform(0.3, 0.5, n), rng.uniform(0.14, 0.24, n)) * radius
        away = np.hypot(dy - (far * np.sin(direction))[:, None, None], dx - (far * np.cos(direction))[:, None, None])
        blob = _soft(size[:, None, None] - away)
        nucleolus = (~dead & (rng.random(n) < 0.7))[:, None, None]
        nucleoli = np.maximum(nucleoli, blob * nucleolus)
        masks = np.where(piece[:, None, None], np.maximum(masks, 0.9 * blob), masks * (1 - 0.32 * blob * nucleolus))
    return NucleusPatches(masks.astype(np.float32), nucleoli.astype(np.float32), corners)


def _soft(inside_px: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 well inside an outline, 0 outside, with an edge of about a pixel."""
    return np.asarray(np.clip(inside_px + 0.5, 0, 1))


def hoechst_light(rng: np.random.Generator, scene: Scene) -> Light:
    """Nuclei with mottled chromatin; a shrunken one is denser."""
    canvas, pixel = scene.blank(), scene.pixel_size_um
    grain = smooth_noise(rng, scene.shape, 1.3 / pixel)
    coarse = smooth_noise(rng, scene.shape, 3.0 / pixel)
    texture = np.clip(1 + 0.11 * grain + 0.07 * coarse, 0.5, 1.6)
    scene.nuclei.add_to(canvas, scene.cells.stains["nucleus"], scene.cells.out_of_focus, texture)
    return canvas


def yoyo_light(rng: np.random.Generator, scene: Scene) -> Light:
    """Nuclei of dead cells, with a haze of leaked DNA; next to nothing in living ones."""
    canvas = scene.blank()
    scene.nuclei.add_to(canvas, scene.cells.stains["dead"], scene.cells.out_of_focus)
    canvas[0] += 0.12 * ndimage.gaussian_filter(canvas[0], 3.0 / scene.pixel_size_um, truncate=3)
    return canvas


def ros_light(rng: np.random.Generator, scene: Scene) -> Light:
    """Diffuse dye, brighter where the cell is thick, and puncta around the nucleus."""
    layer, cells, pixel, shape = scene.layer, scene.cells, scene.pixel_size_um, scene.shape
    mottle = 1 + 0.1 * smooth_noise(rng, shape, 2.0 / pixel) + 0.12 * smooth_noise(rng, shape, 6.0 / pixel)
    thickness = 0.3 + 0.7 * np.exp(-((layer.distance_um / 15) ** 2))
    diffuse = scene.spread_over_cells(cells.stains["ros"]) * thickness * mottle * (1 - 0.18 * scene.inside_nuclei())
    canvas = _split(diffuse, layer, cells)
    owner = np.repeat(np.arange(len(cells)), cells.puncta)
    far = (cells.nucleus_um[owner] * rng.uniform(0.9, 1.2, len(owner)) + rng.exponential(5.0, len(owner))) / pixel
    # puncta take up the dye there is
    bright = cells.punctum[owner] * cells.stains["ros"][owner] * rng.lognormal(0, 0.45, len(owner))
    canvas += 1.1 * _spots(rng, scene, owner, far, bright, width_um=0.5)
    return canvas


def mitochondria_light(rng: np.random.Generator, scene: Scene, role: str) -> Light:
    """Mitochondria as curved threads around the nucleus and along the cell, in pieces and paler where the potential is lost."""
    layer, cells, pixel = scene.layer, scene.cells, scene.pixel_size_um
    level = cells.stains[role]
    owner = np.repeat(np.arange(len(cells)), rng.poisson(100, len(cells)) * (level > 0))
    n, n_steps = len(owner), max(2, round(24 / pixel))
    broken = cells.fragmentation[owner]
    length = np.maximum(rng.gamma(4, 3.5, n) * (1 - broken) ** 1.5, 1.2) / pixel
    start = rng.uniform(0, 2 * np.pi, n)
    far = (1.05 * cells.nucleus_um[owner] + rng.exponential(8.0, n) * cells.spread[owner]) / pixel
    along = np.where(rng.random(n) < 0.6, layer.axis + rng.normal(0, 0.35, n), start + np.pi / 2 + rng.normal(0, 0.5, n))
    bend = rng.normal(0, 0.03, (n, 1)) + rng.normal(0, 0.22, (n, n_steps))
    heading = along[:, None] + np.cumsum(bend * np.sqrt(pixel / 0.6), axis=1)
    steps = np.arange(n_steps)
    y = layer.centres[owner, 0, None] + (far * np.sin(start))[:, None] + np.cumsum(np.sin(heading), axis=1)
    x = layer.centres[owner, 1, None] + (far * np.cos(start))[:, None] + np.cumsum(np.cos(heading), axis=1)
    kept = steps < length[:, None]
    # what is in pieces is as much as before: shorter threads are thicker
    thicker = (1 + 1.5 * broken)[:, None]
    weight = np.broadcast_to(rng.lognormal(0, 0.35, (n, 1)) * thicker, kept.shape)[kept]
    who = np.broadcast_to(owner[:, None], kept.shape)[kept]
    threads = _splat(np.column_stack([y[kept], x[kept]]), weight * level[who], who, layer, cells)
    haze = scene.spread_over_cells(level) * np.exp(-((layer.distance_um / 16) ** 2))
    threads = threads * 0.28 / pixel + _split(0.2 * haze, layer, cells)
    return np.asarray(threads * (1 - 0.8 * scene.inside_nuclei()), dtype=np.float32)


def er_light(rng: np.random.Generator, scene: Scene) -> Light:
    """Endoplasmic reticulum: a mesh, denser around the nucleus, with dark vacuoles."""
    layer, cells, pixel, shape = scene.layer, scene.cells, scene.pixel_size_um, scene.shape
    mesh = 1 + 0.22 * np.abs(smooth_noise(rng, shape, 1.1 / pixel)) + 0.1 * smooth_noise(rng, shape, 4.0 / pixel)
    near = 0.25 + 0.75 * np.exp(-((layer.distance_um / 13) ** 2))
    diffuse = scene.spread_over_cells(cells.stains["er"]) * near * mesh * (1 - 0.45 * scene.inside_nuclei())
    canvas = _split(diffuse, layer, cells)
    owner = np.repeat(np.arange(len(cells)), cells.vacuoles)
    far = (cells.nucleus_um[owner] * 1.2 + rng.exponential(5.0, len(owner))) / pixel
    holes = _spots(rng, scene, owner, far, np.full(len(owner), 0.9), width_um=1.0)
    return np.asarray(canvas * np.clip(1 - holes, 0.1, 1), dtype=np.float32)


def rna_light(rng: np.random.Generator, scene: Scene) -> Light:
    """RNA: bright nucleoli, and the ribosomes of the cell."""
    layer, cells, pixel, shape = scene.layer, scene.cells, scene.pixel_size_um, scene.shape
    mottle = 1 + 0.12 * smooth_noise(rng, shape, 1.5 / pixel) + 0.1 * smooth_noise(rng, shape, 5.0 / pixel)
    near = 0.2 + 0.8 * np.exp(-((layer.distance_um / 15) ** 2))
    diffuse = scene.spread_over_cells(0.55 * cells.stains["rna"]) * near * mottle
    canvas = _split(np.asarray(diffuse, dtype=np.float32), layer, cells)
    scene.nuclei.add_nucleoli_to(canvas, 1.1 * cells.stains["rna"], cells.out_of_focus)
    return canvas


def agp_light(rng: np.random.Generator, scene: Scene) -> Light:
    """Actin at the borders of cells and in stripes along them, and the Golgi apparatus beside the nucleus."""
    layer, cells, pixel, shape = scene.layer, scene.cells, scene.pixel_size_um, scene.shape
    border = np.zeros(shape, dtype=bool)
    border[:-1] |= layer.owner[:-1] != layer.owner[1:]
    border[:, :-1] |= layer.owner[:, :-1] != layer.owner[:, 1:]
    cortex = ndimage.gaussian_filter(border.astype(np.float32), 0.6 / pixel, truncate=3) * (0.9 / pixel)
    y, x = np.indices(shape, dtype=np.float32) * np.float32(pixel)
    across = np.cos(layer.axis) * y - np.sin(layer.axis) * x + 4.0 * smooth_noise(rng, shape, 9.0 / pixel)
    stripes = np.clip(smooth_noise(rng, shape, 5.0 / pixel), 0, 1) * np.cos(across * (2 * np.pi / 4.0))
    level = scene.spread_over_cells(cells.stains["agp"])
    canvas = _split(np.asarray(level * (0.32 + 0.12 * stripes + 0.9 * cortex), dtype=np.float32), layer, cells)
    owner = np.repeat(np.arange(len(cells)), 7)
    side = np.repeat(rng.uniform(0, 2 * np.pi, len(cells)), 7) + rng.normal(0, 0.35, len(owner))
    far = cells.nucleus_um[owner] * rng.uniform(1.1, 1.5, len(owner)) / pixel
    canvas += 0.5 * _spots(rng, scene, owner, far, cells.stains["agp"][owner], width_um=1.1, direction=side)
    return canvas


def crystal_light(rng: np.random.Generator, scene: Scene) -> Light:
    """The planted artefact: a bright rod beside the nucleus of the cells that have one."""
    owner = np.flatnonzero(scene.cells.artefact)
    pixel, n_steps = scene.pixel_size_um, max(2, round(6 / scene.pixel_size_um))
    side, tilt = rng.uniform(0, 2 * np.pi, (2, len(owner), 1))
    along = np.linspace(-3, 3, n_steps)[None] / pixel
    far = (1.35 * scene.cells.nucleus_um[owner] / pixel)[:, None]
    y = scene.layer.centres[owner, 0, None] + far * np.sin(side) + along * np.sin(tilt)
    x = scene.layer.centres[owner, 1, None] + far * np.cos(side) + along * np.cos(tilt)
    points = np.column_stack([y.ravel(), x.ravel()])
    rods = _splat(points, np.full(len(points), 6.0 / pixel), np.repeat(owner, n_steps), scene.layer, scene.cells)
    return np.stack([ndimage.gaussian_filter(rod, 0.35 / pixel, truncate=3) for rod in rods]) if len(owner) else rods


#: Role of a channel to what draws it.
LIGHTS: Mapping[str, Callable[[np.random.Generator, Scene], Light]] = {
    "nucleus": hoechst_light,
    "ros": ros_light,
    "mmp": lambda rng, scene: mitochondria_light(rng, scene, "mmp"),
    "dead": yoyo_light,
    "er": er_light,
    "rna": rna_light,
    "agp": agp_light,
    "mito": lambda rng, scene: mitochondria_light(rng, scene, "mito"),
}


def _spots(
    rng: np.random.Generator,
    scene: Scene,
    owner: NDArray[np.int64],
    far_px: NDArray[np.float64],
    bright: NDArray[np.float64],
    *,
    width_um: float,
    direction: NDArray[np.float64] | None = None,
) -> Light:
    """Round spots with peaks of about `bright` (M,) at `far_px` (M,) from the centres of their `owner` (M,)."""
    angle = rng.uniform(0, 2 * np.pi, len(owner)) if direction is None else direction
    points = scene.layer.centres[owner] + far_px[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    spots = _splat(points, bright, owner, scene.layer, scene.cells)
    width = width_um / scene.pixel_size_um
    # a spot keeps its peak whatever the pixel size
    peak = 2 * np.pi * (width**2 + (0.45 / scene.pixel_size_um) ** 2)
    return np.stack([peak * ndimage.gaussian_filter(spot, width, truncate=3) for spot in spots])


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
