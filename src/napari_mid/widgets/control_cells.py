"""The slices of negative controls that the gallery shows, kept up with what is scored."""

from __future__ import annotations

from typing import Any

import numpy as np
from psygnal import Signal

from napari_mid.images.cache import WellCache
from napari_mid.inference.controls import SEED, control_wells
from napari_mid.progress import Steps
from napari_mid.session import Session
from napari_mid.viewer.control_slices import ControlCell, control_rows, control_slices_steps
from napari_mid.widgets.work import Jobs

#: Its lane of work.
LANE = "controls"


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

    def slices_steps(self, n: int) -> Steps[tuple[ControlCell, ...]]:
        """Give `n` slices for a picture: those that are shown, and others where they do not suffice."""
        return control_slices_steps(self.session, n, self._images_of, self.cells)

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
        others = [well for well in wells if well != self.session.well]
        if not others:
            return f"{wells[0]} is the only negative-control well of this plate."
        if not control_rows(self.session, 1):
            return f"No other negative-control well is scored yet ({', '.join(others[:3])}{', …' if len(others) > 3 else ''})."
        return "" if self.cells else "The negative-control slices are being read."

    def _images_of(self, well: str) -> Any:
        return self.cache.get(self.session.image_key(well))

    def _look(self) -> None:
        session = self.session
        chosen = control_rows(session, self._n)
        if not chosen:
            self.jobs.cancel(LANE, quiet=True)
            self._made_from = ()
            self._show(())
            return
        embeddings = [id(session.results[well].embeddings) for well in chosen]
        made_from = (session.plate_key(), session.model_key(), session.intensity, list(chosen.items()), embeddings)
        if made_from == self._made_from:
            return
        self._made_from = made_from

        def take(cells: tuple[ControlCell, ...]) -> None:
            if made_from == self._made_from:
                self._show(tuple(cells[i] for i in np.random.default_rng(SEED).permutation(len(cells))))

        self.jobs.start(LANE, "reading negative controls", control_slices_steps(session, self._n, self._images_of), take)

    def _show(self, cells: tuple[ControlCell, ...]) -> None:
        self.cells = cells
        self.changed.emit()
