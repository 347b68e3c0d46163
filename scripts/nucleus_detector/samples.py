"""Training samples: crops of labelled images and of drawn ones, at the scale of the network, with what cameras do to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from drawing import draw, smooth_noise
from numpy.typing import NDArray
from scipy import ndimage

from napari_mid.cells.nucleus_net import NUCLEUS_PX, STRIDE

#: Edge of a training crop in pixels of the network's image.
CROP = 160
#: Diameters of nuclei in training, in parts of the network's own, from ... to.
SCALES = (0.35, 4.0)


@dataclass(frozen=True)
class Labelled:
    """One labelled image; `diameter` is that of its typical nucleus in pixels."""

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    diameter: float


def typical_diameter(labels: NDArray[np.integer]) -> float:
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    return float(np.sqrt(np.median(areas) * 4 / np.pi)) if len(areas) else NUCLEUS_PX


def read_labelled(folder: Path, names: list[str]) -> list[Labelled]:
    import imageio.v3 as iio

    found = []
    for name in names:
        image = np.asarray(iio.imread(folder / "images" / f"{name}.png"))
        image = image if image.ndim == 2 else image[..., :3].max(axis=-1)
        labels = tifffile.imread(folder / "labels" / f"{name}.tif").astype(np.int32)
        found.append(Labelled(name, image.astype(np.float32) / 255, labels, typical_diameter(labels)))
    return found


def wanted_diameter(rng: np.random.Generator) -> float:
    """Most samples near the scale at which the network will work, some far from it."""
    if rng.random() < 0.55:
        return NUCLEUS_PX * float(np.exp(rng.normal(0, 0.25)))
    return NUCLEUS_PX * float(np.exp(rng.uniform(*np.log(SCALES))))


def crop_of(
    one: Labelled, diameter: float, rng: np.random.Generator, size: int = CROP
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A crop of `one`, turned and resized until its nuclei are `diameter` wide; what lies outside is mirrored."""
    factor = one.diameter / diameter
    turn = rng.uniform(0, 2 * np.pi)
    stretch = np.exp(rng.normal(0, 0.06))
    matrix = factor * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([stretch, 1 / stretch])
    if rng.random() < 0.5:
        matrix[:, 0] *= -1
    half = size * factor / 2
    middle = [rng.uniform(min(half, n / 2), max(n - half, n / 2)) for n in one.image.shape]
    offset = np.array(middle) - matrix @ np.array([size / 2, size / 2])
    image = ndimage.gaussian_filter(one.image, 0.4 * factor) if factor > 1.2 else one.image
    crop = ndimage.affine_transform(image, matrix, offset, (size, size), order=1, mode="reflect")
    labels = ndimage.affine_transform(one.labels, matrix, offset, (size, size), order=0, mode="reflect")
    return crop, separate(labels)


