"""A small network trained on hand-labelled and drawn nuclei; the card in ``data/nucleus_detector`` says on which and how well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate, pad

from napari_mid.cells.background import inside_frame, odd
from napari_mid.cells.device import has_fast_bfloat16
from napari_mid.cells.diameter import TYPICAL_DIAMETER_PX, clip_diameter
from napari_mid.cells.filters import gaussian, shrink, sliding_max
from napari_mid.cells.label_map import LabelMap
from napari_mid.cells.nucleus_decode import LEAST_HEAT, Decoded, decode
from napari_mid.cells.nucleus_maps import brightness, normalise
from napari_mid.cells.nucleus_net import MAPS, MULTIPLE, NUCLEUS_PX, STRIDE, NucleusNet, nucleus_net
from napari_mid.cells.regions import Regions
from napari_mid.cells.settings import DetectionSettings

#: Diameters are first estimated as if nuclei were so wide: the network tells those from 0.35 to 4 times `NUCLEUS_PX`.
FIRST_GUESS_PX = 2 * NUCLEUS_PX
#: Of a large image so many windows along each side, of this edge in pixels, are enough to estimate the diameter.
WINDOWS, WINDOW_PX = 2, 512
#: An image is resized once more where the nuclei differ from what it was resized for by more than this factor.
SAME_DIAMETER = 1.25
#: In fewer pixels of the maps no nucleus is seen.
FEWEST_PIXELS = 4
#: How often, at most.
ATTEMPTS = 3
#: Images are resized by one of so many factors between 1 and 2, and of 2 and 4, and so on: the libraries that compute
#: convolutions prepare for every new size of an image, which costs as much as a small image itself.
STEPS_PER_OCTAVE = 6
#: Small nuclei are seen well enough when they are no larger than this makes them; more would cost memory.
MOST_ENLARGED = 1.6
#: A nucleus has at least this part of the contrast of the brighter ones, and of the area of a typical one.
FAINTEST, SMALLEST = 0.3, 0.12
#: Pixels that are nucleus with this logit or more (0.9) have the mean intensity of masks drawn by hand: 1.01 times that in the
#: middle, 0.92 to 1.20 times it in 90 % of the nuclei kept apart. At the rim there is background in a pixel of the maps.
SURE = math.log(9)
#: It stands out of its surroundings by more standard deviations of a pixel's noise than this. In images of noise alone that is up
#: to 1.8, in those of nuclei 14 or more.
OVER_NOISE = 2.5
#: Images that are smaller, of one side, than half a nucleus of the smallest size and its surroundings show none.
SMALLEST_SIDE_PX = 12
#: Contrast is against the darkest within so many nuclei around, looked for in an image shrunk by `COARSE`.
AROUND, COARSE = 3.0, 4
#: Larger images are read in tiles of this edge, in pixels that the network sees. They overlap by more than the network looks to
#: each side, so that the maps are those of the whole image.
TILE_PX, HALO_PX = 1024, 128


def locate(image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings) -> tuple[Regions, float]:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN.

    Returns
    -------
    tuple
        The nuclei, and the diameter in pixels that was used: estimated from the image where `diameter_px` is None.
    """
    net = nucleus_net(image.device)
    rows, columns = inside_frame(image)
    regions, used = _located(net, image[rows, columns], diameter_px, settings)
    return regions.moved(np.array([rows.start or 0, columns.start or 0])), used


def _located(
    net: NucleusNet, image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings
) -> tuple[Regions, float]:
    if min(image.shape) < SMALLEST_SIDE_PX or not float(image.max()) > float(image.min()):
        return Regions.none(), diameter_px or TYPICAL_DIAMETER_PX
    if diameter_px is not None:
        return _nuclei(image, _look(net, image, diameter_px), settings), diameter_px
    diameter_px = _guess(net, image)
    for attempt in range(ATTEMPTS):
        look = _look(net, image, diameter_px)
        seen = look.typical_diameter_px()
        if attempt == 0 and seen is None:
            seen = NUCLEUS_PX  # what is too small to be seen in a smaller image may be seen in this one
        if seen is None or 1 / SAME_DIAMETER < seen / diameter_px < SAME_DIAMETER:
            break
        diameter_px = seen
    regions = _nuclei(image, look, settings)
    return regions, clip_diameter(regions.typical_diameter_px()) if len(regions) else diameter_px


