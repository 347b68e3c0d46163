"""Nuclei that several fields of a well show, because the fields overlap, counted once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.layout import WellLayout

#: Two nuclei of different fields are one where their centres are closer than this part of a typical diameter: stage positions err
#: by a few pixels, and two nuclei that lie beside each other are a whole diameter apart.
CLOSER = 0.5
#: Key of `Nuclei.settings` that says how many were left out.
LEFT_OUT = "duplicates_left_out"


def without_duplicates(nuclei: Mapping[int, Nuclei], layout: WellLayout) -> dict[int, Nuclei]:
    """The nuclei of a well by field, each counted once; `LEFT_OUT` in the settings of a field says how many others show.

    Of two that are one the nucleus further from the border of its field stays: there it is whole. Nuclei whose size is unknown
    (points that a person set, tables without areas) all stay, and so does everything where the stage positions are unknown.

    Parameters
    ----------
    nuclei
        By number of the field.
    layout
        Where the fields lie in the well.
    """
    numbers = [number for number in sorted(nuclei) if number in layout.origins]
    if not layout.from_stage or len(numbers) < 2 or not _near(layout, numbers):
        return dict(nuclei)
    kept = {number: np.ones(len(nuclei[number]), dtype=bool) for number in numbers}
    known = {number: np.flatnonzero(np.isfinite(nuclei[number].area_px)) for number in numbers}
    field = np.concatenate([np.full(len(known[number]), number) for number in numbers])
    row = np.concatenate([known[number] for number in numbers])
    if len(row):
        places = np.concatenate([layout.to_well(number, nuclei[number].centroids[known[number]]) for number in numbers])
        inside = np.concatenate([_inside(nuclei[number].centroids[known[number]], layout.shapes[number]) for number in numbers])
        diameter = np.median(np.concatenate([nuclei[number].diameter_px[known[number]] for number in numbers]))
        for lost in _lost(places, field, inside, CLOSER * float(diameter)):
            kept[int(field[lost])][row[lost]] = False
    return {number: _only(found, kept[number]) if number in kept else found for number, found in nuclei.items()}


def duplicates_left_out(nuclei: Mapping[int, Nuclei]) -> int:
    """How many nuclei of a well were left out because another field shows them, too."""
    return sum(int(found.settings.get(LEFT_OUT, 0)) for found in nuclei.values())


def _only(found: Nuclei, kept: NDArray[np.bool_]) -> Nuclei:
    lost = int((~kept).sum())
    return found.only(kept, **{LEFT_OUT: lost + int(found.settings.get(LEFT_OUT, 0))}) if lost else found


def _near(layout: WellLayout, numbers: list[int]) -> bool:
    """Whether any two fields share a pixel or touch, so that their nuclei may be the same."""
    boxes = [(*layout.origins[number], *layout.shapes[number]) for number in numbers]
    return any(
        top <= other_top + other_height
        and other_top <= top + height
        and left <= other_left + other_width
        and other_left <= left + width
        for index, (top, left, height, width) in enumerate(boxes)
        for other_top, other_left, other_height, other_width in boxes[:index]
    )


def _inside(centroids: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """(N,) distance to the border of the field, in pixels."""
    distance: NDArray[np.float64] = np.minimum(centroids, np.asarray(shape) - 1 - centroids).min(axis=1)
    return distance


def _lost(places: NDArray[np.float64], field: NDArray[np.int64], inside: NDArray[np.float64], closer_px: float) -> list[int]:
    """Which of the (N, 2) places go: of every two of different fields within `closer_px` one, the closest two first."""
    from scipy.spatial import KDTree

    pairs = KDTree(places).query_pairs(closer_px, output_type="ndarray")
    pairs = np.sort(pairs[field[pairs[:, 0]] != field[pairs[:, 1]]], axis=1)
    distance = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
    lost: set[int] = set()
    # rows are in order of field and row, so that ties are decided by them, whatever order the tree gives
    for pair in np.lexsort((pairs[:, 1], pairs[:, 0], distance)):
        one, other = (int(row) for row in pairs[pair])
        if one not in lost and other not in lost:
            lost.add(other if inside[one] >= inside[other] else one)
    return sorted(lost)
