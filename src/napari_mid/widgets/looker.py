"""Looks again at nuclei that a person made or changed: how bright they are, and what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping

from napari_mid.cells.edits import edits_of, made_by_hand
from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import ChannelError
from napari_mid.reports.annotated import TYPICAL_NUCLEUS_PX, TYPICAL_NUCLEUS_UM
from napari_mid.session import Session
from napari_mid.widgets.steps import detection_settings
from napari_mid.widgets.work import Jobs

#: Its lane of work, whose progress is not shown.
LANE = "look"


class Looker:
    """Brings the warnings about nuclei edited by hand, or taken from a layer, up to date in the background."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        self._seen: Mapping[int, Nuclei] | None = None
        session.events.nuclei_changed.connect(self._look)

    def _look(self) -> None:
        session = self.session
        nuclei, images, plate = session.nuclei, session.images, session.plate
        if nuclei is self._seen or nuclei is None or images is None or plate is None or not made_by_hand(nuclei):
            return
        self._seen = nuclei
        from napari_mid.cells.diameter import wanted_diameter
        from napari_mid.workflow.detect import nucleus_channel
        from napari_mid.workflow.edited_nuclei import looked_at_steps

        contract = session.contract
        try:
            channel = nucleus_channel(contract.plate if contract is not None and contract.plate is not None else plate)
        except ChannelError:
            return  # nuclei may be set by hand where no channel shows them
        # what was said of the nuclei before they were edited may not hold any more; what was left out of a layer still is
        before = () if edits_of(nuclei) else session.nuclei_warnings
        size = plate.pixel_size_um
        usual_px = TYPICAL_NUCLEUS_UM / size if size else TYPICAL_NUCLEUS_PX
        steps = looked_at_steps(nuclei, plate, images, channel, usual_px, wanted_diameter(detection_settings(session), size))

        def take(found: tuple[dict[int, Nuclei], list[str]]) -> None:
            measured, told = found
            session.offer_look(nuclei, measured, (*before, *told))

        self.jobs.start(LANE, "looking at the nuclei", steps, take)
