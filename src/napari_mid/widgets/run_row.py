"""Run, Cancel, where it runs, how far it is, and what to do next."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QProgressBar, QPushButton

from napari_mid.session import Message, Session
from napari_mid.widgets.actions import CANCELLED, Actions
from napari_mid.widgets.guidance import next_step
from napari_mid.widgets.parts import PROBLEM, QUIET, Section, listen, show_text, text_label


class RunRow(Section):
    """The button that matters."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.run_button = QPushButton("Run")
        self.run_button.setToolTip("Locate the nuclei of this well and score it (R)")
        self.run_button.clicked.connect(actions.run)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop what runs (Esc)")
        self.cancel_button.clicked.connect(actions.cancel)
        self.auto = QCheckBox("auto")
        self.auto.setToolTip("Score every well as soon as it is opened")
        self.auto.toggled.connect(self._set_auto)
        self.device = text_label(QUIET)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.doing = text_label(QUIET)
        self.failure = text_label(PROBLEM)
        self.guide = text_label()
        row = QHBoxLayout()
        row.addWidget(self.run_button, 2)
        row.addWidget(self.cancel_button, 1)
        row.addWidget(self.auto)
        self.column.addLayout(row)
        for widget in (self.device, self.bar, self.doing, self.failure, self.guide):
            self.column.addWidget(widget)
        self._failure = ""
        events = session.events
        listen(self, self._show, events.plate_changed, events.model_changed, events.images_changed, events.nuclei_changed)
        listen(self, self._show, events.result_changed, events.work_changed, events.cell_changed)
        listen(self, self._forget_failure, events.well_changed)
        listen(self, self._on_told, events.told)
        self._show()

    def _set_auto(self, on: bool) -> None:
        self.actions.auto_run = on
        if on and self.run_button.isEnabled() and self.session.result is None:
            self.actions.run()

    def _forget_failure(self) -> None:
        self._failure = ""
        self._show()

    def _on_told(self, message: Message) -> None:
        if message.level == "error":
            self._failure = message.text
            self._show()

    def _show(self) -> None:
        session, work = self.session, self.session.work
        running = self.actions.jobs.running("run")
        if running:
            self._failure = ""
        fits = session.contract is not None and session.contract.plate is not None
        self.run_button.setEnabled(fits and session.well is not None and not running)
        self.cancel_button.setEnabled(any(map(self.actions.jobs.running, CANCELLED)))
        self.device.setText(f"device  {session.device_label or session.device}" + speed(session))
        self.bar.setVisible(work is not None)
        if work is not None:
            self.bar.setRange(0, 0 if work.fraction is None else 1000)
            self.bar.setValue(round(1000 * (work.fraction or 0.0)))
        show_text(self.doing, "" if work is None else ": ".join(filter(None, (work.what, work.detail))))
        show_text(self.failure, self._failure)
        show_text(self.guide, "" if running or self._failure else next_step(session))


def speed(session: Session) -> str:
    """How many cells of the open well were encoded in a second."""
    result = session.result
    seconds = result.seconds.get("encode", 0.0) if result is not None else 0.0
    return f"   {result.n_cells / seconds:,.0f} cells/s" if result is not None and seconds > 0 and result.n_cells else ""
