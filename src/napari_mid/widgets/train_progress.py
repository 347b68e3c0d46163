"""What is seen of a training: how far it is, its curves, how it ended, and the card of the model that came out."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QPlainTextEdit, QProgressBar, QToolButton

from napari_mid.progress import Progress
from napari_mid.widgets.card_view import CardView
from napari_mid.widgets.parts import Section, show_text, text_label
from napari_mid.widgets.train_curves import TrainingCurves
from napari_mid.widgets.train_process import Ended

#: Colours of text that can be read on napari's dark theme and on its light one.
WRONG, DOUBT = "#e5534b", "#c27c0e"
DETAILS_PX, CARD_PX = 130, 320


class TrainProgress(Section):
    """Hidden until a training starts."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setToolTip("How far this part of the training is")
        self.stage = text_label()
        self.curves = TrainingCurves()
        self.outcome = text_label()
        self.warnings = text_label(DOUBT)
        self.more = QToolButton()
        self.more.setText("Details")
        self.more.setToolTip("All that the command said")
        self.more.setCheckable(True)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setTabChangesFocus(True)
        self.details.setFixedHeight(DETAILS_PX)
        self.details.setToolTip("All that the command said")
        self.more.toggled.connect(self.details.setVisible)
        self.card = CardView()
        self.card.setMinimumHeight(CARD_PX)
        self.card.setToolTip("The card of the model: what it was trained on, how well it does, its limits")
        for widget in (self.bar, self.stage, self.curves, self.outcome, self.warnings, self.more, self.details, self.card):
            self.column.addWidget(widget)
        self._log = Path()
        self._log_was = (0, 0)
        self.setVisible(False)

    def begin(self, log: Path) -> None:
        """A training starts that keeps its `log` there."""
        self._log, self._log_was = log, (0, 0)
        self.curves.show_rows([])
        self.bar.setRange(0, 0)
        self.stage.setText("starting…")
        for label in (self.outcome, self.warnings):
            show_text(label, "")
        self.more.setChecked(False)
        for widget in (self.more, self.details, self.card):
            widget.setVisible(False)
        for widget in (self.bar, self.stage, self.curves):
            widget.setVisible(True)
        self.setVisible(True)

    def show_progress(self, progress: Progress, seconds_left: float | None) -> None:
        """Say how far it is."""
        self.bar.setRange(0, max(0, progress.total))
        self.bar.setValue(progress.done)
        told = progress.detail
        if seconds_left is not None and "left" not in told:
            told = ", ".join(filter(None, (told, f"{duration(seconds_left)} left")))
        self.stage.setText(f"{progress.step}: {told}" if told else progress.step)
        self.show_log()

    def show_log(self) -> None:
        """Draw the curves anew where the log has grown."""
        try:
            found = self._log.stat()
        except OSError:
            return  # the first steps are still to come, or the model is written
        now = (found.st_mtime_ns, found.st_size)
        if now != self._log_was:
            from napari_mid.training.keeping import read_log

            self._log_was = now
            self.curves.show_rows(read_log(self._log))

    def end(self, ended: Ended, model: Path) -> None:
        """Say how it ended, and show the card of the `model` that was made."""
        done = ended.how == "done"
        if done:
            from napari_mid.model.folder import CARD
            from napari_mid.workflow.train import TRAINING_LOG

            self._log = model / TRAINING_LOG
            self._show_card(model / CARD)
        self.show_log()
        self.bar.setVisible(False)
        self.stage.setVisible(False)
        self.outcome.setStyleSheet(f"color: {WRONG};" if ended.how == "failed" else "")
        show_text(self.outcome, f"{model.name} is trained and loaded: {ended.sentence}" if done else ended.sentence)
        show_text(self.warnings, "\n".join(f"• {warning}" for warning in ended.warnings))
        self.details.setPlainText(ended.details)
        self.more.setVisible(bool(ended.details))
        self.curves.setVisible(any(curve.points for curve in self.curves.losses))

    def _show_card(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            return
        self.card.setVisible(True)
        self.card.show_card(text, path.parent)


def duration(seconds: float) -> str:
    """`seconds` for a person: ``"45 s"``, ``"12 min"``, ``"3.5 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
