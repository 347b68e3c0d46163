"""Sorts cells into classes, and measures them in the background for sorting, filters and plots."""

from __future__ import annotations

from napari_mid.cells.kept import WellKey, well_key
from napari_mid.session import Session
from napari_mid.viewer.cell_columns import CellMeans, cell_means_steps
from napari_mid.viewer.thumbnails import scale_of
from napari_mid.widgets.work import Jobs

#: Lane of the measurement, whose progress is not shown.
LANE = "means"


class Marker:
    """Writes ``session.marks`` and keeps them from one start to the next."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._told_unwritten = False
        session.events.plate_changed.connect(self._bring_back)

    def mark(self, number: int) -> bool:
        """Put the selected cells into class `number`, or out of it where all of them are in it; say whether there were any."""
        session, result = self.session, self.session.result
        chosen = [cell for cell in sorted(session.chosen) if result is not None and cell < result.n_cells]
        if result is None or not chosen:
            session.tell("Select cells first: click one on the image or in a gallery, or drag around several with Shift.")
            return False
        here = (session.marks.of(self._key, result.cells)[chosen] == number).all()
        session.marks.set(self._key, result.cells, chosen, 0 if here else number)
        self._changed()
        return True

    def undo(self) -> bool:
        """Take back the last step in the open well; say whether there was one."""
        if not self.session.marks.undo(self._key):
            return False
        self._changed()
        return True

    def rename(self, names: list[str]) -> None:
        """Call the classes `names`."""
        self.session.marks.rename(names)
        self._changed()

    @property
    def _key(self) -> WellKey:
        return well_key(self.session.plate, self.session.well)

    def _changed(self) -> None:
        session = self.session
        if session.plate is not None and not session.marks.remember(str(session.plate.path)) and not self._told_unwritten:
            self._told_unwritten = True  # once is enough
            session.tell("The classes cannot be kept: the folder of the preferences cannot be written.", "warning")
        session.events.marks_changed.emit()

    def _bring_back(self) -> None:
        session = self.session
        if session.plate is not None and session.marks.bring_back(str(session.plate.path)):
            session.events.marks_changed.emit()


class Measurer:
    """Keeps the brightness of the cells of the open well."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        self._means: CellMeans | None = None
        self._asked: tuple[object, ...] = ()
        session.events.result_changed.connect(self._look)
        session.events.images_changed.connect(self._look)

    @property
    def means(self) -> CellMeans | None:
        """Of the cells of the session's result; None until they are measured."""
        result = self.session.result
        if self._means is None or result is None or self._means.result.embeddings is not result.embeddings:
            return None
        return self._means

    def _look(self) -> None:
        session = self.session
        result, images, plate, model = session.result, session.images, session.plate, session.model
        if result is None or images is None or plate is None or model is None or not result.n_cells or self.means is not None:
            return
        asked = (result.embeddings, images)
        if len(self._asked) == len(asked) and all(one is other for one, other in zip(asked, self._asked, strict=True)):
            return
        self._asked = asked
        steps = cell_means_steps(result, images, plate.channel_names, model.config.slice_px / scale_of(result))
        self.jobs.start(LANE, "measuring cells", steps, self._take)

    def _take(self, means: CellMeans) -> None:
        self._means = means
        self.session.events.means_changed.emit()