def separate(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Mirroring and cropping leave pieces of one label: each piece is a nucleus of its own; crumbs are none."""
    found = np.zeros_like(labels)
    number = 0
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        pieces, n = ndimage.label(labels[box] == label)
        sizes = np.bincount(pieces.ravel())
        for piece in range(1, n + 1):
            if sizes[piece] >= 6:
                number += 1
                found[box][pieces == piece] = number
    return found


def mixed(first: tuple, second: tuple, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Two crops on top of each other; where both have a nucleus the brighter one is seen."""
    (image, labels), (other, others) = first, second
    weight = np.exp(rng.normal(0, 0.5))
    other = other * weight
    on_top = (others > 0) & ((labels == 0) | (other > image))
    merged = np.where(on_top, others + labels.max() + 1, labels)
    together = np.maximum(image, other) if rng.random() < 0.5 else image + 0.8 * other
    return together.astype(np.float32), separate(merged.astype(np.int32))


def camera(image: NDArray[np.float32], rng: np.random.Generator, real: bool) -> NDArray[np.float32]:
    """Blur, uneven light, contrast, noise, saturation, offset and whole numbers."""
    if rng.random() < (0.4 if real else 0.3):
        image = ndimage.gaussian_filter(image, rng.uniform(0.3, 2.2))
    low, high = np.percentile(image, (1, 99.8))
    image = (image - low) / max(high - low, 1e-3)
    image = np.clip(image, -0.5, 8)
    if rng.random() < 0.4:
        image = np.sign(image) * np.abs(image) ** np.exp(rng.normal(0, 0.4))
    size = image.shape[0]
    if rng.random() < 0.35:
        yy, xx = np.mgrid[:size, :size] / size - 0.5
        turn = rng.uniform(0, 2 * np.pi)
        image = image * np.clip(1 + rng.uniform(0, 0.9) * (np.cos(turn) * yy + np.sin(turn) * xx), 0.2, 2)
    if real and rng.random() < 0.3:
        image = image + rng.uniform(0.02, 0.25) * np.clip(smooth_noise((size, size), rng.uniform(15, 70), rng), -1.5, 2)
    photons = np.exp(rng.uniform(np.log(8), np.log(3000)))
    offset = rng.uniform(0, 0.6)
    light = np.clip(image, 0, None) * photons + offset * photons * 0.2
    noisy = rng.poisson(light) + rng.normal(0, np.exp(rng.uniform(-1, 1.3)), image.shape)
    noisy = noisy / photons if rng.random() < 0.75 else image + rng.normal(0, rng.uniform(0.002, 0.03), image.shape)
    if rng.random() < 0.15:
        noisy = np.minimum(noisy, np.percentile(noisy, rng.uniform(93, 99.8)))
    if rng.random() < 0.2:
        noisy.ravel()[rng.integers(0, noisy.size, rng.integers(1, 30))] = noisy.max() * rng.uniform(0.8, 2)
    if rng.random() < 0.4:
        levels = rng.choice([40, 100, 255])
        noisy = np.round(noisy * levels / max(noisy.max(), 1e-3)) / levels
    if rng.random() < 0.06:  # the black frame that stitching leaves
        top, left = rng.integers(0, image.shape[0] // 3, 2)
        noisy[:top], noisy[:, :left] = noisy.min(), noisy.min()
    return noisy.astype(np.float32)


def sample(images: list[Labelled], weights: NDArray[np.float64], rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """One (image, labels) of `CROP` pixels."""
    diameter = wanted_diameter(rng)
    real = rng.random() < 0.6

    def one() -> tuple[NDArray, NDArray]:
        return crop_of(images[rng.choice(len(images), p=weights)], diameter * np.exp(rng.normal(0, 0.1)), rng)

    if real:
        image, labels = mixed(one(), one(), rng) if rng.random() < 0.2 else one()
        if rng.random() < 0.2:
            # nuclei of another plane of thick tissue, out of focus: light without a nucleus
            image = image + rng.uniform(0.1, 0.6) * ndimage.gaussian_filter(one()[0], diameter * rng.uniform(0.35, 1.0))
    else:
        image, labels = draw(rng, diameter)
        top, left = rng.integers(0, image.shape[0] - CROP + 1, 2)
        image, labels = image[top : top + CROP, left : left + CROP], separate(labels[top : top + CROP, left : left + CROP])
    seen = camera(image, rng, real)
    # what lies under a black frame cannot be seen
    return seen, separate(np.where(dark_frame(seen), 0, labels).astype(np.int32))


def dark_frame(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The rows and columns at the upper left that have one value."""
    rows, columns = np.ptp(image, axis=1) == 0, np.ptp(image, axis=0) == 0
    return rows[:, None] | columns[None, :]


def targets(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """(6, Y/2, X/2): heat, nucleus, offset y and x, log diameter, and the weight of a pixel."""
    shape = tuple(n // STRIDE for n in labels.shape)
    found = np.zeros((6, *shape), np.float32)
    found[5] = 1
    # the middle of a coarse pixel, in pixels of the image
    yy, xx = (np.arange(n) * STRIDE + (STRIDE - 1) / 2 for n in shape)
    # a coarse pixel belongs to the label that most of its pixels have; a half is enough
    blocks = labels.reshape(shape[0], STRIDE, shape[1], STRIDE).transpose(0, 2, 1, 3).reshape(*shape, -1)
    coarse = np.sort(blocks, axis=-1)[..., STRIDE**2 // 2]
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        inside = labels[box] == label
        area = inside.sum()
        y, x = (place.mean() + side.start for place, side in zip(np.nonzero(inside), box, strict=True))
        diameter = np.sqrt(area * 4 / np.pi)
        reach = max(3, int(0.8 * diameter / STRIDE) + 2)
        cy, cx = int(y / STRIDE), int(x / STRIDE)
        rows, columns = slice(max(0, cy - reach), cy + reach + 1), slice(max(0, cx - reach), cx + reach + 1)
        distance = (yy[rows, None] - y) ** 2 + (xx[None, columns] - x) ** 2
        sigma = max(0.16 * diameter, 1.0)
        found[0, rows, columns] = np.maximum(found[0, rows, columns], np.exp(-distance / (2 * sigma**2)))
        mine = coarse[rows, columns] == label
        found[1, rows, columns][mine] = 1
        found[2, rows, columns][mine] = ((y - yy[rows, None]) / NUCLEUS_PX + np.zeros_like(distance))[mine]
        found[3, rows, columns][mine] = ((x - xx[None, columns]) / NUCLEUS_PX + np.zeros_like(distance))[mine]
        found[4, rows, columns][mine] = np.log(diameter / NUCLEUS_PX)
        # small nuclei count as much as large ones
        found[5, rows, columns][mine] = np.clip(NUCLEUS_PX / diameter, 0.5, 2.5)
    return found
