"""Pictures and tables for a paper, a slide or another program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSpinBox

from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.session import Session
from napari_mid.viewer.export import WIDTH_PX
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import Section, listen

FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg)"


class ExportRow(Section):
    """Screenshot, gallery and tables."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Export")
        self.session = session
        self.actions = actions
        self.width_px = QSpinBox()
        self.width_px.setRange(400, 12000)
        self.width_px.setSingleStep(500)
        self.width_px.setValue(WIDTH_PX)
        self.width_px.setSuffix(" px wide")
        self.whole = QCheckBox("whole well")
        self.whole.setToolTip("The whole well; otherwise the part that the canvas shows")
        self.screenshot = self._button(
            "Screenshot…", "The image as shown, with points, colour bar, scale bar, score and model (E)"
        )
        self.gallery = self._button("Gallery…", "The most and the least relevant cells as a figure")
        self.tables = self._button("Tables…", "wells.csv, cells.parquet and run.json of every scored well, into a folder")
        self.screenshot.clicked.connect(self.save_screenshot)
        self.gallery.clicked.connect(self.save_gallery)
        self.tables.clicked.connect(self.save_tables)
        self.colours = QComboBox()
        self.colours.addItems(list(RELEVANCE_COLORMAPS))
        self.colours.setToolTip("Colours of relevance, on the canvas and in exported pictures")
        self.colours.currentTextChanged.connect(self._set_colours)
        size = QHBoxLayout()
        size.addWidget(self.width_px, 1)
        size.addWidget(self.whole)
        dots = QHBoxLayout()
        dots.addWidget(QLabel("relevance"))
        dots.addWidget(self.colours, 1)
        grid = QGridLayout()
        for index, button in enumerate((self.screenshot, self.gallery, self.tables)):
            grid.addWidget(button, 0, index)
        self.column.addLayout(dots)
        self.column.addLayout(size)
        self.column.addLayout(grid)
        events = session.events
        listen(self, self._show, events.images_changed, events.result_changed, events.results_changed)
        self._show()

    def save_screenshot(self) -> None:
        """Ask where to, and write the annotated picture."""
        self._ask("screenshot", lambda path: self.actions.export_screenshot(path, self.width_px.value(), self.whole.isChecked()))

    def save_gallery(self) -> None:
        """Ask where to, and write the gallery."""
        self._ask("gallery", lambda path: self.actions.export_gallery(path, self.width_px.value()))

    def save_tables(self) -> None:
        """Ask where to, and write the tables."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for the tables")
        if folder:
            self.actions.export_tables(Path(folder))

    def _ask(self, what: str, save: Callable[[Path], None]) -> None:
        plate = self.session.plate
        name = f"{plate.name if plate else 'plate'}_{self.session.well or ''}_{what}.png"
        path, _ = QFileDialog.getSaveFileName(self, f"Save the {what}", name, FIGURES)
        if path:
            save(Path(path) if Path(path).suffix else Path(path).with_suffix(".png"))

    def _set_colours(self, name: str) -> None:
        self.actions.presenter.relevance_colours = name

    def _show(self) -> None:
        result = self.session.result
        self.screenshot.setEnabled(self.session.images is not None)
        self.gallery.setEnabled(result is not None and result.n_cells > 0)
        self.tables.setEnabled(bool(self.session.results))

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        return button
