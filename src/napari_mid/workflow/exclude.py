"""Cells left out of scored wells: those that a person chose, and kinds of cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from napari_mid.inference.exclusions import Wish
from napari_mid.inference.result import WellResult
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.rescore import rescore

#: Key of `WellResult.settings` that says how many cells are left out for which reason.
REASONS = "excluded_for"


def left_out(result: WellResult, model: MidModel, wish: Wish) -> Iterator[WellResult]:
    """Score `result` again without what `wish` leaves out: first a preliminary result where that is quicker, then the final one.

    ``settings["excluded_for"]`` says how many cells are left out for which reason.
    """
    reasons = wish.record(result.cells)
    for rescored in rescore(result, model, wish.mask(result.cells)):
        yield dataclasses.replace(rescored, settings={**rescored.settings, REASONS: reasons})


def left_out_steps(result: WellResult, model: MidModel, wish: Wish) -> Steps[WellResult]:
    """The final result without what `wish` leaves out; `result` itself where that is nothing."""
    if not wish.mask(result.cells).any():
        return result
    yield Progress(f"leaving cells out of {result.well}", 0, 0)
    *_, final = left_out(result, model, wish)
    return final
