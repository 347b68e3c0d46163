"""The dock `Train model`: plates, labels and settings above, the training and the model's card below."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from qtpy.QtCore import QSize
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
)

from napari_mid.preferences import remember_options, remembered_options
from napari_mid.session import Session
from napari_mid.viewer.one_shot import one_shot
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import Scrolled, Section, line, listen, show_text, text_label
from napari_mid.widgets.train_data import TrainData
from napari_mid.widgets.train_plan import Findings, TrainingPlan, check_steps, reading_options
from napari_mid.widgets.train_process import Ended, Training
from napari_mid.widgets.train_progress import DOUBT, WRONG, TrainProgress
from napari_mid.widgets.train_settings import TrainSettingsForm, WheelGuard
from napari_mid.widgets.train_squares import SliceSquares

#: Width that the panel asks for, and the least it can do with, in pixels.
WIDTH_PX, LEAST_PX, COMMAND_PX = 400, 330, 64
#: Lane of work in which the plan is checked, and milliseconds after the last change.
LANE, CHECK_MS = "training check", 250
#: Name under which the last training is kept.
KEPT = "training"
START, RESUME, STOP = "Start training", "Resume training", "Stop"


class TrainPanel(QScrollArea):
    """Chooses, checks, starts, follows and stops a training."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.training = Training(self)
        self.training.progressed.connect(self._progressed)
        self.training.ended.connect(self._ended)
        self.squares = SliceSquares(session, actions.presenter)
        self._checked: TrainingPlan | None = None
        self._started = TrainingPlan()
        self._timer = one_shot(self, self._check, CHECK_MS)
        self._scroll = one_shot(self, lambda: self.ensureWidgetVisible(self.progress, 0, 0))
        self.data = TrainData(session, actions)
        self.form = TrainSettingsForm()
        self.progress: TrainProgress = TrainProgress()
        self.last = self._last_row()
        self.output = self._output_section()
        self.run = self._run_section()
        self._arrange()
        for part in (self.data, self.form):
            part.changed.connect(self._changed)
        self.out.textChanged.connect(self._changed)
        self.form.box_wanted.connect(self._show_squares)
        events = session.events
        listen(self, self._show_squares, events.images_changed, events.nuclei_changed)
        squares = self.squares
        self.destroyed.connect(lambda: squares.show(None))
        self._changed()

    # -- how it looks ----------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        content = Scrolled()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.last)
        for section in (self.data, self.form, self.output, self.run, self.progress):
            if section is not self.data:
                section.rule = line()
                section.rule.setVisible(not section.isHidden())
                column.addWidget(section.rule)
            column.addWidget(section)
        column.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(LEAST_PX)
        self._guard = WheelGuard(self)
        self._guard.guard(content)

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """As wide as the panel `MID`."""
        return QSize(WIDTH_PX, 700)

    def _last_row(self) -> Section:
        """The training that was begun before and not finished, if there is one."""
        section = Section()
        self.kept = TrainingPlan.of_facts(remembered_options(KEPT))
        text = text_label(DOUBT)
        self.restore_button = QPushButton("Take it up again")
        self.restore_button.setToolTip("Choose the plates, labels and settings of that training again, so that it can be resumed")
        self.restore_button.clicked.connect(self.restore)
        section.column.addWidget(text)
        section.column.addWidget(self.restore_button)
        if self.kept is not None and self.kept.unfinished:
            text.setText(f"The training of {Path(self.kept.out).name} was not finished.")
        else:
            section.setVisible(False)
        return section

    def _output_section(self) -> Section:
        section = Section("Where the model goes")
        self.out = QLineEdit()
        self.out.setPlaceholderText("model folder")
        self.out.setToolTip("The model folder that is written; slices and checkpoints are beside it while the training runs")
        self.browse = QPushButton("Choose…")
        self.browse.setToolTip("Choose the place and the name of the model folder")
        self.browse.clicked.connect(self.choose_out)
        row = QHBoxLayout()
        row.addWidget(self.out, 1)
        row.addWidget(self.browse)
        section.column.addLayout(row)
        return section

    def _run_section(self) -> Section:
        section = Section()
        self.problem, self.cautions = text_label(WRONG), text_label(DOUBT)
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setTabChangesFocus(True)
        self.command.setFixedHeight(COMMAND_PX)
        self.command.setToolTip("The command that is started; the same on a terminal gives the same model")
        self.copy = QPushButton("Copy command")
        self.copy.setToolTip("Copy the command, to run it elsewhere or to note it down")
        self.copy.clicked.connect(lambda: QApplication.clipboard().setText(self.command.toPlainText()))
        self.start_button = QPushButton(START)
        self.start_button.setToolTip("Start the command; the window can be used meanwhile")
        self.start_button.clicked.connect(self.start)
        self.stop_button = QPushButton(STOP)
        self.stop_button.setToolTip(
            "End the training after this step and keep a checkpoint, so that it can be resumed. Closing the window does the same"
            + (". On Windows the checkpoint is the last one, at most five minutes old" if os.name == "nt" else "")
        )
        self.stop_button.clicked.connect(self.stop)
        row = QHBoxLayout()
        for button in (self.start_button, self.stop_button, self.copy):
            row.addWidget(button)
        for widget in (self.problem, self.cautions, self.command):
            section.column.addWidget(widget)
        section.column.addLayout(row)
        return section

    # -- what is chosen --------------------------------------------------------------------------------------------------------

    @property
    def plan(self) -> TrainingPlan:
        """What is chosen now."""
        data = self.data
        out = self.out.text().strip()
        return TrainingPlan(
            plates=tuple(str(plate.path) for plate in data.plates),
            plate_map=data.plate_map,
            label=data.label.currentText(),
            classes=data.chosen_classes,
            channels=data.chosen_channels,
            roles=data.roles,
            reading=reading_options(data.plates[0]) if data.plates else (),
            preset=self.form.preset.currentText(),
            settings=self.form.settings,
            out=os.path.abspath(os.path.expanduser(out)) if out else "",
            device=self.session.device,
        )

    def choose_out(self) -> None:
        """Ask for the model folder."""
        # not a save dialog of the system: it would want to replace what is there
        path, _ = QFileDialog.getSaveFileName(
            self, "Model folder", self.out.text(), options=QFileDialog.Option.DontConfirmOverwrite
        )
        if path:
            self.out.setText(path)

    def restore(self) -> None:
        """Choose again what was chosen for the training that was not finished."""
        plan = self.kept
        if plan is None:
            return
        self.last.setVisible(False)

        def take() -> None:
            wanted = list(plan.plates)
            self.data.show_plates([plate for plate in self.data.plates if str(plate.path) in wanted])
            self.data.choose_roles(plan.roles)
            self.data.choose_label(plan.label, plan.classes)
            self.data.choose_channels(plan.channels)
            self.form.take(plan.preset, plan.settings)
            self.out.setText(plan.out)

        self.data.add_plates(plan.plates, take, plan.plate_map)

    def _changed(self) -> None:
        if self.training.running:
            return
        self._checked = None
        self.start_button.setEnabled(False)
        plates = self.data.plates
        self.form.show_pixel_size(plates[0].pixel_size_um if plates else None)
        self._show_squares()
        self._show_command(self.plan)
        self._timer.start()

    def _check(self) -> None:
        plan = self.plan
        steps = check_steps(plan, tuple(self.data.plates))
        self.actions.jobs.start(LANE, "checking the labels", steps, lambda findings: self._take_findings(plan, findings))

    def _take_findings(self, plan: TrainingPlan, findings: Findings) -> None:
        if self.training.running or plan != self.plan:
            return
        self._checked = plan if not findings.problem else None
        show_text(self.problem, findings.problem)
        show_text(self.cautions, "\n".join(f"• {caution}" for caution in findings.cautions))
        self.start_button.setEnabled(not findings.problem)
        self._show_command(plan)

    def _show_command(self, plan: TrainingPlan) -> None:
        words = ["napari-mid", *plan.arguments(resume=plan.unfinished)]
        self.command.setPlainText(subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words))
        self.start_button.setText(RESUME if plan.unfinished else START)
        running = self.training.running
        self.stop_button.setEnabled(running)
        self.stop_button.setText(STOP)
        self.copy.setEnabled(bool(plan.plates))
        self.data.frozen = running
        for part in (self.data, self.form, self.output):
            part.setEnabled(not running)

    def _show_squares(self, *_: object) -> None:
        self.squares.show(self.form.often.settings.slice_size if self.form.box.isChecked() else None)

    # -- the training ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the training, or go on with one that was stopped."""
        plan = self.plan
        if self.training.running:
            return
        if plan != self._checked:
            self._changed()
            self.session.tell(
                "The choices have changed since they were checked; press Start once they are checked again.", "warning"
            )
            return
        remember_options(KEPT, plan.facts())
        try:
            self.training.start(plan.arguments(resume=plan.unfinished))
        except OSError as error:
            self.session.tell(f"The command could not be started: {error}.", "error")
            return
        self._started = plan
        self.last.setVisible(False)
        self._show_command(plan)
        self.start_button.setEnabled(False)
        self.progress.begin(plan.work / "log.csv")
        self._see_progress()

    def stop(self) -> None:
        """End the training after its step."""
        self.training.stop()
        self.stop_button.setEnabled(False)
        self.stop_button.setText("Stopping…")

    def _progressed(self, progress: object, seconds_left: float | None) -> None:
        bar = self.verticalScrollBar()
        end = bar.value() + self.viewport().height() + bar.singleStep()
        watched = bar.value() < self.progress.geometry().bottom() < end
        self.progress.show_progress(progress, seconds_left)  # type: ignore[arg-type]
        if watched:  # it may take more room now
            self._see_progress()

    def _ended(self, ended: Ended) -> None:
        out = Path(self._started.out)
        self.progress.end(ended, out)
        self._changed()
        if ended.how == "done":
            self.actions.load_model(out)
        self._see_progress()

    def _see_progress(self) -> None:
        """Scroll to what is going on, once it is laid out."""
        self._scroll.start()