def _guess(net: NucleusNet, image: torch.Tensor) -> float:
    """About how wide nuclei are: of a large image from a few windows; of a small one the first pass over it will tell."""
    if image.numel() <= (WINDOWS * WINDOW_PX) ** 2:
        return FIRST_GUESS_PX
    found = (_look(net, window, FIRST_GUESS_PX).typical_diameter_px() for window in _windows(image))
    seen = sorted(diameter for diameter in found if diameter is not None)
    return seen[len(seen) // 2] if seen else FIRST_GUESS_PX


def _windows(image: torch.Tensor) -> list[torch.Tensor]:
    sides = []
    for size in image.shape:
        edge = min(size, WINDOW_PX)
        middles = [size * (2 * place + 1) / (2 * WINDOWS) for place in range(WINDOWS)]
        sides.append([slice(max(0, round(middle - edge / 2)), max(0, round(middle - edge / 2)) + edge) for middle in middles])
    return [image[rows, columns] for rows in sides[0] for columns in sides[1]]


@dataclass(frozen=True)
class _Look:
    """What the network says of an image resized for nuclei of one size.

    Parameters
    ----------
    small
        (Y, X), the image as it was resized.
    maps
        (5, Y/2, X/2).
    scale
        (y, x), pixels of `small` per pixel of the image.
    """

    small: torch.Tensor
    maps: torch.Tensor
    scale: tuple[float, float]

    def typical_diameter_px(self) -> float | None:
        """The diameter of the nucleus that the middle one of all pixels of nuclei lies in; None where there are none."""
        sizes = self.maps[4][self.maps[1] > 0]
        if sizes.numel() < FEWEST_PIXELS:
            return None
        return clip_diameter(NUCLEUS_PX * math.exp(float(sizes.median())) / math.sqrt(self.scale[0] * self.scale[1]))


def _look(net: NucleusNet, image: torch.Tensor, diameter_px: float) -> _Look:
    small = _resized(image, _factor(diameter_px))
    scale = (small.shape[0] / image.shape[0], small.shape[1] / image.shape[1])
    return _Look(small, _maps(net, normalise(small)), scale)


def _nuclei(image: torch.Tensor, look: _Look, settings: DetectionSettings) -> Regions:
    """The nuclei that were seen, in pixels of `image`."""
    small, decoded = look.small, decode(look.maps, min(0.95, LEAST_HEAT / settings.sensitivity))
    if not len(decoded.centroids):
        return Regions.none()
    scale = torch.tensor(look.scale, dtype=torch.float64)
    centroids = (decoded.centroids.cpu() + 0.5) / scale - 0.5
    area = decoded.area_px.cpu() / scale.prod()
    means = _means(small, decoded, look.maps[1] > SURE)
    label_map = LabelMap.numbered(decoded.labels, len(decoded.centroids), (look.scale[0] / STRIDE, look.scale[1] / STRIDE))
    regions = Regions(centroids.numpy(), area.numpy(), means.cpu().numpy(), decoded.confidence.cpu().numpy(), label_map)
    return regions[_likely(small, decoded, means, settings.sensitivity).cpu().numpy()]


def _likely(image: torch.Tensor, decoded: Decoded, means: torch.Tensor, sensitivity: float) -> torch.Tensor:
    """Which of the nuclei, (N,) bool, are neither noise, nor much fainter or smaller than most, as fibres and fragments are."""
    coarse = gaussian(shrink(image, COARSE), 0.5)
    darkest = -sliding_max(-coarse, odd(AROUND * NUCLEUS_PX / COARSE))
    rows, columns = ((decoded.centroids[:, dim] / COARSE).long().clamp(0, darkest.shape[dim] - 1) for dim in (0, 1))
    contrast = means - darkest[rows, columns]
    bright = torch.quantile(contrast, 0.75)
    large = decoded.area_px.median()
    least = max(FAINTEST * float(bright), OVER_NOISE * brightness(image)[2]) / sensitivity
    return (contrast >= least) & (decoded.area_px >= SMALLEST * large)


def _factor(diameter_px: float) -> float:
    """By how much an image is resized for nuclei of `diameter_px`."""
    steps = round(STEPS_PER_OCTAVE * math.log2(NUCLEUS_PX / diameter_px))
    return float(min(2.0 ** (steps / STEPS_PER_OCTAVE), MOST_ENLARGED))


def _resized(image: torch.Tensor, factor: float) -> torch.Tensor:
    size = [max(MULTIPLE // 2, round(edge * factor)) for edge in image.shape]
    if tuple(size) == tuple(image.shape):
        return image
    return interpolate(image[None, None], size=size, mode="bilinear", antialias=factor < 1, align_corners=False)[0, 0]


def _maps(net: NucleusNet, images: torch.Tensor) -> torch.Tensor:
    """The maps (5, Y/2, X/2) float32 of (2, Y, X) `images`, whatever their size."""
    height, width = images.shape[1:]
    padded = pad(images, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
    found = images.new_empty((len(MAPS), padded.shape[1] // STRIDE, padded.shape[2] // STRIDE))
    for top, bottom in _tiles(padded.shape[1]):
        for left, right in _tiles(padded.shape[2]):
            above, before = max(0, top - HALO_PX), max(0, left - HALO_PX)
            tile = padded[:, above : bottom + HALO_PX, before : right + HALO_PX]
            with (
                torch.inference_mode(),
                torch.autocast(tile.device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(tile.device)),
            ):
                maps = net(tile[None].contiguous(memory_format=torch.channels_last))[0].float()
            rows, columns = (
                slice((a - b) // STRIDE, (c - b) // STRIDE) for a, b, c in ((top, above, bottom), (left, before, right))
            )
            found[:, top // STRIDE : bottom // STRIDE, left // STRIDE : right // STRIDE] = maps[:, rows, columns]
    return found[:, : math.ceil(height / STRIDE), : math.ceil(width / STRIDE)]


def _tiles(size: int) -> list[tuple[int, int]]:
    """Where the tiles along a side of `size` pixels, a multiple of `MULTIPLE`, begin and end."""
    if size <= TILE_PX + 2 * HALO_PX:
        return [(0, size)]
    return [(start, min(start + TILE_PX, size)) for start in range(0, size, TILE_PX)]


def _means(image: torch.Tensor, decoded: Decoded, sure: torch.Tensor) -> torch.Tensor:
    """The mean of `image` (Y, X) over the pixels of each nucleus that are `sure`, (Y/2, X/2) bool, or over all where few are."""
    coarse = avg_pool2d(image[None, None], STRIDE, ceil_mode=True, count_include_pad=False)[0, 0].flatten().double()
    n = len(decoded.centroids) + 1
    found = []
    for labels in (decoded.labels.flatten(), torch.where(sure, decoded.labels, 0).flatten()):
        # sums in float64, so that the order in which a GPU adds them does not show
        counts = torch.bincount(labels, minlength=n)[1:]
        found.append((torch.bincount(labels, weights=coarse, minlength=n)[1:] / counts.clamp(min=1), counts))
    (over_all, _), (over_sure, counts) = found
    return torch.where(counts >= FEWEST_PIXELS, over_sure, over_all)
