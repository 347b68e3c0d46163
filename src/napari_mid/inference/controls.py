"""The plate's negative controls: which wells they are, where a score lies among theirs, and some of their cells to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from napari_mid.inference.result import WellResult
from napari_mid.inference.trust import percentile_among
from napari_mid.plates.plate import Plate, Well

CONTROL_ROLE = "negative_control"
#: Wells that cells are taken from at most: each may have to be read from disk.
MOST_WELLS = 3
SEED = 0


def is_control(well: Well | WellResult) -> bool:
    """Whether the plate map says that `well`, or the well of a result, is a negative control."""
    return well.condition.get("role") == CONTROL_ROLE


def control_wells(plate: Plate | None) -> list[str]:
    """The negative-control wells of `plate` that have images."""
    wells = () if plate is None else plate.wells.values()
    return [well.name for well in wells if well.has_images and is_control(well)]


def compared_wells(plate: Plate | None, well: str | None = None) -> list[str]:
    """The negative-control wells but `well`, in the order in which they are taken to compare with: at random, always the same.

    A row or a column of controls often stands at the plate's edge; the first of them would all lie in one corner.
    """
    names = control_wells(plate)
    shuffled = (names[i] for i in np.random.default_rng(SEED).permutation(len(names)))
    return [name for name in shuffled if name != well]


def compared_cells(results: Mapping[str, WellResult], wells: Sequence[str], n: int) -> dict[str, list[int]]:
    """Rows of `n` cells of the first of `wells` that have some, at random but always the same; about as many of each well."""
    picked = sorted([well for well in wells if well in results and not results[well].excluded.all()][:MOST_WELLS])
    found = {}
    for number, well in enumerate(picked):
        kept = np.flatnonzero(~results[well].excluded)
        share = n // len(picked) + (number < n % len(picked))
        found[well] = np.random.default_rng(SEED).permutation(kept)[:share].tolist()
    return found


def percentiles_among_controls(results: Iterable[WellResult]) -> dict[str, float]:
    """Per well, the per cent of the other negative-control wells that score lower; NaN where there is no other."""
    results = list(results)
    controls = {result.well: result.score for result in results if is_control(result)}
    return {
        result.well: percentile_among(result.score, [score for name, score in controls.items() if name != result.well])
        for result in results
    }
