"""Nuclei that a person corrected by hand: what was added, deleted and moved, and what is kept of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.from_layers import LABELS, POINTS
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.layout import WellLayout

#: Key of `Nuclei.settings` under which the edits are recorded.
EDITED = "edited"
#: Source of nuclei of which a person set every one.
BY_HAND = "by hand"
#: Number of a point that was not there before.
NEW = -1
#: Pixels by which a point may differ, for rounding, and still be in its place.
STILL_PX = 1e-3


@dataclass(frozen=True, slots=True)
class EditCount:
    """How many nuclei were added, deleted and moved by hand."""

    added: int = 0
    deleted: int = 0
    moved: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.deleted or self.moved)

    def __add__(self, other: EditCount) -> EditCount:
        return EditCount(self.added + other.added, self.deleted + other.deleted, self.moved + other.moved)

    def __str__(self) -> str:
        """``"+3 −1, 2 moved"``."""
        counts = " ".join(f"{sign}{count:,}" for sign, count in (("+", self.added), ("−", self.deleted)) if count)
        return ", ".join(filter(None, (counts, f"{self.moved:,} moved" if self.moved else "")))


@dataclass(frozen=True)
class EditedNuclei:
    """The nuclei of a well after an edit.

    Parameters
    ----------
    nuclei
        By field; ``settings["edited"]`` of a field that was edited says how.
    count
        What was done in this edit.
    refused
        Points that lie outside every field: added ones are left out, moved ones are back in their places.
    """

    nuclei: dict[int, Nuclei]
    count: EditCount
    refused: int = 0


def edits_of(nuclei: Mapping[int, Nuclei]) -> EditCount:
    """All edits that are recorded in the nuclei of a well."""
    return sum((EditCount(**found.settings.get(EDITED, {})) for found in nuclei.values()), EditCount())


def made_by_hand(nuclei: Mapping[int, Nuclei]) -> bool:
    """Whether the nuclei of a well hold a person's work, which no detector brings back: edits, or a layer's."""
    return bool(edits_of(nuclei)) or any(found.detector in (LABELS, POINTS, BY_HAND) for found in nuclei.values())


def source_of(nuclei: Mapping[int, Nuclei]) -> dict[str, Any]:
    """Where the nuclei of a well come from, for a record: ``{"source": "learned", ..., "edited": {"added": 3, ...}}``."""
    sources = sorted({found.detector for found in nuclei.values()})
    first = next(iter(nuclei.values()), None)
    settings = {} if first is None else {name: value for name, value in first.settings.items() if name != EDITED}
    edits = edits_of(nuclei)
    return {
        "source": ", ".join(sources) or "given nuclei",
        **(settings if len(sources) == 1 else {}),
        **({EDITED: dataclasses.asdict(edits)} if edits else {}),
    }


def placed(nuclei: Mapping[int, Nuclei], layout: WellLayout) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 2) places (y, x) in pixels of the well and (N,) areas in pixels, field by field: a nucleus' number is its row."""
    numbers = _fields(nuclei, layout)
    places = [layout.to_well(number, nuclei[number].centroids) for number in numbers]
    areas = [nuclei[number].area_px for number in numbers]
    return np.concatenate([np.empty((0, 2)), *places]), np.concatenate([np.empty(0), *areas])


