"""Nuclei of a part of a well, for a look at what the settings of the detector do."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO, pick_device
from napari_mid.cells.duplicates import without_duplicates
from napari_mid.cells.edits import placed
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import LARGEST_DIAMETER_PX, DetectionSettings
from napari_mid.images.layout import WellLayout
from napari_mid.images.well_images import WellImages
from napari_mid.progress import Progress, Steps

#: At most so many pixels of a well are looked at: a field of a camera with 2160 x 2160 pixels, binned by two.
MAX_REGION_PX = 1_200_000
#: Pixels around the region in which the detector may look, too, as diameters of a nucleus, and at most in pixels.
MARGIN_DIAMETERS, MAX_MARGIN_PX = 3.0, 128

#: (top, bottom, left, right) in pixels.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class RegionNuclei:
    """The nuclei of a part of a well.

    Parameters
    ----------
    well
        Of which well.
    region
        (top, bottom, left, right) in pixels of the well that was looked at.
    places
        (N, 2), (y, x) in pixels of the well.
    diameter_px
        (N,), diameter of a disc of the same area.
    used_px
        Diameter of a typical nucleus that the detector was run with: the setting, or the median of the fields' estimates. None
        where no field lies in the region.
    """

    well: str
    region: Box
    places: NDArray[np.float64]
    diameter_px: NDArray[np.float64]
    used_px: float | None


def region_within(view: Box, most_px: int = MAX_REGION_PX) -> Box:
    """The middle of `view` with at most `most_px` pixels, of the same shape; all of it where it is not larger."""
    top, bottom, left, right = view
    height, width = bottom - top, right - left
    shrink = math.sqrt(most_px / (height * width)) if height * width > most_px else 1.0
    if shrink == 1.0:
        return view
    high, wide = max(1, int(height * shrink)), max(1, int(width * shrink))
    top, left = top + (height - high) // 2, left + (width - wide) // 2
    return top, top + high, left, left + wide


def detect_region_steps(
    images: WellImages,
    channel: int,
    region: Box,
    *,
    settings: DetectionSettings,
    pixel_size_um: float | None = None,
    device: str = AUTO,
    estimates: MutableMapping[int, float] | None = None,
) -> Steps[RegionNuclei]:
    """Locate the nuclei whose centre lies in `region` of a well.

    Where the settings leave the diameter open it is estimated from the middle of each field, not from the region, so that it
    stays when the region is moved.

    Parameters
    ----------
    images, channel
        The well's pixels, and the index of its nucleus channel.
    region
        (top, bottom, left, right) in pixels of the well.
    settings, pixel_size_um, device
        As for `detect_field`.
    estimates
        Diameters in pixels that were estimated before with the same settings, by field; others are added.
    """
    estimates = {} if estimates is None else estimates
    detector = _Detector(settings, pixel_size_um, device)
    found: dict[int, Nuclei] = {}
    parts = {number: box for number in sorted(images.fields) if (box := _part(images.layout, number, region)) is not None}
    for done, (number, box) in enumerate(parts.items()):
        yield Progress("previewing nuclei", done, len(parts))
        if channel in images.absent.get(number, frozenset()):
            continue
        pixels = images.fields[number][channel]
        if detector.is_open and number not in estimates:
            whole = region_within((0, pixels.shape[0], 0, pixels.shape[1]))
            estimates[number] = detector.used_px(detector.locate(pixels, whole))
            yield Progress("previewing nuclei", done, len(parts))
        estimate = estimates.get(number) if detector.is_open else None
        found[number] = detector.locate(pixels, _wider(box, pixels.shape, estimate or settings.diameter_px), estimate)
    places, areas = placed(without_duplicates(found, images.layout), images.layout)
    top, bottom, left, right = region
    seen = np.all((places >= (top - 0.5, left - 0.5)) & (places < (bottom - 0.5, right - 0.5)), axis=1)
    used_px = float(np.median([detector.used_px(one) for one in found.values()])) if found else None
    return RegionNuclei(images.well, region, places[seen], np.sqrt(4 / np.pi * areas[seen]), used_px)


class _Detector:
    """Runs the detector on parts of a field; places are in pixels of the field."""

    def __init__(self, settings: DetectionSettings, pixel_size_um: float | None, device: str) -> None:
        self.settings = settings
        self.pixel_size_um = pixel_size_um
        self.device = pick_device(device)

    @property
    def is_open(self) -> bool:
        """Whether the diameter is to be estimated from the image."""
        return self.settings.diameter_px is None and (self.settings.diameter_um is None or not self.pixel_size_um)

    def locate(self, pixels: NDArray[Any], box: Box, diameter_px: float | None = None) -> Nuclei:
        """The nuclei in `box` of the field (Y, X) `pixels`, of about `diameter_px` where it is given."""
        from napari_mid.cells.detectors import detect_field

        top, bottom, left, right = box
        settings = self.settings if diameter_px is None else dataclasses.replace(self.settings, diameter_px=diameter_px)
        found = detect_field(
            np.ascontiguousarray(pixels[top:bottom, left:right]),
            well="",
            field=0,
            settings=settings,
            pixel_size_um=self.pixel_size_um,
            device=self.device,
        )
        return dataclasses.replace(found, centroids=found.centroids + np.array([top, left]), outlines=None)

    @staticmethod
    def used_px(found: Nuclei) -> float:
        """The diameter that the detector was run with."""
        return float(found.settings["diameter_px"])


def _part(layout: WellLayout, number: int, region: Box) -> Box | None:
    """The part of a field that lies in `region` of the well, in pixels of the field; None where it does not."""
    (top, left), (height, width) = layout.origins[number], layout.shapes[number]
    above, below = max(0, region[0] - top), min(height, region[1] - top)
    before, after = max(0, region[2] - left), min(width, region[3] - left)
    return (above, below, before, after) if below > above and after > before else None


def _wider(box: Box, shape: tuple[int, ...], diameter_px: float | None) -> Box:
    """`box` with some pixels around, so that nuclei at its edge are seen whole and against their surroundings."""
    margin = min(MAX_MARGIN_PX, round(MARGIN_DIAMETERS * (diameter_px or LARGEST_DIAMETER_PX)))
    top, bottom, left, right = box
    return max(0, top - margin), min(shape[0], bottom + margin), max(0, left - margin), min(shape[1], right + margin)
