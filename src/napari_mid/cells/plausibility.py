"""Whether what was found can be nuclei, and their channel a nuclear stain: what is odd is said, nothing is left out.

The limits were set on 212 fluorescence images of nuclei of six origins, of which at most 2 % may be doubted, and on what is none:
other stains, bright field, inverted images, noise. The tests hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.field_facts import FieldFacts
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import SMALLEST_DIAMETER_PX
from napari_mid.plates.folder import examples

#: A field with fewer nuclei says nothing about their sizes, or about how sure the detector is.
FEW_NUCLEI = 10
#: Parts of the pixels: no numbers, as bright as the brightest (in an image with more grey levels than `FEW_LEVELS`).
NOT_NUMBERS, SATURATED, FEW_LEVELS = 0.01, 0.02, 20
#: The asymmetry of an image of nuclei is 0.65 or more. Where it is less than this, and nuclei do not cover the bright part of the
#: image, it is something else; and above `SOMETHING_BRIGHT` there is something bright, where it stands out of the noise.
LEAST_ASYMMETRY, COVER_TO_TELL = 0.2, 0.25
SOMETHING_BRIGHT, OVER_NOISE = 0.5, 10.0
#: Where a whole well shows no nuclei, this much texture says that it is not empty.
TEXTURE = 2.5
#: Nuclei hardly cover more of a field than this.
MOST_COVER = 0.7
#: Part of the image's variance that lies between nuclei and the rest: 0.19 or more in images of nuclei, typically 0.75. Where
#: nuclei cover more than `CROWDED` of the field more of it does.
LEAST_EXPLAINED, CROWDED, LEAST_EXPLAINED_CROWDED = 0.15, 0.45, 0.5
#: A few nuclei that cover less of a field explain little of it, however bright they are.
COVER_TO_EXPLAIN = 0.01
#: Nuclei stand out of their surroundings by so many standard deviations of the noise of a pixel.
FAINT = 3.0
#: Standard deviation of the natural logarithm of the areas: 0.2 to 0.9 in images of nuclei.
MOST_SPREAD = 0.95
#: Signs of which nuclei show one or two at most, parts of cells and of texture three or more: little asymmetry, little explained,
#: many small ones beside a typical one, areas that spread, contrasts that spread.
WEAK_ASYMMETRY, WEAK_EXPLAINED, WEAK_SMALL, WEAK_SPREAD, WEAK_CONTRASTS, SIGNS = 0.8, 0.5, 1.24, 0.66, 0.55, 3
#: The median confidence of real nuclei is higher, by detector; what others mean by it is theirs.
LEAST_CONFIDENCE = {"learned": 0.72}
#: Specks are smaller than the smallest nuclei that are looked for, by this factor.
SPECK = 0.9
#: Factors by which typical diameters differ: from the one that was set, and between fields of a well.
OTHER_THAN_SET, OTHER_FIELDS = 1.6, 1.5

#: What may be odd about a field; of several things the first one is said.
SENTENCES = {
    "no numbers": "no pixel of {channel} is a number, so no nuclei can be found; look at how the images were exported.",
    "flat": "{channel} is equally bright everywhere, so there are no nuclei to find; look at the exposure and the export.",
    "dark things": "{channel} shows no bright things on a dark background, as in bright field or an inverted image, but nuclei "
    "are looked for as bright things; choose the channel of the nuclear stain, or invert the images.",
    "nothing found": "no nuclei were found although {channel} is not empty; choose the channel of the nuclear stain, or set the "
    "diameter of a nucleus or a higher sensitivity.",
    "specks": "the {n} nuclei found are specks, typically {diameter:.1f} px across; {channel} may be noise, debris or no nuclear "
    "stain, or too coarse: choose another channel, or set the diameter of a nucleus.",
    "covered": "the {n} nuclei found cover {cover:.0%} of the image; {channel} may be no nuclear stain, or the background be "
    "taken for nuclei: look at them, choose another channel or set the diameter of a nucleus.",
    "faint": "the {n} nuclei found are so faint that they may be noise; look at them, choose another channel or set a lower "
    "sensitivity.",
    "not set apart": "the {n} nuclei found hardly differ in brightness from what lies around them; {channel} may be no nuclear "
    "stain: look at them, or choose another channel.",
    "unsure": "the detector is unsure of most of the {n} nuclei found (median confidence {confidence:.2f}); {channel} may be no "
    "nuclear stain, or out of focus: look at them, or choose another channel.",
    "not alike": "the {n} nuclei found, {small:.0f} to {large:.0f} px across, differ more in size and brightness than nuclei do; "
    "{channel} may be no nuclear stain: look at them, choose another channel or set the diameter of a nucleus.",
}


def doubts(
    nuclei: Mapping[int, Nuclei],
    facts: Mapping[int, FieldFacts],
    *,
    names: Mapping[int, str],
    whole: str,
    channel: str = "",
    wanted_px: float | None = None,
    of_one_well: bool = True,
) -> list[str]:
    """What is odd about fields and the nuclei found in them, a sentence for each kind: what was found, and what to do.

    Parameters
    ----------
    nuclei, facts
        By number of the field.
    names
        What to call a field, ``"B03 field 2"``.
    whole
        What to call all of them, ``"B03"``.
    channel
        Name of the nucleus channel; empty for loose images.
    wanted_px
        Diameter of a typical nucleus that the user has set.
    of_one_well
        Whether nuclei should be equally large in all fields.
    """
    called = f"channel {channel}" if channel else "the image"

    def where(numbers: list[int]) -> str:
        return whole if len(numbers) == len(nuclei) > 1 else examples([names[number] for number in numbers])

    none_at_all = not of_one_well or not any(map(len, nuclei.values()))
    kinds: dict[str, list[int]] = {}
    for number, found in nuclei.items():
        kinds.setdefault(_kind(found, facts[number], none_at_all), []).append(number)
    # what was looked for at a wrong size may look like anything
    sized, fine = (
        {number: nuclei[number] for kind in some for number in kinds.get(kind, []) if len(nuclei[number]) >= FEW_NUCLEI}
        for some in (("", "specks", "not alike"), ("",))
    )
    told = []
    for kind in SENTENCES:
        numbers = kinds.get(kind, [])
        if numbers:
            values = _values({number: nuclei[number] for number in numbers}, facts)
            told.append(f"{where(numbers)}: {SENTENCES[kind].format(channel=called, **values)}")
    return [
        *told,
        *_pixels_to_doubt(facts, where, called),
        *_other_than_set(sized, where, wanted_px),
        *(_other_fields(fine, names) if of_one_well else ()),
    ]


def typical_diameter(found: Nuclei) -> float:
    """Diameter in pixels of a disc with the median area, weighted with area so that specks do not count; NaN without areas."""
    area = np.sort(found.area_px[np.isfinite(found.area_px)])
    if not len(area):
        return np.nan
    return float(np.sqrt(4 / np.pi * area[np.searchsorted(np.cumsum(area), area.sum() / 2)]))


def _kind(found: Nuclei, facts: FieldFacts, none_at_all: bool) -> str:
    """The key in `SENTENCES` of what is odd about a field, empty where nothing is; `none_at_all` if no other field has nuclei."""
    if facts.is_flat:
        return "no numbers" if facts.not_numbers == 1 else "flat"
    cover = _cover(found, facts)
    stands_out = facts.above_noise > OVER_NOISE
    least = LEAST_ASYMMETRY if len(found) else -LEAST_ASYMMETRY
    if stands_out and facts.asymmetry < least and cover < COVER_TO_TELL:
        return "dark things"
    if not len(found):
        not_empty = facts.asymmetry > SOMETHING_BRIGHT or (none_at_all and facts.texture > TEXTURE)
        return "nothing found" if stands_out and not_empty else ""
    if len(found) >= FEW_NUCLEI:
        return _kind_of_many(found, facts, cover)
    told = len(found) > 1 and cover > COVER_TO_EXPLAIN
    return "not set apart" if told and _contrast(found, facts, cover)[1] < LEAST_EXPLAINED else ""


def _kind_of_many(found: Nuclei, facts: FieldFacts, cover: float) -> str:
    above, explained = _contrast(found, facts, cover)
    typical, spread = typical_diameter(found), float(np.std(np.log(found.area_px)))
    signs = (
        facts.asymmetry < WEAK_ASYMMETRY,
        explained < WEAK_EXPLAINED,
        typical > WEAK_SMALL * np.median(found.diameter_px),
        spread > WEAK_SPREAD,
        _spread_of(above) > WEAK_CONTRASTS,
    )
    checks = {
        "specks": typical < SPECK * SMALLEST_DIAMETER_PX,
        "covered": cover > MOST_COVER,
        "faint": np.median(above) < FAINT * facts.noise,
        "not set apart": explained < (LEAST_EXPLAINED_CROWDED if cover > CROWDED else LEAST_EXPLAINED),
        "unsure": found.confidence is not None and bool(np.median(found.confidence) < LEAST_CONFIDENCE.get(found.detector, 0.0)),
        "not alike": spread > MOST_SPREAD or sum(map(bool, signs)) >= SIGNS,
    }
    return next((kind for kind, odd in checks.items() if odd), "")


def _cover(found: Nuclei, facts: FieldFacts) -> float:
    return float(found.area_px.sum()) / (facts.shape[0] * facts.shape[1])


def _spread_of(above: NDArray[np.float64]) -> float:
    """Standard deviation of the logarithm of how bright nuclei are; those darker than the rest count as very faint ones."""
    least = 1e-3 * max(abs(float(np.quantile(above, 0.9))), 1e-9)
    return float(np.std(np.log(np.maximum(above, least))))


def _contrast(found: Nuclei, facts: FieldFacts, cover: float) -> tuple[NDArray[np.float64], float]:
    """How much brighter each nucleus is than the rest of the image, and the part of its variance that nuclei explain."""
    if not 0 < cover < 1:
        return found.mean_intensity - facts.low, 1.0
    inside = float(np.average(found.mean_intensity, weights=found.area_px))
    outside = (facts.mean - cover * inside) / (1 - cover)
    difference = inside - outside
    explained = cover * (1 - cover) * difference * abs(difference) / facts.variance
    return found.mean_intensity - outside, explained


def _values(nuclei: Mapping[int, Nuclei], facts: Mapping[int, FieldFacts]) -> dict[str, float]:
    """The numbers that `SENTENCES` give, over all fields that one is about."""
    sizes = np.concatenate([found.diameter_px for found in nuclei.values()])
    confidence = np.concatenate([np.empty(0), *(found.confidence for found in nuclei.values() if found.confidence is not None)])
    small, large = np.quantile(sizes, (0.05, 0.95)) if len(sizes) else (np.nan, np.nan)
    return {
        "n": len(sizes),
        "diameter": float(np.median([typical_diameter(found) for found in nuclei.values()])),
        "small": float(small),
        "large": float(large),
        "cover": float(np.mean([_cover(found, facts[number]) for number, found in nuclei.items()])),
        "confidence": float(np.median(confidence)) if len(confidence) else np.nan,
    }


def _pixels_to_doubt(facts: Mapping[int, FieldFacts], where: Callable[[list[int]], str], called: str) -> list[str]:
    told = []
    usable = {number: one for number, one in facts.items() if not one.is_flat}
    lacking = [number for number, one in usable.items() if one.not_numbers > NOT_NUMBERS]
    if lacking:
        most = max(usable[number].not_numbers for number in lacking)
        told.append(f"{where(lacking)}: up to {most:.0%} of the pixels of {called} are no numbers and count as background.")
    saturated = [number for number, one in usable.items() if one.at_most > SATURATED and one.grey_levels > FEW_LEVELS]
    if saturated:
        most = max(usable[number].at_most for number in saturated)
        told.append(
            f"{where(saturated)}: up to {most:.0%} of the pixels of {called} are saturated, so that touching nuclei are hard to "
            "tell apart and intensities mean little; use a shorter exposure."
        )
    return told


def _other_than_set(found: Mapping[int, Nuclei], where: Callable[[list[int]], str], wanted_px: float | None) -> list[str]:
    if wanted_px is None or not found:
        return []
    middle = float(np.median([typical_diameter(one) for one in found.values()]))
    if 1 / OTHER_THAN_SET < middle / wanted_px < OTHER_THAN_SET:
        return []
    return [
        f"{where(sorted(found))}: nuclei are typically {middle:.0f} px across, {wanted_px:.0f} px were set; correct the "
        "diameter, or leave it out so that it is estimated."
    ]


def _other_fields(found: Mapping[int, Nuclei], names: Mapping[int, str]) -> list[str]:
    sizes = sorted((typical_diameter(one), number) for number, one in found.items())
    if not sizes or sizes[-1][0] <= OTHER_FIELDS * sizes[0][0]:
        return []
    (small, smallest), (large, largest) = sizes[0], sizes[-1]
    return [
        f"nuclei are typically {small:.0f} px across in {names[smallest]} and {large:.0f} px in {names[largest]}; look for "
        "fields out of focus and for debris, or set the diameter of a nucleus."
    ]
