"""Works out on request what the model makes of the selected cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_mid.errors import MidError
from napari_mid.inference.one_cell import LeftOut, leave_one_out, saliency_steps
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.progress import Progress, Steps
from napari_mid.reports.caption import words
from napari_mid.reports.saliency import saliency_picture
from napari_mid.session import Session
from napari_mid.viewer.thumbnails import cell_slices, scale_of
from napari_mid.widgets.work import Jobs

if TYPE_CHECKING:  # timm must wait for the window: it takes seconds, and see viewer.compat.keep_llvm_apart
    from napari_mid.model.network import MidModel

#: Its lane of work.
LANE = "cell"


@dataclass(frozen=True)
class CellFacts:
    """What the model makes of a cell.

    Parameters
    ----------
    result, cell
        Which cell.
    positive
        The class that the score is the probability of, in words.
    left_out
        What sets lose without it.
    saliency
        (S, S), see `inference.one_cell.saliency_steps`.
    picture
        (S, S, 3) uint8, the saliency over the cell.
    """

    result: WellResult
    cell: int
    positive: str
    left_out: LeftOut
    saliency: NDArray[np.float64]
    picture: NDArray[np.uint8]


class CellExplainer:
    """Explains the selected cell; another cell ends it."""

    #: facts came or went, or are being worked out
    changed = Signal()

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        self._facts: CellFacts | None = None
        session.events.cell_changed.connect(self._stop)
        session.events.result_changed.connect(self._stop)

    @property
    def facts(self) -> CellFacts | None:
        """Of the selected cell, once they are worked out."""
        found, session = self._facts, self.session
        if found is None or found.cell != session.cell or session.result is not found.result:
            return None
        return found

    @property
    def busy(self) -> bool:
        """Whether the selected cell is being explained."""
        return self.jobs.running(LANE)

    def explain(self) -> None:
        """Start."""
        session, cell = self.session, self.session.cell
        result, images, contract = session.result, session.images, session.contract
        intensity, model = session.intensity, session.model
        if cell is None or result is None or images is None or contract is None or intensity is None or model is None:
            session.tell("Select a cell of a scored well first.")
            return
        if len(result.embeddings) != result.n_cells:
            session.tell(f"{result.well} was scored another day: press Run to look at its cells again.", "warning")
            return
        if bool(result.excluded[cell]):
            session.tell("The cell is left out of the score: take it back first (X).")
            return
        config = model.config
        planes = cell_slices(
            images,
            result.cells.iloc[[cell]],
            config.slice_px,
            contract.channels,
            intensity,
            config.normalisation,
            scale_of(result),
        )[0]

        def take(found: CellFacts) -> None:
            self._facts = found
            self.changed.emit()

        self.jobs.start(LANE, f"looking at cell {cell + 1}", _steps(model, result, cell, planes), take, failed=self._failed)
        self.changed.emit()

    def _failed(self, _: MidError) -> None:
        self.changed.emit()

    def _stop(self) -> None:
        if self.jobs.running(LANE):
            self.jobs.cancel(LANE, quiet=True)
        self.changed.emit()


def _steps(model: MidModel, result: WellResult, cell: int, planes: NDArray[np.float32]) -> Steps[CellFacts]:
    from napari_mid.inference.bag import Bag

    yield Progress("taking the cell out", 0, 0)
    kept = np.flatnonzero(~result.excluded)
    known = result.settings.get("scoring")
    settings = ScoringSettings(**known) if known else ScoringSettings()
    out = leave_one_out(Bag(model, result.embeddings[kept]), int(np.searchsorted(kept, cell)), settings)
    saliency = yield from saliency_steps(model, planes)
    picture = saliency_picture(saliency, planes)
    return CellFacts(result, cell, words(result.classes[-1]), out, saliency, picture)
