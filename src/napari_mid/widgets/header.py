"""Which plate, well and compound is open."""

from __future__ import annotations

from napari_mid.reports.caption import SIMULATED_IMAGES, condition_text
from napari_mid.session import Session
from napari_mid.widgets.parts import CAUTION, Section, listen, show_text, text_label


class Header(Section):
    """Plate, well, compound and dose."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.title = text_label(size="15px")
        self.condition = text_label()
        for label in (self.title, self.condition):
            self.column.addWidget(label)
        listen(self, self._show, session.events.plate_changed, session.events.well_changed)
        self._show()

    def _show(self) -> None:
        plate, well = self.session.plate, self.session.well
        if plate is None:
            self.title.setText("No plate")
            show_text(self.condition, "")
            return
        self.title.setText(f"<b>{plate.name}</b>" + (f" / well <b>{well}</b>" if well else ""))
        simulated = f'<span style="color:@{CAUTION}">{SIMULATED_IMAGES}</span>' if plate.simulated else ""
        condition = condition_text(plate.wells[well].condition) if well else ""
        show_text(self.condition, " · ".join(filter(None, (condition, simulated))))
