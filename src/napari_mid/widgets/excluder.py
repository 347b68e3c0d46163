"""Leaves cells out of scores: those that are selected, or kinds of cells; every well is then scored again in the background."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_mid.cells.kept import WellKey, well_key
from napari_mid.errors import MidError
from napari_mid.inference.exclusions import Rule, Wish
from napari_mid.inference.result import WellResult
from napari_mid.progress import Progress
from napari_mid.session import Session
from napari_mid.widgets.work import Jobs, Partial

if TYPE_CHECKING:  # timm must wait for the window: it takes seconds, and see viewer.compat.keep_llvm_apart
    from napari_mid.model.network import MidModel

#: Its lane of work.
LANE = "exclude"


@dataclass(frozen=True)
class _Failure:
    result: WellResult
    error: MidError


class Excluder:
    """Keeps the results in step with ``session.exclusions``, the open well first.

    Nothing is read or encoded again.
    """

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        #: results that could not be scored again, by well, so that it is not tried for ever
        self._failed: dict[str, WellResult] = {}
        self._told_unwritten = False
        events = session.events
        events.plate_changed.connect(self._bring_back)
        events.exclusions_changed.connect(self._restart)
        events.result_changed.connect(self._look)

    def toggle(self) -> None:
        """Leave the selected cells of the open well out of its score, or take them back where all of them are out."""
        session, result = self.session, self.session.result
        chosen = [cell for cell in sorted(session.chosen) if result is not None and cell < result.n_cells]
        if result is None or not chosen:
            session.tell("Select a cell first: click it on the image or in a gallery, or drag around several with Shift.")
            return
        if session.editing is not None:
            session.tell("Finish editing the nuclei first: Done or Discard, under Nuclei.", "warning")
            return
        out = not self.wish.by_hand(result.cells)[chosen].all()
        session.exclusions.set(self._key, result.cells, chosen, out=out)
        self._remember()
        session.events.exclusions_changed.emit()

    def undo(self) -> None:
        """Take back the last step in the open well."""
        if self.session.exclusions.undo(self._key):
            self._remember()
            self.session.events.exclusions_changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step in the open well that can be taken back."""
        return self.session.exclusions.can_undo(self._key)

    @property
    def wish(self) -> Wish:
        """What is to be left out of the open well."""
        return self.session.exclusions.of(self._key)

    def set_rule(self, rule: Rule, on: bool) -> None:
        """Leave a kind of cells out of all wells, those that are scored and those that will be, or take them back."""
        exclusions = self.session.exclusions
        exclusions.rules = exclusions.rules | {rule} if on else exclusions.rules - {rule}
        self._failed.clear()
        self.session.events.exclusions_changed.emit()

    def tell_lost(self, result: WellResult) -> None:
        """Say so where cells that were left out are not among those of a new result."""
        wish = self.session.exclusions.of(well_key(self.session.plate, result.well))
        lost = wish.lost(result.cells)
        if lost:
            self.session.tell(
                f"{lost:,} of the {len(wish.places):,} cells left out of {result.well} are not among its nuclei any more.",
                "warning",
            )

    @property
    def _key(self) -> WellKey:
        return well_key(self.session.plate, self.session.well)

    def _bring_back(self) -> None:
        """A plate was opened: what was left out of it another day is left out again."""
        if self.session.plate is None:
            return
        back = self.session.exclusions.bring_back(str(self.session.plate.path))
        if back:
            wells = sorted({key.well for key in back})
            where = wells[0] if len(wells) == 1 else f"{len(wells)} wells"
            self.session.tell(
                f"{sum(back.values()):,} cells of {where} that you left out before are left out again; Undo, under Score, takes "
                "those of a well back."
            )

    def _remember(self) -> None:
        key = self._key
        if not self.session.exclusions.remember(key.plate) and not self._told_unwritten:
            self._told_unwritten = True  # once is enough
            self.session.tell(
                "The cells that are left out cannot be kept: the folder of the preferences cannot be written.", "warning"
            )

    def _look(self) -> None:
        """A result came, perhaps from before other cells were left out."""
        if not self.jobs.running(LANE):
            self._start()

    def _restart(self) -> None:
        """Other cells are to be left out than those that are being left out now."""
        self.jobs.cancel(LANE, quiet=True)
        self._start()

    def _start(self) -> None:
        session = self.session
        pending = self._pending()
        if not pending or session.model is None:
            return
        what = pending[0][0].well if len(pending) == 1 else f"{len(pending)} wells"
        steps = _steps(pending, session.model)
        self.jobs.start(LANE, f"leaving cells out of {what}", steps, lambda _: self._look(), partial=self._take)

    def _pending(self) -> list[tuple[WellResult, Wish]]:
        """The results that are of other cells than they should be, or preliminary; that of the open well first."""
        session = self.session
        found = []
        for well in sorted(session.results, key=lambda name: name != session.well):
            result = session.results[well]
            wish = session.exclusions.of(well_key(session.plate, well))
            failed = well in self._failed and self._failed[well].embeddings is result.embeddings
            same = (wish.mask(result.cells) == result.excluded).all()
            if result.n_cells and not failed and (result.preliminary or not same):
                found.append((result, wish))
        return found

    def _take(self, part: WellResult | _Failure) -> None:
        if isinstance(part, WellResult):
            self.session.offer_rescored(part)
            return
        self._failed[part.result.well] = part.result
        self.session.tell(str(part.error), "error")


def _steps(
    pending: list[tuple[WellResult, Wish]], model: MidModel
) -> Generator[Progress | Partial[WellResult | _Failure], None, None]:
    from napari_mid.workflow.exclude import left_out

    for done, (result, wish) in enumerate(pending):
        yield Progress("leaving cells out", done, len(pending), result.well)
        try:
            for rescored in left_out(result, model, wish):
                yield Partial(rescored)
        except MidError as error:
            yield Partial(_Failure(result, error))
