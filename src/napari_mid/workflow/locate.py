"""Nuclei of all fields of a well: of one size, each counted once, with a word on what is odd about them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.cores import stream_over_cores
from napari_mid.cells.detectors import EXTRAS, detect_field
from napari_mid.cells.diameter import wanted_diameter
from napari_mid.cells.duplicates import duplicates_left_out, without_duplicates
from napari_mid.cells.field_facts import FieldFacts, field_facts
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.plausibility import doubts
from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import ImageReadError
from napari_mid.images.layout import well_layout
from napari_mid.plates.plate import Well
from napari_mid.progress import Progress, Steps

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

STEP = "locating nuclei"
#: A field in which nuclei were looked for that are by more than this factor larger or smaller than those of the well is looked
#: through once more.
SAME_DIAMETER = 1.25
#: A field with fewer nuclei has no say in how large those of the well are, unless no field has more.
FEW_NUCLEI = 5

#: So many fields are looked at without a notion of how large nuclei are.
LOOKED_FIRST = 2

#: Fields with more pixels than this together are not looked at at the same time: a detector needs some 60 bytes for each.
PX_AT_ONCE = 10_000_000

#: Gives the nucleus channel (Y, X) of a field by its number; raises `ImageReadError`.
Read = Callable[[int], NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Look:
    """How nuclei are looked for: the settings, where to compute, and what the result is to have beside centres."""

    settings: DetectionSettings
    device: torch.device
    outlines: bool = False
    masks: bool = False


def locate_steps(
    well: Well, numbers: list[int], read: Read, look: Look, *, pixel_size_um: float | None, channel: str, warnings: list[str]
) -> Steps[dict[int, Nuclei]]:
    """Locate the nuclei of some fields of `well`.

    Where no diameter is set it is estimated from every field; the later ones are looked at for nuclei as large as those of the
    first ones before others. Fields that are far from the middle of the well are looked through once more with that. Nuclei that
    several fields show are counted once, see `cells.duplicates`.

    Parameters
    ----------
    well, numbers
        Where to look; the fields by number.
    read
        Gives the nucleus channel of a field; may be asked twice for the same.
    look, pixel_size_um
        How to look.
    channel
        Name of the nucleus channel, for messages.
    warnings
        A sentence is added for each field that cannot be read, and for whatever is odd about the images or their nuclei.

    Raises
    ------
    ImageReadError
        If no field can be read.
    """
    found: dict[int, Nuclei] = {}
    facts: dict[int, FieldFacts] = {}
    unread: list[str] = []

    wanted_px = wanted_diameter(look.settings, pixel_size_um)

    def detect(image: NDArray[Any], number: int, settings: DetectionSettings, expected_px: float | None = None) -> Nuclei:
        return detect_field(
            image,
            well=well.name,
            field=number,
            settings=settings,
            pixel_size_um=pixel_size_um,
            device=look.device,
            outlines=look.outlines,
            masks=look.masks,
            expected_px=expected_px,
        )

    done, ordered = 0, sorted(numbers)
    for some in (ordered[:LOOKED_FIRST], ordered[LOOKED_FIRST:]):
        expected_px = _common_diameter(found) if wanted_px is None else None

        def look_at(item: tuple[int, NDArray[Any]], expected_px: float | None = expected_px) -> tuple[int, FieldFacts, Nuclei]:
            return item[0], field_facts(item[1]), detect(item[1], item[0], look.settings, expected_px)

        with contextlib.closing(_looking(look, _readable(some, read, unread), look_at)) as looking:
            if some:
                yield Progress(STEP, done, len(numbers), well.fields[some[0]].key)
            for number, fact, nuclei in looking:
                facts[number], found[number] = fact, nuclei
                done += 1
                yield Progress(STEP, done, len(numbers), well.fields[number].key)
    if unread and not found:
        raise ImageReadError(f"No field of well {well.name} of plate {well.plate} can be read: {unread[0]}")
    common = _common_diameter(found) if wanted_px is None else None
    for number, one in found.items() if common is not None else ():
        if not 1 / SAME_DIAMETER <= one.settings["diameter_px"] / common <= SAME_DIAMETER and not facts[number].is_flat:
            yield Progress(STEP, len(numbers), len(numbers), f"{well.fields[number].key} once more")
            found[number] = detect(read(number), number, dataclasses.replace(look.settings, diameter_px=common))
    found = without_duplicates(found, well_layout(well.fields, {number: facts[number].shape for number in found}))
    names = {number: well.fields[number].key for number in found}
    warnings += unread
    if look.settings.diameter_um is not None and wanted_px is None:
        warnings.append(
            f"{well.name}: the pixel size is not recorded, so the diameter of {look.settings.diameter_um:g} µm was left aside "
            "and one estimated; set it in pixels."
        )
    warnings += doubts(found, facts, names=names, whole=well.name, channel=channel, wanted_px=wanted_px)
    twice = duplicates_left_out(found)
    shown = f", {twice} more are shown by two fields" if twice else ""
    yield Progress(STEP, len(numbers), len(numbers), f"{sum(map(len, found.values()))} nuclei{shown}")
    return found


def given_once(
    well: Well, nuclei: Mapping[int, Nuclei], shape_of: Callable[[int], tuple[int, ...]], warnings: list[str]
) -> dict[int, Nuclei]:
    """The nuclei that were given for fields of `well`, by a table or a layer of labels, each counted once where fields overlap.

    Points without a size were set by a person and all stay, see `cells.duplicates`.

    Parameters
    ----------
    well, nuclei
        Given by field.
    shape_of
        Gives (..., height, width) of a field; raises `ImageReadError`. Asked only where the stage positions are known.
    warnings
        A sentence is added where some are left out.
    """
    fields = [number for number in sorted(nuclei) if number in well.fields]
    if len(fields) < 2 or any(well.fields[number].position_um is None for number in fields):
        return dict(nuclei)
    shapes: dict[int, tuple[int, int]] = {}
    for number in fields:
        with contextlib.suppress(ImageReadError):  # told by whoever needs its pixels
            height, width = shape_of(number)[-2:]
            shapes[number] = (height, width)
    before = duplicates_left_out(nuclei)
    once = without_duplicates(nuclei, well_layout(well.fields, shapes))
    if (twice := duplicates_left_out(once) - before) > 0:
        warnings.append(f"{twice} of the nuclei given for {well.name} are shown by two of its fields and are counted once")
    return once


def _readable(numbers: list[int], read: Read, unread: list[str]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The fields that can be read, with their numbers; what is wrong with the others is added to `unread`."""
    for number in numbers:
        try:
            yield number, read(number)
        except ImageReadError as error:
            unread.append(str(error))


def _looking(
    look: Look, images: Iterator[tuple[int, NDArray[Any]]], look_at: Callable[[tuple[int, NDArray[Any]]], T]
) -> Generator[T, None, None]:
    """What `look_at` says of each of `images`: one on each core of the CPU, within `PX_AT_ONCE`; one after the other on a GPU."""
    first = next(images, None)
    if first is None:
        return
    # other people's programs use the cores in their own way
    alone = look.device.type != "cpu" or look.settings.detector in EXTRAS
    most = 1 if alone else max(1, PX_AT_ONCE // first[1].size)
    yield from stream_over_cores(look_at, itertools.chain([first], images), most)


def _common_diameter(found: dict[int, Nuclei]) -> float | None:
    """The middle one of the diameters that were estimated from the fields of a well that show nuclei; None where none does."""
    for least in (FEW_NUCLEI, 1):
        used = sorted(float(one.settings["diameter_px"]) for one in found.values() if len(one) >= least)
        if used:
            return float(np.median(used))
    return None
