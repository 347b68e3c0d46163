"""Looks for the outlines of nuclei in the background where they are wanted and not known yet."""

from __future__ import annotations

from napari_mid.cells.from_layers import LABELS
from napari_mid.session import OutlinesOn, Session
from napari_mid.widgets.steps import Located, detection_settings, locate_steps
from napari_mid.widgets.work import Jobs

#: Its lane of work.
LANE = "outlines"


class Outliner:
    """Keeps ``session.outlined`` up with what is wanted.

    Results of wells that were opened again, and nuclei that were located without them, have no outlines: the detector then runs
    once more, and its outlines are matched by place.
    """

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        self._asked: tuple[object, ...] = ()
        events = session.events
        events.well_changed.connect(self._stop)
        for changed in (events.outlines_changed, events.nuclei_changed, events.result_changed, events.images_changed):
            changed.connect(self._look)

    def want(self, where: OutlinesOn, on: bool) -> None:
        """Show outlines on the canvas or in the galleries, or do not any more."""
        wanted = self.session.outlines_on
        if on:
            self._asked = ()
            nuclei = self.session.nuclei
            if nuclei and self.session.outlined is None and any(found.detector == LABELS for found in nuclei.values()):
                self.session.tell("The outlines of these labels are not known: select their layer and press From layer again.")
        self.session.outlines_on = wanted | {where} if on else wanted - {where}

    def _stop(self) -> None:
        self.jobs.cancel(LANE, quiet=True)
        self._asked = ()

    def _look(self) -> None:
        session = self.session
        if not session.outlines_on:
            self._stop()
            return
        nuclei, result = session.nuclei, session.result
        known = nuclei if nuclei is not None else result is not None and result.n_cells
        if not known or session.outlined is not None or session.images is None or session.plate is None or session.well is None:
            return
        if any(found.detector == LABELS for found in (nuclei or {}).values()):
            return  # the layer's own would have to be asked for
        key = session.image_key(session.well)
        settings = detection_settings(session)
        if self._asked == (*key, settings):
            return
        self._asked = (*key, settings)
        contract = session.contract
        plate = contract.plate if contract is not None and contract.plate is not None else session.plate

        def take(located: Located) -> None:
            session.offer_outlines(key, located.nuclei)

        steps = locate_steps(plate, session.well, session.images, settings, session.device, outlines=True)
        self.jobs.start(LANE, f"outlining the nuclei of {session.well}", steps, take)
