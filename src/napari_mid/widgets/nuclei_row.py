"""How nuclei are located, or which layer they are taken from."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QToolButton

from napari_mid.cells.settings import DetectionSettings
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import QUIET, Section, heading, listen, text_label
from napari_mid.widgets.settings_form import SettingsForm
from napari_mid.widgets.steps import detection_settings

TABLE_FILTER = "Tables (*.csv *.tsv *.txt *.parquet);;All files (*)"


class NucleiRow(Section):
    """Detector and its settings, Detect, and nuclei from a layer."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.form: SettingsForm[DetectionSettings] = SettingsForm(DetectionSettings)
        self.form.changed.connect(self._take)
        self.detect_button = QPushButton("Detect")
        self.detect_button.setToolTip("Locate the nuclei of this well and show them as rings")
        self.detect_button.clicked.connect(actions.detect)
        self.layer_button = QPushButton("From layer")
        self.layer_button.setToolTip("Take the nuclei from the Labels or Points layer that is selected in the layer list")
        self.layer_button.clicked.connect(actions.use_selected_layer)
        self.table_button = QPushButton("From table…")
        self.table_button.setToolTip("Take the nuclei of this plate from a CSV or Parquet table, of CellProfiler for example")
        self.table_button.clicked.connect(self.choose_table)
        self.count = text_label(QUIET)
        self.more = QToolButton()
        self.more.setText("Settings")
        self.more.setToolTip("How nuclei are located")
        self.more.setCheckable(True)
        self.more.toggled.connect(self.form.setVisible)
        self.form.hide()
        title = QHBoxLayout()
        title.addWidget(heading("Nuclei"))
        title.addWidget(self.count, 1)
        self.column.addLayout(title)
        row = QHBoxLayout()
        row.addWidget(self.detect_button, 1)
        row.addWidget(self.layer_button, 2)
        row.addWidget(self.table_button, 1)
        row.addWidget(self.more)
        self.column.addLayout(row)
        self.column.addWidget(self.form)
        events = session.events
        listen(self, self._show_settings, events.model_changed)
        listen(self, self._show, events.nuclei_changed, events.images_changed, events.result_changed)
        self._show_settings()
        self._show()

    def choose_table(self) -> None:
        """Ask for a table of nuclei and take them from it."""
        start = str(self.session.plate.path) if self.session.plate is not None else ""
        path, _ = QFileDialog.getOpenFileName(self, "Table of nuclei", start, TABLE_FILTER)
        if path:
            self.actions.use_table(Path(path))

    def _take(self) -> None:
        self.session.detection = self.form.settings

    def _show_settings(self) -> None:
        self.form.settings = detection_settings(self.session)

    def _show(self) -> None:
        ready = self.session.images is not None
        self.detect_button.setEnabled(ready)
        self.layer_button.setEnabled(ready)
        self.table_button.setEnabled(ready)
        nuclei, result = self.session.nuclei, self.session.result
        if nuclei is None:
            self.count.setText("not located yet" if result is None else f"{result.n_cells:,} nuclei")
            return
        sources = {found.detector for found in nuclei.values()}
        self.count.setText(f"{sum(len(found) for found in nuclei.values()):,} nuclei, {', '.join(sorted(sources))}")