def edited_nuclei(
    before: Mapping[int, Nuclei], layout: WellLayout, numbers: NDArray[np.int64], places: NDArray[np.float64], *, well: str
) -> EditedNuclei:
    """Compare the nuclei of `well` with the points that a person made of them.

    Parameters
    ----------
    before
        The nuclei before the edit, by field.
    layout
        Where the fields lie in the well.
    numbers
        (M,) which nucleus each point is: its row in what `placed` gave, or `NEW`. Where a number stands twice, after a copy,
        the point nearest to the nucleus' place is it, and the others are new.
    places
        (M, 2), (y, x) of the points in pixels of the well.

    Returns
    -------
    EditedNuclei
        Nuclei that were not touched keep everything that is known of them, and their field where fields overlap. Of those that
        were added or moved only the place is known.
    """
    origin, _ = placed(before, layout)
    numbers, places = _unique(np.asarray(numbers, dtype=np.int64), np.asarray(places, dtype=np.float64).reshape(-1, 2), origin)
    old, new = numbers >= 0, numbers < 0
    shift = np.zeros(len(places))
    shift[old] = np.abs(places[old] - origin[numbers[old]]).max(axis=1, initial=0.0)
    moved = old & ~(shift <= STILL_PX)  # also where a place is not a number
    home = np.repeat(_fields(before, layout), [len(before[number]) for number in _fields(before, layout)]).astype(np.int64)

    goals: dict[int, list[tuple[float, float]]] = {number: [] for number in {*before, *layout.origins}}
    counts = {number: EditCount() for number in goals}
    gone = np.ones(len(origin), dtype=bool)
    gone[numbers[old]] = False
    for field in home[gone]:
        counts[int(field)] += EditCount(deleted=1)
    taken, refused = gone.copy(), 0
    for row in np.flatnonzero(moved | new):
        own = int(home[numbers[row]]) if moved[row] else None
        hit = _field_at(layout, places[row], own)
        if hit is None:
            refused += 1
            continue
        goals[hit[0]].append(hit[1:])
        counts[hit[0]] += EditCount(moved=1) if moved[row] else EditCount(added=1)
        if moved[row]:
            taken[numbers[row]] = True
    found, start = {}, 0
    source = next((one.detector for one in before.values()), BY_HAND)
    for number in sorted(goals):
        one = before.get(number) or _none(well, number, source)
        n = len(one) if number in layout.origins else 0
        keep = ~taken[start : start + n] if n else np.ones(len(one), dtype=bool)
        start += n
        if number in before or counts[number]:
            found[number] = _edited(one, keep, np.array(goals[number]).reshape(-1, 2), counts[number])
    return EditedNuclei(found, sum(counts.values(), EditCount()), refused)


def _fields(nuclei: Mapping[int, Nuclei], layout: WellLayout) -> list[int]:
    return [number for number in sorted(nuclei) if number in layout.origins]


def _unique(
    numbers: NDArray[np.int64], places: NDArray[np.float64], origin: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The points with each number once: those further from the nucleus' place are new."""
    numbers = np.where((numbers >= 0) & (numbers < len(origin)), numbers, NEW)
    distance = np.zeros(len(numbers))
    distance[numbers >= 0] = np.hypot(*(places[numbers >= 0] - origin[numbers[numbers >= 0]]).T)
    order = np.argsort(np.nan_to_num(distance, nan=np.inf), kind="stable")
    _, first = np.unique(numbers[order], return_index=True)
    once = np.zeros(len(numbers), dtype=bool)
    once[order[first]] = True
    return np.where(once, numbers, NEW), places


def _field_at(layout: WellLayout, place: NDArray[np.float64], own: int | None) -> tuple[int, float, float] | None:
    """The field that `place` lies in, as (field, y, x); a nucleus stays in its `own` field as long as it can."""
    if own is not None:
        (top, left), (height, width) = layout.origins[own], layout.shapes[own]
        y, x = float(place[0]) - top, float(place[1]) - left
        if -0.5 <= y < height - 0.5 and -0.5 <= x < width - 0.5:
            return own, y, x
    return layout.to_field(place[None])[0]


def _none(well: str, field: int, detector: str) -> Nuclei:
    return Nuclei(well, field, np.empty((0, 2)), np.empty(0), np.empty(0), detector)


def _edited(nuclei: Nuclei, keep: NDArray[np.bool_], added: NDArray[np.float64], count: EditCount) -> Nuclei:
    """The nuclei of a field of which those to `keep` stay, with others at (N, 2) `added`, of which only the place is known."""
    if not count and keep.all():
        return nuclei
    total = EditCount(**nuclei.settings.get(EDITED, {})) + count
    kept = nuclei.only(keep, **{EDITED: dataclasses.asdict(total)})
    longer: dict[str, Any] = {
        name: np.concatenate([values, _unknown(values, len(added))]) for name, values in _columns(kept).items()
    }
    longer["centroids"] = np.concatenate([kept.centroids, added])
    return dataclasses.replace(kept, **longer)


def _columns(nuclei: Nuclei) -> dict[str, NDArray[Any]]:
    """What is known of each nucleus."""
    values = {field.name: getattr(nuclei, field.name) for field in dataclasses.fields(nuclei) if field.name != "masks"}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _unknown(values: NDArray[Any], n: int) -> NDArray[Any]:
    """`n` rows as those of `values`, of which nothing is known."""
    return np.full((n, *values.shape[1:]), False if values.dtype == bool else np.nan, dtype=values.dtype)
