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
from napari_mid.cells.settings import LARGEST_DIAMETER_PX, DetectionSettings

#: What the other fields of a well show saves looking for nuclei of other sizes.
EXPECTS = True
#: Diameters are first estimated as if nuclei were so wide: the network tells those from 0.35 to 4 times `NUCLEUS_PX`.
FIRST_GUESS_PX = 2 * NUCLEUS_PX
#: Then, while the network is less sure than this of what it sees, as if they were so much wider, in images where at least so many
#: would fit side by side: it takes the grains of large nuclei for small ones, but is unsure of these, and surest at the size that
#: nuclei have.
SURE_ENOUGH, WIDER, ACROSS = 0.85, 2.0, 4.0
#: Of a large image so many windows along each side, of this edge in pixels, are enough to estimate the diameter.
WINDOWS, WINDOW_PX = 2, 512
#: An image is resized once more where the nuclei differ from what it was resized for by more than this factor.
SAME_DIAMETER = 1.25
#: In fewer pixels of the maps no nucleus is seen.
FEWEST_PIXELS = 4
#: How often, at most.
ATTEMPTS = 3
#: Where the brightest things are more than so many times as bright as the typical one of so many nuclei or more, they are debris:
#: the image is looked through once more with as much of the range for nuclei as these usually have.
OUTSHONE, ENOUGH_NUCLEI, USUALLY = 6.0, 5, 2.5
#: Images are resized by one of so many factors between 1 and 2, and of 2 and 4, and so on: the libraries that compute
#: convolutions prepare for every new size of an image, which costs as much as a small image itself.
STEPS_PER_OCTAVE = 6
#: Small nuclei are seen well enough when they are no larger than this makes them; more would cost memory.
MOST_ENLARGED = 1.6
#: A nucleus has at least this part of the contrast of the brighter ones among so many around it (light is uneven, fields have
#: dim corners), and of those of the whole image, and of the area of a typical one.
FAINTEST, NEIGHBOURS, FAINTEST_OF_ALL, SMALLEST = 0.3, 8, 0.1, 0.12
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


def locate(
    image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings, expected_px: float | None = None
) -> tuple[Regions, float]:
    """Find nuclei of about `diameter_px` in (Y, X) float32 `image`, which has no NaN.

    Where that is None they are looked for as if they were `expected_px` wide first, if that is known, and no further where the
    network is sure of what it then sees.

    Returns
    -------
    tuple
        The nuclei, and the diameter in pixels that was used: estimated from the image where `diameter_px` is None.
    """
    rows, columns = inside_frame(image)
    inner = image[rows, columns]
    if min(inner.shape) < SMALLEST_SIDE_PX or not float(inner.max()) > float(inner.min()):
        return Regions.none(), diameter_px or TYPICAL_DIAMETER_PX
    look = _expected_look(inner, expected_px) if diameter_px is None and expected_px is not None else None
    look = look or _settled_look(inner, diameter_px, settings)
    regions = _nuclei(inner, look, settings)
    if (brightest := _outshone(look, regions)) is not None:
        look = _settled_look(inner, diameter_px, settings, brightest)
        regions = _nuclei(inner, look, settings)
    if diameter_px is None:
        diameter_px = clip_diameter(regions.typical_diameter_px()) if len(regions) else look.diameter_px
    return regions.moved(np.array([rows.start or 0, columns.start or 0])), diameter_px


