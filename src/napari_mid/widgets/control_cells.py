"""Slices of the plate's negative-control wells, at random, to look at beside those of the open well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_mid.images.cache import WellCache
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.session import Session
from napari_mid.viewer.thumbnails import cell_slices, scale_of
from napari_mid.widgets.work import Jobs

#: Its lane of work.
LANE = "controls"
ROLE = "negative_control"
#: Wells that cells are taken from at most: each is read from disk where it was not seen before.
MOST_WELLS = 3
SEED = 0


@dataclass(frozen=True)
class ControlCell:
    """A cell of a negative-control well.

    Parameters
    ----------
    well, row
        Which one: its row in the well's `WellResult.cells`.
    relevance
        In its own well.
    planes
        (C, S, S) from 0 to 1, as the model sees it.
    """

    well: str
    row: int
    relevance: float
    planes: NDArray[np.float32]


def control_wells(plate: Plate | None) -> list[str]:
    """The negative-control wells of `plate` that have images."""
    wells = () if plate is None else plate.wells.values()
    return [well.name for well in wells if well.has_images and well.condition.get("role") == ROLE]


def chosen_cells(results: Mapping[str, WellResult], wells: Sequence[str], n: int) -> dict[str, list[int]]:
    """`n` cells of `wells`, at random, the same ones each time; few wells give them, and about as many each."""
    rng = np.random.default_rng(SEED)
    usable = [well for well in wells if not results[well].excluded.all()]
    picked = sorted(usable[i] for i in rng.permutation(len(usable))[:MOST_WELLS])
    found = {}
    for number, well in enumerate(picked):
        kept = np.flatnonzero(~results[well].excluded)
        share = n // len(picked) + (number < n % len(picked))
        found[well] = rng.permutation(kept)[:share].tolist()
    return found


class ControlCells:
    """Keeps the slices of negative controls up with what is scored, where they are wanted.

    Attributes
    ----------
    cells
        The slices; empty until they are cut.
    """

    #: other slices, or another reason why there are none
    changed = Signal()

    def __init__(self, session: Session, jobs: Jobs, cache: WellCache) -> None:
        self.session = session
        self.jobs = jobs
        self.cache = cache
        self.cells: tuple[ControlCell, ...] = ()
        self._n = 0
        self._made_from: tuple[Any, ...] = ()
        events = session.events
        for changed in (events.results_changed, events.well_changed, events.intensity_changed, events.plate_changed):
            changed.connect(self._look)

    def want(self, n: int) -> None:
        """Keep `n` slices; none where 0."""
        if n != self._n:
            self._n = n
            self._look()

    @property
    def why_none(self) -> str:
        """Why there are no slices to show, and what to do about it."""
        plate = self.session.plate
        wells = control_wells(plate)
        if not wells:
            return (
                "The plate map has no negative control: load one whose column role says negative_control."
                if plate is not None
                else ""
            )
        if wells == [self.session.well]:
            return f"{wells[0]} is the only negative-control well of this plate."
        if not self._wells():
            return f"No other negative-control well is scored yet ({', '.join(wells[:3])}{', …' if len(wells) > 3 else ''})."
        return "" if self.cells else "The negative-control slices are being read."

    def _wells(self) -> list[str]:
        session = self.session
        results = session.results
        wells = (well for well in control_wells(session.plate) if well in results and well != session.well)
        return [well for well in wells if results[well].n_cells]

    def _look(self) -> None:
        session, plate = self.session, self.session.plate
        contract, intensity, model = session.contract, session.intensity, session.model
        wells = self._wells() if self._n else []
        if not wells or plate is None or contract is None or contract.plate is None or intensity is None or model is None:
            self.jobs.cancel(LANE, quiet=True)
            self._made_from = ()
            self._show(())
            return
        chosen = chosen_cells(session.results, wells, self._n)
        embeddings = [id(session.results[well].embeddings) for well in chosen]
        made_from = (session.plate_key(), session.model_key(), intensity, list(chosen.items()), embeddings)
        if made_from == self._made_from:
            return
        self._made_from = made_from
        known = {well: self.cache.get(session.image_key(well)) for well in chosen}
        steps = _slices_steps(
            plate,
            {well: (session.results[well], rows, known[well]) for well, rows in chosen.items()},
            (model.config.slice_px, contract.channels, intensity, model.config.normalisation),
        )

        def take(cells: tuple[ControlCell, ...]) -> None:
            if made_from == self._made_from:
                self._show(cells)

        self.jobs.start(LANE, "reading negative controls", steps, take)

    def _show(self, cells: tuple[ControlCell, ...]) -> None:
        self.cells = cells
        self.changed.emit()


def _slices_steps(
    plate: Plate,
    wanted: Mapping[str, tuple[WellResult, list[int], WellImages | None]],
    how: tuple[int, Sequence[int], IntensityRange, str],
) -> Steps[tuple[ControlCell, ...]]:
    size_px, channels, intensity, normalisation = how
    found: list[ControlCell] = []
    for done, (well, (result, rows, images)) in enumerate(wanted.items()):
        yield Progress("reading negative controls", done, len(wanted), well)
        if images is None:
            images = yield from load_well(plate[well])
        cells = result.cells.iloc[rows]
        slices = cell_slices(images, cells, size_px, channels, intensity, normalisation, scale_of(result))
        relevance = cells["relevance"].to_numpy(dtype=float)
        found += [ControlCell(well, *cell) for cell in zip(rows, relevance.tolist(), slices, strict=True)]
    order = np.random.default_rng(SEED).permutation(len(found))
    return tuple(found[i] for i in order)
