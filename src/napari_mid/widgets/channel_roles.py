"""What the channels of the plate show."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QFrame, QLabel, QSizePolicy, QWidget

from napari_mid.plates.field import ROLES
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import listen

#: Room for the name of a channel in pixels; longer names are shown in the tooltip.
CHANNEL_NAME_PX = 120


class ChannelRoles(QFrame):
    """A combo box for each channel of the plate: what it shows."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.combos: dict[str, QComboBox] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(2)
        listen(self, self._show, session.events.plate_changed)
        self._show()

    def _show(self) -> None:
        plate = self.session.plate
        names = [] if plate is None else list(plate.channel_names)
        if names != list(self.combos):
            while self._form.rowCount():
                self._form.removeRow(0)
            self.combos = {name: self._combo(name) for name in names}
            if names:
                self._form.addRow(QLabel("What the channels show"))
            for name, combo in self.combos.items():
                label = QLabel(elided(self, name, CHANNEL_NAME_PX))
                label.setToolTip(name)
                self._form.addRow(label, combo)
        for channel in plate.channels if plate is not None else ():
            combo = self.combos[channel.name]
            combo.blockSignals(True)
            combo.setCurrentText(channel.role)
            combo.blockSignals(False)

    def _combo(self, name: str) -> QComboBox:
        combo = QComboBox()
        combo.addItems(ROLES)
        combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        combo.setToolTip(f"What {name} shows; one channel must show the nucleus")
        combo.currentTextChanged.connect(lambda role: self.actions.set_roles({name: role}))
        return combo


def elided(widget: QWidget, text: str, width_px: int) -> str:
    """`text` without its middle where it is wider than `width_px`."""
    fitting: str = widget.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width_px)
    return fitting