@dataclass(frozen=True)
class _Look:
    """What the network says of an image resized for nuclei of one size.

    Parameters
    ----------
    diameter_px
        The size, in pixels of the image.
    small
        (Y, X), the image as it was resized.
    level
        Of `small`: what counts as dark and as bright, and its noise, see `nucleus_maps.brightness`.
    maps
        (5, Y/2, X/2).
    scale
        (y, x), pixels of `small` per pixel of the image.
    noise
        Standard deviation of a pixel's noise: that of `small`, or where the image was enlarged its own, since pixels in between
        have little of theirs.
    """

    diameter_px: float
    small: torch.Tensor
    level: tuple[float, float, float]
    maps: torch.Tensor
    scale: tuple[float, float]
    noise: float

    def typical_diameter_px(self) -> float | None:
        """The diameter of the nucleus that the middle one of all pixels of nuclei lies in; None where there are none."""
        sizes = self.maps[4][self.maps[1] > 0]
        if sizes.numel() < FEWEST_PIXELS:
            return None
        return clip_diameter(NUCLEUS_PX * math.exp(float(sizes.median())) / math.sqrt(self.scale[0] * self.scale[1]))

    def sureness(self) -> float:
        """The mean height of the peaks of the heat, 0 to 1, large nuclei counting most; 0 where there are none."""
        heat = self.maps[0]
        peak = (heat == sliding_max(heat, 3)) & (heat > 0)
        area = torch.exp(2 * self.maps[4][peak].clamp(-2, 2))
        return float((area * torch.sigmoid(heat[peak])).sum() / area.sum()) if area.numel() else 0.0


def _look(image: torch.Tensor, diameter_px: float, brightest: float) -> _Look:
    """Look at (Y, X) `image` as if nuclei were `diameter_px` wide; all that is above `brightest` is equally bright."""
    small = _resized(image, _factor(diameter_px))
    scale = (small.shape[0] / image.shape[0], small.shape[1] / image.shape[1])
    dark, bright, noise = brightness(small)
    maps = _maps(nucleus_net(image.device), normalise(small, (dark, min(bright, brightest), noise)))
    own = brightness(image)[2] if small.numel() > image.numel() else noise
    return _Look(diameter_px, small, (dark, bright, noise), maps, scale, own)


def _expected_look(image: torch.Tensor, expected_px: float) -> _Look | None:
    """`image` as it is seen for nuclei `expected_px` wide; None where it shows others, or none for sure."""
    look = _look(image, expected_px, math.inf)
    seen = look.typical_diameter_px()
    # within the step by which images are resized anyway
    same = seen is not None and abs(math.log2(seen / expected_px)) < 1 / STEPS_PER_OCTAVE
    return look if same and look.sureness() >= SURE_ENOUGH else None


def _settled_look(
    image: torch.Tensor, diameter_px: float | None, settings: DetectionSettings, brightest: float = math.inf
) -> _Look:
    """`image` as it is seen for nuclei of `diameter_px`, or where that is None of the size that they have."""
    if diameter_px is not None:
        return _look(image, diameter_px, brightest)
    look = _first_look(image, settings, brightest)
    for attempt in range(1, ATTEMPTS):
        seen = look.typical_diameter_px()
        same = seen is not None and 1 / SAME_DIAMETER < seen / look.diameter_px < SAME_DIAMETER
        if attempt == 1 and (seen is None or (same and _sees_nothing(image, look, settings))):
            seen, same = NUCLEUS_PX, False  # what is too small to be seen in a smaller image may be seen in this one
        if seen is None or same:
            break
        look = _look(image, seen, brightest)
    return look


def _sees_nothing(image: torch.Tensor, look: _Look, settings: DetectionSettings) -> bool:
    """Whether what was seen is in the end no nucleus; asked only where the network is not sure, since it takes longer."""
    return look.sureness() < SURE_ENOUGH and not len(_nuclei(image, look, settings))


