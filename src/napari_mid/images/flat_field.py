"""The flat field of a plate, estimated from its own images: what all fields have in common is the light, not the cells.

Per channel, each of a sample of fields is cut into blocks, and the typical brightness of a block over the fields follows the
light. A low polynomial through the blocks is the profile; its degree is the highest up to which two halves of the fields agree,
and a channel in which they agree in nothing is left as it is.

The camera's offset does not follow the light. It is where the background of the blocks would meet zero contrast of the cells:
both grow with the light, so contrast against background is a line that crosses zero at the offset. A channel whose blocks do
not lie on such a line (cells everywhere, or nearly none) takes the offset of the other channels. Where no channel tells, the
offset is taken as 0 and the mean of a block, in which the cells weigh more, as its brightness: the profile is then a little too
flat.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError, SettingsError
from napari_mid.images.intensity import SAMPLED_FIELDS, sample_fields
from napari_mid.images.parallel import in_parallel
from napari_mid.plates.field import Field
from napari_mid.plates.flat_field import FlatField, PolynomialFlatField
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps

#: Fields with a readable image that a channel needs.
LEAST_FIELDS = 8
#: Blocks along each edge of a field, and pixels of a block that are looked at along each of its edges.
BLOCKS, BLOCK_PX = 16, 32
#: Degrees that are tried; 0 is "no profile".
DEGREES = (0, 2, 4)
#: What a degree adds counts where it is this alike in two halves of the fields (from a third on it helps more than it harms),
IN_COMMON = 0.7
#: and where it is more than this part of the light.
NEGLIGIBLE = 0.002
#: Pixels that stand this part of the field's bright level above the background of their block belong to cells.
CELL_LEVEL = 0.25
#: A block says how bright cells are where at least this many of its pixels belong to cells, in this many fields.
CELL_PIXELS, CELL_FIELDS = 15, 3
#: Correlation of contrast and background from which their line is believed.
BELIEVED = 0.95


@dataclass(frozen=True)
class _Blocks:
    """Statistics of the blocks of one field, each (BLOCKS ** 2,): background, median, mean, and contrast of cells or nan."""

    background: NDArray[np.float64]
    median: NDArray[np.float64]
    mean: NDArray[np.float64]
    contrast: NDArray[np.float64]


def estimate_flat_fields(plate: Plate, n_fields: int = SAMPLED_FIELDS) -> Steps[Plate]:
    """The plate with a flat-field correction estimated from a sample of its fields, as they are stored.

    Fields that cannot be read are passed over; a channel with too few of them is left as it is, with a warning.

    Raises
    ------
    SettingsError
        If no channel has `LEAST_FIELDS` readable fields.
    """
    sampled = sample_fields(plate, n_fields)
    seen: list[list[_Blocks]] = [[] for _ in plate.channels]
    keys = [(field, channel) for field in sampled for channel in range(len(plate.channels))]
    for done, ((field, channel), future) in enumerate(in_parallel(_read_blocks, keys)):
        yield Progress("estimating the flat field", done, len(keys), field.key)
        try:
            seen[channel].append(future.result())
        except ImageReadError:
            continue
    yield Progress("estimating the flat field", len(keys), len(keys))
    enough = [len(blocks) >= LEAST_FIELDS for blocks in seen]
    if not any(enough):
        raise SettingsError(
            f"Plate {plate.name} has {max(map(len, seen), default=0)} readable fields, and {LEAST_FIELDS} are needed to estimate "
            "a flat field; read it without (--flat-field off)."
        )
    few = [channel.name for channel, ok in zip(plate.channels, enough, strict=True) if not ok]
    warnings = [f"Too few fields of {', '.join(few)} to estimate a flat field; read without correction."] if few else []
    reading = dataclasses.replace(plate.reading, flat_field="estimated", flat_fields=_profiles(seen, enough))
    return dataclasses.replace(plate.with_reading(reading), warnings=(*plate.warnings, *warnings))


def _read_blocks(key: tuple[Field, int]) -> _Blocks:
    field, channel = key
    return block_statistics(field.load_channel(channel))


def block_statistics(image: NDArray[Any]) -> _Blocks:
    """Background, median and contrast of the cells in each block of `image` (Y, X), whatever its size."""
    rows, columns = (_sampled(size) for size in image.shape)
    pixels = image[np.ix_(rows, columns)].astype(np.float64)
    blocks = pixels.reshape(BLOCKS, len(rows) // BLOCKS, BLOCKS, -1).swapaxes(1, 2).reshape(BLOCKS**2, -1)
    background, median = np.percentile(blocks, (10, 50), axis=1)
    bright = np.percentile(blocks, 98) - np.median(background)
    in_cells = blocks > (background + CELL_LEVEL * bright)[:, None]
    contrast = np.full(len(blocks), np.nan)
    if bright > 0:
        for number in np.flatnonzero(in_cells.sum(1) >= min(CELL_PIXELS, blocks.shape[1])):
            contrast[number] = np.median(blocks[number][in_cells[number]]) - background[number]
    return _Blocks(background, median, blocks.mean(axis=1), contrast)


def _sampled(size: int) -> NDArray[np.intp]:
    """Indices of the pixels that are looked at along an edge of `size` pixels, spread evenly."""
    count = BLOCKS * max(1, min(BLOCK_PX, size // BLOCKS))
    return ((np.arange(count) + 0.5) / count * size).astype(np.intp)


def _profiles(seen: list[list[_Blocks]], enough: list[bool]) -> tuple[FlatField | None, ...]:
    offsets = [_offset(blocks) if ok else None for blocks, ok in zip(seen, enough, strict=True)]
    known = [offset for offset in offsets if offset is not None]
    shared = min(known, default=None)
    return tuple(
        _profile(blocks, shared if offset is None else offset) if ok else None
        for blocks, offset, ok in zip(seen, offsets, enough, strict=True)
    )


def _offset(blocks: list[_Blocks]) -> float | None:
    """What the camera gives without light, or None where the images do not tell."""
    contrasts = np.array([field.contrast / _typical(field.contrast) for field in blocks])
    usable = np.isfinite(contrasts).sum(axis=0) >= CELL_FIELDS
    if usable.sum() < BLOCKS**2 // 4:
        return None
    contrast = np.nanmedian(contrasts[:, usable], axis=0)
    background = _middle([field.background for field in blocks])
    terms = _terms(2)
    smooth_background = _fitted(terms, background)[usable]
    smooth_contrast = terms[usable] @ _fit(terms[usable], contrast)
    if not smooth_background.std() > 0 or not smooth_contrast.std() > 0:
        return None
    # the background is known much better than the contrast, so it is the one that is taken as exact
    slope, intercept = np.polyfit(smooth_background, smooth_contrast, 1)
    offset = -intercept / slope if slope > 0 else -1.0
    believed = np.corrcoef(smooth_background, smooth_contrast)[0, 1] >= BELIEVED
    return float(offset) if believed and 0 < offset < _darkest(background) else None


def _typical(contrast: NDArray[np.float64]) -> float:
    finite = contrast[np.isfinite(contrast)]
    return float(np.median(finite)) if len(finite) else np.nan


def _darkest(background: NDArray[np.float64]) -> float:
    """An offset beyond this would leave next to nothing of the darkest block."""
    return 0.95 * float(background.min())


def _profile(blocks: list[_Blocks], offset: float | None) -> PolynomialFlatField | None:
    """The profile of one channel, or None where the fields have none in common."""
    if offset is not None and offset >= _darkest(_middle([field.background for field in blocks])):
        offset = None  # another camera
    whole, *halves = (_light(some, offset) for some in (blocks, blocks[::2], blocks[1::2]))
    degree = _degree(halves)
    if degree == 0:
        return None
    coefficients = iter(_fit(_terms(degree), whole).tolist())
    rows = tuple(tuple(next(coefficients) for _ in range(n + 1)) for n in range(degree + 1))
    flat_field = PolynomialFlatField(rows, offset=offset or 0.0)
    try:
        flat_field.check()
    except ValueError:  # a few blocks alone have light
        return None
    return flat_field


def _light(blocks: list[_Blocks], offset: float | None) -> NDArray[np.float64]:
    """The light of the blocks, with a mean of 1; all 1 in the dark."""
    light = _middle([field.mean if offset is None else field.median for field in blocks]) - (offset or 0.0)
    mean = light.mean()
    return light / mean if mean > 0 else np.ones_like(light)


def _degree(halves: list[NDArray[np.float64]]) -> int:
    """The highest degree up to which two halves of the fields have their light in common."""
    for lower, degree in itertools.pairwise(DEGREES):
        one, other = (_fitted(_terms(degree), light) - _fitted(_terms(lower), light) for light in halves)
        size = np.sqrt(np.mean(one**2) * np.mean(other**2))
        if size < NEGLIGIBLE**2 or np.mean(one * other) < IN_COMMON * size:
            return lower
    return DEGREES[-1]


def _middle(values: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean over the middle third of the fields: neither dirt nor a cell that fills a block has a say."""
    ordered = np.sort(np.array(list(values)), axis=0)
    cut = len(ordered) // 3
    return np.asarray(ordered[cut : len(ordered) - cut].mean(axis=0))


def _terms(degree: int) -> NDArray[np.float64]:
    """(blocks, terms) of the polynomial in the order of `PolynomialFlatField.coefficients`, over the field from -0.5 to 0.5."""
    centres = (np.arange(BLOCKS) + 0.5) / BLOCKS - 0.5
    y, x = (grid.ravel() for grid in np.meshgrid(centres, centres, indexing="ij"))
    return np.stack([x ** (n - k) * y**k for n in range(degree + 1) for k in range(n + 1)], axis=1)


def _fit(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares in which blocks far off count less: a clump of cells in one place is not the light."""
    weights = np.ones(len(values))
    for _ in range(4):
        coefficients = np.linalg.lstsq(terms * weights[:, None], values * weights, rcond=None)[0]
        far = np.abs(values - terms @ coefficients)
        scale = 1.4826 * np.median(far)
        if scale == 0:
            break
        weights = np.sqrt(np.minimum(1, 1.5 * scale / np.maximum(far, 1e-9 * scale)))
    return np.asarray(coefficients)


def _fitted(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(terms @ _fit(terms, values))
