"""How nuclei are located, or which layer they are taken from; how many there are, and what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLayout, QPushButton, QSizePolicy, QWidget

from napari_mid.cells.edits import edits_of
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import DetectionSettings
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.nuclei_counts import NucleiCounts, typical_of
from napari_mid.widgets.nuclei_edit_row import NucleiEditRow
from napari_mid.widgets.nuclei_preview import NucleiPreview, diameter_text, nuclei_text
from napari_mid.widgets.parts import CAUTION, QUIET, Section, heading, listen, show_text, text_label
from napari_mid.widgets.settings_form import SettingsForm
from napari_mid.widgets.steps import detection_settings

TABLE_FILTER = "Tables (*.csv *.tsv *.txt *.parquet);;All files (*)"


class NucleiRow(Section):
    """Detect, edit by hand, nuclei from a layer or a table; settings with a preview; counts per field; warnings."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.form: SettingsForm[DetectionSettings] = SettingsForm(DetectionSettings, expert=True)
        self.form.changed.connect(self._take)
        self.detect_button = _button("Detect", "Locate the nuclei of this well and show them as rings")
        self.detect_button.clicked.connect(self._detect)
        self.edit_button = _button("Edit", "Add, delete and move nuclei by hand")
        self.edit_button.clicked.connect(actions.edit_nuclei)
        self.layer_button = _button("From layer", "Take the nuclei from the Labels or Points layer selected in the layer list")
        self.layer_button.clicked.connect(actions.use_selected_layer)
        self.table_button = _button(
            "From table…", "Take the nuclei of this plate from a CSV or Parquet table, as of CellProfiler"
        )
        self.table_button.clicked.connect(self.choose_table)
        self.restore_button = _button("Restore edits", "Bring back the nuclei that you edited, in place of these")
        self.restore_button.clicked.connect(session.restore_nuclei)
        self.count = text_label(QUIET)
        self.warnings = text_label(CAUTION)
        self.editing = NucleiEditRow(session, actions)
        self.counts = NucleiCounts(session, actions)
        self.preview = NucleiPreview(session, actions, self)
        self.preview.changed.connect(self._show_preview)
        self.settings = self._settings()
        self.more = _toggle("Settings", "How nuclei are located, with a preview on the image", self.settings)
        self.more.toggled.connect(self._preview_on)
        self.fields = _toggle("Fields", "Nuclei of each field", self.counts)
        self.outlines = _button("Outlines", "Draw the outlines of the nuclei instead of rings")
        self.outlines.setCheckable(True)
        self.outlines.toggled.connect(lambda on: actions.outliner.want("canvas", on))
        self.column.addLayout(_row(heading("Nuclei"), self.count, stretch=1))
        self.column.addLayout(_row(self.detect_button, self.edit_button, self.more, self.fields))
        self.column.addLayout(_row(self.layer_button, self.table_button, self.outlines))
        self.column.addWidget(self.restore_button)
        for widget in (self.warnings, self.editing, self.settings, self.counts):
            self.column.addWidget(widget)
        events = session.events
        listen(self, self._show_settings, events.model_changed)
        listen(self, self._show, events.nuclei_changed, events.images_changed, events.result_changed, events.editing_changed)
        self._show_settings()
        self._show_preview()
        self._show()

    def _settings(self) -> QWidget:
        """The form, and below it what the preview found."""
        self.found = text_label(CAUTION)
        self.take_diameter = QPushButton()
        self.take_diameter.setToolTip("Use this diameter for every well, rather than estimating it from each image")
        self.take_diameter.clicked.connect(self._take_diameter)
        settings = Section()
        settings.column.setContentsMargins(0, 0, 0, 0)
        settings.column.addWidget(self.form)
        settings.column.addLayout(_row(self.found, self.take_diameter, stretch=0))
        return settings

    def choose_table(self) -> None:
        """Ask for a table of nuclei and take them from it."""
        start = str(self.session.plate.path) if self.session.plate is not None else ""
        path, _ = QFileDialog.getOpenFileName(self, "Table of nuclei", start, TABLE_FILTER)
        if path:
            self.actions.use_table(Path(path))

    def _detect(self) -> None:
        self.preview.on = False
        self.actions.detect()

    def _preview_on(self, on: bool) -> None:
        self.preview.on = on

    def _take(self) -> None:
        self.session.detection = self.form.settings
        self.preview.on = self.more.isChecked()

    def _take_diameter(self) -> None:
        found = self.preview.found
        if found is not None and found.used_px is not None:
            self.form.set_value("diameter_px", round(found.used_px, 1))

    def _show_settings(self) -> None:
        self.form.settings = detection_settings(self.session)
        self.preview.request()

    def _show_preview(self) -> None:
        found = self.preview.found
        show_text(self.found, self.preview.text)
        known = found is not None and found.used_px is not None and bool(len(found.places))
        self.take_diameter.setVisible(known and self.form.settings.diameter_px is None)
        if found is not None and found.used_px is not None:
            self.take_diameter.setText(f"Use {found.used_px:.1f} px")

    def _show(self) -> None:
        session = self.session
        ready, editing = session.images is not None, session.editing is not None
        for button in (self.detect_button, self.layer_button, self.table_button):
            button.setEnabled(ready)
        self.edit_button.setEnabled(ready and not editing)
        self.restore_button.setVisible(session.can_restore)
        nuclei, result = session.nuclei, session.result
        self.fields.setEnabled(bool(nuclei))
        show_text(self.warnings, "\n".join(f"⚠ {warning}" for warning in session.nuclei_warnings))
        if nuclei is None:
            self.count.setText("not located yet" if result is None else nuclei_text(result.n_cells))
        else:
            self.count.setText(summary(nuclei, session.plate.pixel_size_um if session.plate is not None else None))


def summary(nuclei: Mapping[int, Nuclei], pixel_size_um: float | None) -> str:
    """``"1,204 nuclei, learned, 14.2 px (9.1 µm), edited: +3 −1"``."""
    diameter, edits = typical_of(nuclei), edits_of(nuclei)
    parts = [nuclei_text(sum(map(len, nuclei.values()))), *sorted({found.detector for found in nuclei.values()})]
    parts += [diameter_text(diameter, pixel_size_um)] if diameter is not None else []
    return ", ".join(parts + ([f"edited: {edits}"] if edits else []))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)  # as narrow as its words
    button.setToolTip(tip)
    return button


def _toggle(text: str, tip: str, shown: QWidget) -> QPushButton:
    """A button that shows and hides a widget, which is hidden at first."""
    button = _button(text, tip)
    button.setCheckable(True)
    button.toggled.connect(shown.setVisible)
    shown.hide()
    return button


def _row(*widgets: QWidget, stretch: int | None = None) -> QLayout:
    """Widgets beside each other; the one at `stretch` takes what the others leave."""
    row = QHBoxLayout()
    for index, widget in enumerate(widgets):
        row.addWidget(widget, 1 if index == stretch else 0)
    return row