def _first_look(image: torch.Tensor, settings: DetectionSettings, brightest: float) -> _Look:
    """`image` as it is seen for nuclei of about the size that they have."""
    parts = [image] if image.numel() <= (WINDOWS * WINDOW_PX) ** 2 else _windows(image)
    looks = [_look(part, FIRST_GUESS_PX, brightest) for part in parts]
    sureness = max(look.sureness() for look in looks)
    wider = _wider_look(image, sureness, brightest)
    # what is no nucleus can have sure peaks, too; to tell takes longer, and is seldom needed
    if wider is not None and _confidence(_nuclei(image, wider, settings)) > max(
        _confidence(_nuclei(part, look, settings)) for part, look in zip(parts, looks, strict=True)
    ):
        return wider
    if len(parts) == 1:
        return looks[0]
    seen = sorted(one for one in (look.typical_diameter_px() for look in looks) if one is not None)
    return _look(image, seen[len(seen) // 2] if seen else FIRST_GUESS_PX, brightest)


def _wider_look(image: torch.Tensor, sureness: float, brightest: float) -> _Look | None:
    """The surest look for wider nuclei than at first, if it is surer than `sureness`."""
    best: _Look | None = None
    diameter_px = FIRST_GUESS_PX * WIDER
    while sureness < SURE_ENOUGH and min(image.shape) >= ACROSS * diameter_px <= ACROSS * LARGEST_DIAMETER_PX:
        look = _look(image, diameter_px, brightest)
        if (found := look.sureness()) > sureness:
            best, sureness = look, found
        diameter_px *= WIDER
    return best


def _confidence(regions: Regions) -> float:
    """The mean confidence, 0 to 1, large nuclei counting most; 0 where there are none."""
    if not len(regions) or regions.confidence is None:
        return 0.0
    return float(np.average(regions.confidence, weights=regions.area_px))


def _windows(image: torch.Tensor) -> list[torch.Tensor]:
    """`WINDOWS` by `WINDOWS` parts of (Y, X) `image`, evenly spread."""
    sides = []
    for size in image.shape:
        edge = min(size, WINDOW_PX)
        middles = [size * (2 * place + 1) / (2 * WINDOWS) for place in range(WINDOWS)]
        sides.append([slice(max(0, round(middle - edge / 2)), max(0, round(middle - edge / 2)) + edge) for middle in middles])
    return [image[rows, columns] for rows in sides[0] for columns in sides[1]]


def _outshone(look: _Look, regions: Regions) -> float | None:
    """What should count as bright instead of debris that is much brighter than the nuclei; None where there is none."""
    if len(regions) < ENOUGH_NUCLEI:
        return None
    dark, bright, _ = look.level
    typical = float(np.median(regions.mean_intensity)) - dark
    return dark + USUALLY * typical if 0 < OUTSHONE * typical < bright - dark else None


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
    return regions[_likely(look, decoded, means, settings.sensitivity).cpu().numpy()]


def _likely(look: _Look, decoded: Decoded, means: torch.Tensor, sensitivity: float) -> torch.Tensor:
    """Which of the nuclei, (N,) bool, are neither noise, nor much fainter or smaller than most, as fibres and fragments are."""
    coarse = gaussian(shrink(look.small, COARSE), 0.5)
    darkest = -sliding_max(-coarse, odd(AROUND * NUCLEUS_PX / COARSE))
    rows, columns = ((decoded.centroids[:, dim] / COARSE).long().clamp(0, darkest.shape[dim] - 1) for dim in (0, 1))
    contrast = means - darkest[rows, columns]
    bright = torch.quantile(contrast, 0.75)
    around = torch.quantile(contrast[_neighbours(decoded.centroids)], 0.75, dim=1)
    least = torch.maximum(FAINTEST * torch.minimum(around, bright), FAINTEST_OF_ALL * bright)
    least = least.clamp(min=OVER_NOISE * look.noise) / sensitivity
    return (contrast >= least) & (decoded.area_px >= SMALLEST * decoded.area_px.median())


def _neighbours(centroids: torch.Tensor) -> torch.Tensor:
    """(N, `NEIGHBOURS`) or fewer where there are fewer: the nearest of the places (N, 2), itself among them."""
    from scipy.spatial import KDTree

    places = centroids.cpu().numpy()
    nearest = KDTree(places).query(places, np.arange(1, min(NEIGHBOURS, len(places)) + 1))[1]
    return torch.from_numpy(nearest).to(centroids.device)


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
