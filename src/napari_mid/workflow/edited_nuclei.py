"""Nuclei that a person made or changed, looked at again: how bright those set by hand are, and what is odd about all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from napari_mid.cells.field_facts import FieldFacts, field_facts
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.plausibility import FEW_NUCLEI, doubts, typical_diameter
from napari_mid.images.well_images import WellImages
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps

#: Key of `Nuclei.settings` that says in which disc the nuclei were measured of which only the place is known.
DISC = "measured_in_disc_px"


def with_brightness(nuclei: Nuclei, image: np.ndarray, diameter_px: float) -> Nuclei:
    """`nuclei` with the mean of `image`, the nucleus channel (Y, X) of their field, where their own is not known.

    It is taken over a disc of `diameter_px` around the place, as far as it lies in the image; ``settings["measured_in_disc_px"]``
    says so. Areas stay unknown: a place does not tell them.
    """
    unknown = np.flatnonzero(~np.isfinite(nuclei.mean_intensity) & np.isfinite(nuclei.centroids).all(axis=1))
    if not len(unknown):
        return nuclei
    radius = diameter_px / 2
    reach = max(1, int(np.ceil(radius)))
    means = nuclei.mean_intensity.copy()
    for row in unknown:
        y, x = nuclei.centroids[row]
        top, left = max(0, round(y) - reach), max(0, round(x) - reach)
        part = np.asarray(image[top : round(y) + reach + 1, left : round(x) + reach + 1], dtype=np.float64)
        yy, xx = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
        # the pixel that the place lies in, also where the disc is smaller than it
        inside = ((yy - y) ** 2 + (xx - x) ** 2 <= max(radius, 0.75) ** 2) & np.isfinite(part)
        means[row] = part[inside].mean() if inside.any() else np.nan
    settings = {**nuclei.settings, DISC: round(diameter_px, 2)}
    return dataclasses.replace(nuclei, mean_intensity=means, settings=settings)


def looked_at_steps(
    nuclei: Mapping[int, Nuclei], plate: Plate, images: WellImages, channel: int, usual_px: float, wanted_px: float | None = None
) -> Steps[tuple[dict[int, Nuclei], list[str]]]:
    """Measure what is not known of nuclei set by hand, and say what is odd about the nuclei of a well.

    Parameters
    ----------
    nuclei, plate, images, channel
        By field; the well's pixels and its nucleus channel.
    usual_px
        Diameter of a typical nucleus, where those of the well do not tell.
    wanted_px
        The diameter that was set for the detector, if it was.

    Returns
    -------
    tuple
        The nuclei, and a sentence for each thing that is odd. Nuclei without an area do not count where areas are compared.
    """
    well = plate[images.well]
    measured, facts, sized = dict(nuclei), dict[int, FieldFacts](), dict[int, Nuclei]()
    typical = [typical_diameter(found) for found in nuclei.values()]
    known = [diameter for diameter in typical if np.isfinite(diameter)]
    diameter_px = float(np.median(known)) if known else usual_px
    for done, (number, found) in enumerate(sorted(nuclei.items())):
        yield Progress("looking at the nuclei", done, len(nuclei))
        if number not in images.fields or number not in well.fields or channel in images.absent.get(number, frozenset()):
            continue
        image = images.fields[number][channel]
        facts[number] = field_facts(image)
        measured[number] = with_brightness(found, image, diameter_px)
        areas = np.isfinite(found.area_px)
        # of nuclei without areas so few are shown that nothing is said about sizes, only that there are some
        sized[number] = measured[number].only(areas if areas.any() else np.arange(len(found)) < FEW_NUCLEI - 1)
    names = {number: well.fields[number].key for number in sized}
    told = doubts(sized, facts, names=names, whole=well.name, channel=plate.channels[channel].name, wanted_px=wanted_px)
    return measured, told
