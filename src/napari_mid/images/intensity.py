"""One intensity range per channel for the whole plate, so that wells stay comparable (mid.md, section 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError
from napari_mid.images.fields import load_field_channel
from napari_mid.images.parallel import in_parallel
from napari_mid.plates.field import Field
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps

#: Percentiles of the pixels of the sampled fields that become 0 and 1 (mid.md, section 1).
PERCENTILES = (0.05, 99.99)
#: Fields that are read to estimate the range; they are spread evenly over the plate.
SAMPLED_FIELDS = 48
#: Pixels kept of each field where the type of the image has too many values for a histogram.
SAMPLED_PIXELS = 100_000
#: What this step is called where its progress is shown.
STEP = "measuring intensities"


@dataclass(frozen=True)
class IntensityRange:
    """The raw intensities that become 0 and 1, one pair per channel of the plate.

    Parameters
    ----------
    low, high
        Raw intensities, in the order of the plate's channels; high > low. NaN for a channel without a readable image.
    fields
        Keys of the fields it was estimated from.
    flat
        Whether each channel has the same value in all pixels of these fields; empty where nobody looked.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    fields: tuple[str, ...] = ()
    flat: tuple[bool, ...] = ()

    def is_known(self, channel: int) -> bool:
        """Whether the channel had a readable image in any sampled field."""
        return math.isfinite(self.low[channel])

    def limits(self, channel: int) -> tuple[float, float]:
        """(low, high) of one channel.

        Raises
        ------
        ImageReadError
            If the channel had no readable image in any sampled field.
        """
        if not self.is_known(channel):
            raise ImageReadError(f"Channel {channel + 1} has no readable image in any of the {len(self.fields)} sampled fields.")
        return self.low[channel], self.high[channel]

    def is_flat(self, channel: int) -> bool:
        """Whether the channel has one brightness everywhere: nothing was stained, or nothing recorded."""
        return bool(self.flat) and self.flat[channel]

    def by_name(self, plate: Plate) -> dict[str, list[float]]:
        """``{"Hoechst": [low, high]}`` for the channels of `plate` that have a range, for the run record."""
        return {channel.name: list(self.limits(index)) for index, channel in enumerate(plate.channels) if self.is_known(index)}


def sample_fields(plate: Plate, n_fields: int = SAMPLED_FIELDS) -> list[Field]:
    """`n_fields` fields with images, spread evenly over the wells of the plate; always the same ones for a plate."""
    fields = [field for well in plate.wells.values() for field in well.fields.values() if field.planes]
    if len(fields) <= n_fields:
        return fields
    return [fields[round(i)] for i in np.linspace(0, len(fields) - 1, n_fields)]


def estimate_intensity_range(plate: Plate, n_fields: int = SAMPLED_FIELDS) -> Steps[IntensityRange]:
    """Estimate the intensity range of every channel of `plate` from a sample of its fields.

    Fields that cannot be read are passed over; a channel without a readable image in any of them has no range.

    Raises
    ------
    ImageReadError
        If no channel has a readable image in any sampled field.
    """
    sampled = sample_fields(plate, n_fields)
    pixels: list[list[NDArray[Any]]] = [[] for _ in plate.channels]
    histograms: list[NDArray[np.int64] | None] = [None for _ in plate.channels]
    used: list[str] = []
    first_error: ImageReadError | None = None
    wanted = [(number, channel) for number in range(len(sampled)) for channel in range(len(plate.channels))]
    yield Progress(STEP, 0, len(wanted))
    with closing(in_parallel(lambda key: load_field_channel(sampled[key[0]], key[1]), wanted)) as reading:
        for done, ((number, channel), image) in enumerate(reading, start=1):
            field = sampled[number]
            try:
                _add(image.result(), channel, histograms, pixels)
            except ImageReadError as error:
                first_error = first_error or error
            else:
                if not used or used[-1] != field.key:
                    used.append(field.key)
            yield Progress(STEP, done, len(wanted), field.key)
    if not used:
        reason = str(first_error) if first_error else "it has no images."
        raise ImageReadError(f"No image of plate {plate.name} can be read: {reason}")
    ranges = [_range(histogram, values) for histogram, values in zip(histograms, pixels, strict=True)]
    flat = tuple(high <= low for low, high in ranges)
    # a range must have a width, even where every pixel is the same
    highs = tuple(high + 1.0 if same else high for (_, high), same in zip(ranges, flat, strict=True))
    return IntensityRange(tuple(low for low, _ in ranges), highs, tuple(used), flat)


def _add(image: NDArray[Any], channel: int, histograms: list[NDArray[np.int64] | None], pixels: list[list[NDArray[Any]]]) -> None:
    if image.dtype in (np.uint8, np.uint16):
        counts = np.bincount(image.ravel(), minlength=65536)
        histogram = histograms[channel]
        histograms[channel] = counts if histogram is None else histogram + counts
        return
    finite = image[np.isfinite(image)]
    step = max(1, finite.size // SAMPLED_PIXELS)
    pixels[channel].append(finite[::step].astype(np.float64))


def _range(histogram: NDArray[np.int64] | None, values: Sequence[NDArray[Any]]) -> tuple[float, float]:
    if histogram is None and not values:
        return math.nan, math.nan
    if histogram is not None:
        cumulative = np.cumsum(histogram)
        low, high = (float(np.searchsorted(cumulative, percentile / 100 * cumulative[-1])) for percentile in PERCENTILES)
    else:
        low, high = (float(value) for value in np.percentile(np.concatenate(values), PERCENTILES))
    return low, high
