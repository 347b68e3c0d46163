"""How a picture will look, before it is saved."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_mid.widgets.exporter import GALLERY, PLATE_MAP, SCORE_CARD, SCREENSHOT, Exporter
from napari_mid.widgets.options import ExportOptions
from napari_mid.widgets.settings_form import SettingsForm

#: Options that a picture has.
SHOWN = {
    SCREENSHOT: ("width_px", "whole_well", "relevance_colours"),
    GALLERY: ("width_px", "gallery_rows", "stained", "controls"),
    PLATE_MAP: ("width_px",),
    SCORE_CARD: ("width_px",),
}
FORM_PX = 240
FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg)"


class ExportDialog(QDialog):
    """A preview that follows the options; Save asks where to."""

    def __init__(self, parent: QWidget, exporter: Exporter, what: str, options: ExportOptions, name: str) -> None:
        super().__init__(parent)
        self.exporter, self.what, self._name = exporter, what, name
        self.setWindowTitle(f"Save the {what}")
        self.form: SettingsForm[ExportOptions] = SettingsForm(ExportOptions)
        self.form.settings = options
        self.form.show_only(SHOWN[what])
        self.form.setMinimumWidth(FORM_PX)  # a number of five digits between its buttons
        self.picture = QLabel("Drawing…")
        area = QScrollArea()
        area.setWidget(self.picture)
        area.setWidgetResizable(True)
        area.setMinimumSize(790, 420)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.ask)
        self.buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(area, 1)
        row.addWidget(self.form)
        column = QVBoxLayout(self)
        column.addLayout(row, 1)
        column.addWidget(self.buttons)
        self.form.changed.connect(self.draw)
        self.draw()

    def draw(self) -> None:
        """Draw the preview again."""
        self.exporter.preview(self.what, self.form.settings, self._show)

    def ask(self) -> None:
        """Ask where to, and write it."""
        path, _ = QFileDialog.getSaveFileName(self, f"Save the {self.what}", self._name, FIGURES)
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write it in the background, and close."""
        self.exporter.save(self.what, self.form.settings, path if path.suffix else path.with_suffix(".png"))
        self.accept()

    def _show(self, png: bytes) -> None:
        picture = QPixmap()
        picture.loadFromData(png)
        self.picture.setPixmap(picture)
