"""Which time point and focal plane of the plate are read, and the flat-field correction."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QFormLayout, QFrame, QSizePolicy

from napari_mid.plates.plate import Plate
from napari_mid.session import Session
from napari_mid.widgets.parts import listen
from napari_mid.widgets.plate_actions import PlateActions

#: What the sources of the flat field are called on screen.
FLAT_FIELD_NAMES = {"off": "off", "index": "microscope's own", "estimated": "estimated"}


class ReadingRow(QFrame):
    """Choices of how the images are read; those the plate leaves no choice about are hidden."""

    def __init__(self, session: Session, actions: PlateActions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.time = self._combo("Time point that is shown, scored and exported", "time")
        self.z = self._combo("Focal plane that is shown, scored and exported, or the maximum of all of them", "z")
        self.flat_field = self._combo("Correction of uneven illumination: images are divided by a smooth profile", "flat_field")
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(2)
        for label, combo in (("time point", self.time), ("focal plane", self.z), ("flat-field", self.flat_field)):
            self._form.addRow(label, combo)
        listen(self, self._show, session.events.plate_changed)
        self._show()

    def _combo(self, tip: str, name: str) -> QComboBox:
        combo = QComboBox()
        combo.setToolTip(tip)
        combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        combo.activated.connect(lambda _: self.actions.set_reading(**{name: combo.currentData()}))
        return combo

    def _show(self) -> None:
        plate = self.session.plate
        self.setVisible(plate is not None)
        if plate is None:
            return
        times, depths = plate.time_points, plate.focal_planes
        shown_time = plate.reading.time if plate.reading.time is not None else min(times, default=None)
        _fill(self.time, [(str(time), time) for time in times], shown_time)
        _fill(self.z, [("maximum", None), *((str(z), z) for z in depths)], plate.reading.z)
        _fill(self.flat_field, [(FLAT_FIELD_NAMES[source], source) for source in _sources(plate)], plate.reading.flat_field)
        self._form.setRowVisible(self.time, len(times) > 1)
        self._form.setRowVisible(self.z, len(depths) > 1)


def _sources(plate: Plate) -> list[str]:
    return [source for source in FLAT_FIELD_NAMES if source != "index" or any(plate.index_flat_fields)]


def _fill(combo: QComboBox, entries: list[tuple[str, Any]], chosen: Any) -> None:
    combo.clear()
    for text, data in entries:
        combo.addItem(text, data)
    combo.setCurrentIndex(next((index for index, (_, data) in enumerate(entries) if data == chosen), 0))
