"""Another well beside the open one: a negative control, unless the user chooses another."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_mid.images.well_images import WellImages, load_well
from napari_mid.inference.controls import control_wells
from napari_mid.plates.plate import Plate
from napari_mid.reports.caption import condition_text
from napari_mid.session import Session
from napari_mid.viewer.beside import Beside
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import QUIET, ElidedCombo, listen, show_text, text_label

#: Its lane of work.
LANE = "beside"
NO_CONTROL = "The plate map has no negative control, so that this is another well: choose one above."


class BesidePanel(QWidget):
    """A well to choose, and its canvas, which moves with the main one."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.beside = Beside(actions.presenter)
        self._asked: tuple[object, ...] = ()
        self.chooser = ElidedCombo()
        self.chooser.setToolTip("The well that is shown beside the open one; negative controls stand first")
        self.chooser.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.chooser.activated.connect(lambda _: self._read())
        self.note = text_label(QUIET)
        row = QHBoxLayout()
        row.addWidget(self.chooser, 1)
        away = QToolButton()
        away.setText("×")
        away.setAccessibleName("close")
        away.setToolTip("Show the open well alone (B)")
        away.clicked.connect(lambda: actions.compare.emit(False))
        row.addWidget(away)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column.addLayout(row)
        column.addWidget(self.note)
        column.addWidget(self.beside.canvas, 1)
        events = session.events
        listen(self, self._fill, events.plate_changed, events.well_changed)
        listen(self, self._link, events.images_changed)
        listen(self, self.beside.show_cells, events.results_changed, events.result_changed, actions.presenter.look_changed)
        QTimer.singleShot(0, self._begin)  # in a turn of its own: to make the canvas has taken napari long

    def _begin(self) -> None:
        if not self.beside.closed:
            self._fill()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  (Qt's name)
        """Let go of the canvas, too."""
        self.actions.jobs.cancel(LANE, quiet=True)
        self.beside.close()
        super().closeEvent(event)

    def _fill(self) -> None:
        plate, well = self.session.plate, self.session.well
        chosen = self.chooser.currentData()
        names = beside_wells(plate, well)
        self.chooser.clear()
        for name in names:
            assert plate is not None
            self.chooser.addItem("  ".join(filter(None, (name, condition_text(plate.wells[name].condition)))), name)
        show_text(self.note, NO_CONTROL if plate is not None and names and not control_wells(plate) else "")
        self.chooser.setCurrentIndex(names.index(chosen) if chosen in names else 0 if names else -1)
        if self._wanted() != self._asked:
            self._read()

    def _wanted(self) -> tuple[object, ...]:
        return (*self.session.plate_key(), self.chooser.currentData())

    def _link(self) -> None:
        if self.session.images is not None:
            self.beside.link()

    def _read(self) -> None:
        """Show the chosen well, once it is read."""
        session, well, jobs = self.session, self.chooser.currentData(), self.actions.jobs
        jobs.cancel(LANE, quiet=True)
        self._asked = self._wanted()
        if well is None or session.plate is None:
            self.beside.show(None)
            return
        key = session.image_key(well)
        known = self.actions.cache.get(key)
        self.beside.show(known)
        if known is not None:
            return

        def show(images: WellImages) -> None:
            self.actions.cache.put(key, images)
            if self._asked == self._wanted() == (*session.plate_key(), well):
                self.beside.show(images)

        jobs.start(LANE, f"reading {well}", load_well(session.plate[well]), show)


def beside_wells(plate: Plate | None, well: str | None) -> list[str]:
    """Wells to show beside `well`: the negative controls, the nearest first, then all others with images."""
    if plate is None:
        return []
    here = plate.wells[well] if well is not None else None

    def distance(name: str) -> int:
        other = plate.wells[name]
        return abs(other.row - here.row) + abs(other.column - here.column) if here is not None else 0

    controls = sorted((name for name in control_wells(plate) if name != well), key=distance)
    others = [each.name for each in plate.wells.values() if each.has_images and each.name != well and each.name not in controls]
    return [*controls, *others]
