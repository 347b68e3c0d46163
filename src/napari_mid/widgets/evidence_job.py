"""Works out deletion and insertion curves of the open well on request."""

from __future__ import annotations

from psygnal import Signal

from napari_mid.errors import MidError
from napari_mid.inference.measures import DEFAULT
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.session import Session
from napari_mid.widgets.work import Jobs

#: Its lane of work.
LANE = "evidence"


class EvidenceJob:
    """Starts and stops it; the curves come with the session's result."""

    #: it was started or has ended
    changed = Signal()

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        session.events.well_changed.connect(self.cancel)

    @property
    def busy(self) -> bool:
        """Whether curves are being worked out."""
        return self.jobs.running(LANE)

    def work_out(self) -> None:
        """Start."""
        session, result, model = self.session, self.session.result, self.session.model
        if result is None or model is None:
            session.tell("Score the well first: press Run.")
            return
        if len(result.embeddings) != result.n_cells or result.preliminary:
            session.tell(f"The cells of {result.well} have to be read again first: press Run.", "warning")
            return
        from napari_mid.inference.trust_settings import TrustSettings
        from napari_mid.workflow.relevance import explain_steps

        known = result.settings.get("scoring")
        settings = ScoringSettings(**known) if known else ScoringSettings()
        steps = explain_steps(result, model, settings, TrustSettings(curves=DEFAULT))

        def take(explained: WellResult) -> None:
            if session.results.get(result.well) is result:  # else other cells are left out by now
                session.offer_rescored(explained)
            self.changed.emit()

        self.jobs.start(LANE, f"taking cells out of {result.well}", steps, take, failed=self._failed)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop."""
        if self.jobs.running(LANE):
            self.jobs.cancel(LANE)
            self.changed.emit()

    def _failed(self, _: MidError) -> None:
        self.changed.emit()
