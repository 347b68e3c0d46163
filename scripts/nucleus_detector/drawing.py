"""Drawn nuclei with labels: shapes, crowds, textures, blur, haze, debris and cameras, as varied as can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIZE = 224


def contour_mask(yy: NDArray, xx: NDArray, radius: float, rng: np.random.Generator, roundness: float) -> NDArray[np.float32]:
    """Signed distance-like field of one nucleus around 0, positive inside, in pixels."""
    angle = rng.uniform(0, np.pi)
    ratio = np.exp(rng.normal(0, 0.22))
    u = (np.cos(angle) * xx + np.sin(angle) * yy) / np.sqrt(ratio)
    v = (-np.sin(angle) * xx + np.cos(angle) * yy) * np.sqrt(ratio)
    rho, theta = np.hypot(u, v), np.arctan2(v, u)
    wave = np.zeros_like(rho)
    for k in range(2, 6):
        wave += rng.normal(0, (1 - roundness) * 0.12 / k) * np.cos(k * theta + rng.uniform(0, 2 * np.pi))
    return (radius * (1 + wave) - rho).astype(np.float32)


def smooth_noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma, mode="wrap")
    return noise / (noise.std() + 1e-9)


def places(n: int, diameter: float, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Centres: even, in clusters, or in a tissue-like crowd."""
    kind = rng.choice(["even", "clusters", "crowd", "ring"])
    if kind == "even":
        return rng.uniform(0, size, (n, 2))
    if kind == "clusters":
        hubs = rng.uniform(0, size, (max(1, n // 8), 2))
        return hubs[rng.integers(len(hubs), size=n)] + rng.normal(0, diameter * rng.uniform(0.8, 2.2), (n, 2))
    if kind == "crowd":
        step = diameter * rng.uniform(0.75, 1.2)
        grid = np.stack(np.meshgrid(np.arange(0, size, step), np.arange(0, size, step), indexing="ij"), -1).reshape(-1, 2)
        grid = grid + rng.normal(0, 0.22 * step, grid.shape)
        keep = smooth_noise((size, size), diameter * 2.5, rng)[tuple(np.clip(grid.astype(int), 0, size - 1).T)] > rng.uniform(
            -1.5, 0.6
        )
        return grid[keep][:n]
    middle, spread = rng.uniform(0.2 * size, 0.8 * size, 2), rng.uniform(2, 5) * diameter
    turn = rng.uniform(0, 2 * np.pi, n)
    return middle + (spread + rng.normal(0, 0.7 * diameter, n))[:, None] * np.stack([np.sin(turn), np.cos(turn)], 1)


def draw(rng: np.random.Generator, diameter: float, size: int = SIZE) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """An image in arbitrary units and its labels; nuclei are about `diameter` wide."""
    fullest = (size / diameter) ** 2
    n = int(
        rng.choice(
            [0, rng.uniform(1, 8), fullest * rng.uniform(0.05, 0.35), fullest * rng.uniform(0.35, 1.1)], p=[0.07, 0.13, 0.4, 0.4]
        )
    )
    n = min(n, 420)
    labels = np.zeros((size, size), np.int32)
    depth = np.full((size, size), -np.inf, np.float32)
    light = np.zeros((size, size), np.float32)
    yy, xx = np.mgrid[:size, :size].astype(np.float32)
    texture = 1 + rng.uniform(0, 0.35) * smooth_noise((size, size), diameter * rng.uniform(0.04, 0.16) + 0.3, rng)
    dim, roundness, spread = rng.uniform(0.0, 0.9), rng.uniform(0.2, 1.0), rng.uniform(0.05, 0.3)
    edge = rng.uniform(0.6, 2.0) * diameter / 14
    overlap = rng.uniform(0.5, 0.95)
    bodies = np.zeros((size, size), np.float32)
    body = rng.uniform(0.08, 0.5) if rng.random() < 0.35 else 0.0
    kept: list[tuple[float, float, float]] = []
    for number, (y, x) in enumerate(places(n, diameter, rng, size), start=1):
        radius = 0.5 * diameter * np.exp(rng.normal(0, spread))
        if kept:
            near = np.array(kept)
            if (np.hypot(near[:, 0] - y, near[:, 1] - x) < overlap * 0.9 * (near[:, 2] + radius) * 0.9).any():
                continue
        reach = int(1.7 * radius + 4)
        rows, columns = slice(max(0, int(y) - reach), int(y) + reach + 1), slice(max(0, int(x) - reach), int(x) + reach + 1)
        if rows.stop <= 0 or columns.stop <= 0 or rows.start >= size or columns.start >= size:
            continue
        kept.append((y, x, radius))
        inside = contour_mask(yy[rows, columns] - np.float32(y), xx[rows, columns] - np.float32(x), radius, rng, roundness)
        brightness = np.exp(rng.normal(0, 0.15 + 0.6 * dim))
        if rng.random() < 0.03:
            brightness *= rng.uniform(2, 5)  # dividing or dying: small and bright
        profile = 1 / (1 + np.exp(-np.clip(inside / (0.25 * edge), -30, 30)))
        if rng.random() < 0.5:
            profile = profile * (0.75 + 0.25 * np.clip(inside / radius, 0, 1))
        if rng.random() < 0.04:
            profile = profile * (0.55 + 0.45 * (np.abs(inside - 0.35 * radius) < 0.2 * radius))  # bright rim, dark middle
        light[rows, columns] += (brightness * profile).astype(np.float32)
        if body:
            add_body(bodies, yy, xx, (y, x), radius, body * brightness * rng.uniform(0.4, 1.0), rng)
        better = (inside > 0) & (inside > depth[rows, columns])
        labels[rows, columns][better] = number
        depth[rows, columns][better] = inside[better]
    light += bodies
    light *= texture
    light = ndimage.gaussian_filter(light, rng.choice([0.3, 0.7, 1.2, 2.0]) * diameter / 14)
    return light + beside(rng, diameter, size, light), labels


def add_body(
    bodies: NDArray,
    yy: NDArray,
    xx: NDArray,
    centre: tuple[float, float],
    radius: float,
    brightness: float,
    rng: np.random.Generator,
) -> None:
    """Add the dim body of a cell around its nucleus: long, with a sharp or soft edge, no nucleus itself."""
    reach = int(radius * 5)
    y, x = centre
    rows, columns = (slice(max(0, int(c) - reach), max(0, int(c) + reach + 1)) for c in centre)
    along, across = radius * rng.uniform(1.4, 4.5), radius * rng.uniform(1.1, 2.0)
    turn, shift = rng.uniform(0, np.pi), rng.normal(0, 0.5, 2) * radius
    dy, dx = yy[rows, columns] - y - shift[0], xx[rows, columns] - x - shift[1]
    u, v = np.cos(turn) * dy + np.sin(turn) * dx, -np.sin(turn) * dy + np.cos(turn) * dx
    inside = 1 - np.hypot(u / along, v / across)
    profile = 1 / (1 + np.exp(-np.clip(inside * radius / rng.uniform(0.5, 3.0), -30, 30)))
    bodies[rows, columns] = np.maximum(bodies[rows, columns], brightness * profile)


def beside(rng: np.random.Generator, diameter: float, size: int, light: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is bright and no nucleus: background, haze of other planes, cytoplasm, debris."""
    extra = np.full((size, size), rng.uniform(0, 0.6), np.float32)
    yy, xx = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    if rng.random() < 0.6:
        extra += rng.uniform(0, 0.8) * (
            np.cos(t := rng.uniform(0, 6.3)) * yy + np.sin(t) * xx + rng.uniform(-1, 1) * (yy**2 + xx**2)
        )
    if rng.random() < 0.4:
        extra += rng.uniform(0.05, 0.4) * np.clip(smooth_noise((size, size), diameter * rng.uniform(1.5, 5), rng), -1.5, 2.5)
    if rng.random() < 0.45:  # nuclei far out of focus
        spots = np.zeros((size, size), np.float32)
        for _ in range(rng.integers(1, 14)):
            spots[rng.integers(size), rng.integers(size)] += rng.uniform(0.3, 1.5)
        width = diameter * rng.uniform(0.9, 2.2)
        extra += ndimage.gaussian_filter(spots, width) * 2 * np.pi * width**2 * rng.uniform(0.05, 0.35)
    if rng.random() < 0.35:  # stain around the nuclei
        extra += rng.uniform(0.03, 0.2) * ndimage.gaussian_filter(light, diameter * rng.uniform(0.4, 1.2))
    if rng.random() < 0.4:  # specks and fibres
        specks = np.zeros((size, size), np.float32)
        for _ in range(rng.integers(1, 25)):
            specks[rng.integers(size), rng.integers(size)] += rng.uniform(0.5, 6)
        extra += ndimage.gaussian_filter(specks, diameter * rng.uniform(0.02, 0.09) + 0.3) * rng.uniform(1, 4)
    if rng.random() < 0.15:  # grain as large as small nuclei, which is none
        extra += rng.uniform(0.03, 0.5) * smooth_noise((size, size), diameter * np.exp(rng.uniform(-3.2, -1.2)), rng)
    if rng.random() < 0.12:
        y, x, turn = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0, np.pi)
        line = np.abs(np.cos(turn) * (yy * size + size / 2 - y) + np.sin(turn) * (xx * size + size / 2 - x))
        extra += rng.uniform(0.2, 1.5) * np.exp(-0.5 * (line / (diameter * rng.uniform(0.05, 0.25))) ** 2).astype(np.float32)
    if rng.random() < 0.08:  # a large saturated lump
        y, x, width = rng.uniform(0, size), rng.uniform(0, size), diameter * rng.uniform(1.5, 4)
        extra += rng.uniform(1, 8) * np.exp(
            -((((yy * size + size / 2 - y) ** 2 + (xx * size + size / 2 - x) ** 2) / width**2) ** 2)
        ).astype(np.float32)
    return extra
