"""Pictures and tables for a paper, a slide or another program."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton

from napari_mid.preferences import remember_options
from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.export_dialog import ExportDialog
from napari_mid.widgets.exporter import GALLERY, PLATE_MAP, SCREENSHOT
from napari_mid.widgets.options import EXPORT, ExportOptions, kept_options
from napari_mid.widgets.parts import Section, listen


class ExportRow(Section):
    """Screenshot, gallery, plate map and tables."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Export")
        self.session = session
        self.actions = actions
        self.options = kept_options(ExportOptions, EXPORT)
        self.screenshot = self._button(
            "Screenshot…", "The image as shown, with points, colour bar, scale bar, score and model; a preview comes first (E)"
        )
        self.gallery = self._button("Gallery…", "The most and the least relevant cells as a figure")
        self.plate_map = self._button("Plate map…", "The scores of all wells as a figure")
        self.tables = self._button("Tables…", "wells.csv, cells.parquet and run.json of every scored well, into a folder")
        for button, what in ((self.screenshot, SCREENSHOT), (self.gallery, GALLERY), (self.plate_map, PLATE_MAP)):
            button.clicked.connect(lambda _=False, what=what: self.open_dialog(what))
        self.tables.clicked.connect(self.save_tables)
        self.csv, self.points, self.anndata = QCheckBox("cells.csv"), QCheckBox("points"), QCheckBox("AnnData")
        self._boxes = {"cells_as_csv": self.csv, "napari_points": self.points, "anndata": self.anndata}
        for name, box in self._boxes.items():
            box.setChecked(getattr(self.options, name))
            help_text = next(field.metadata["help"] for field in dataclasses.fields(ExportOptions) if field.name == name)
            box.setToolTip(f"Tables: {help_text}")
            box.toggled.connect(lambda on, name=name: self._keep(dataclasses.replace(self.options, **{name: on})))
        self.colours = QComboBox()
        self.colours.addItems(list(RELEVANCE_COLORMAPS))
        self.colours.setCurrentText(self.options.relevance_colours)
        self.colours.setToolTip("Colours of relevance, on the canvas and in exported pictures")
        self.colours.currentTextChanged.connect(self._set_colours)
        actions.presenter.relevance_colours = self.options.relevance_colours
        dots = QHBoxLayout()
        dots.addWidget(QLabel("relevance"))
        dots.addWidget(self.colours, 1)
        grid = QGridLayout()
        for index, button in enumerate((self.screenshot, self.gallery, self.plate_map, self.tables)):
            grid.addWidget(button, index // 2, index % 2)
        also = QHBoxLayout()
        also.addWidget(QLabel("tables with"))
        for box in self._boxes.values():
            also.addWidget(box)
        also.addStretch(1)
        self.column.addLayout(dots)
        self.column.addLayout(grid)
        self.column.addLayout(also)
        events = session.events
        listen(self, self._show, events.images_changed, events.result_changed, events.results_changed)
        listen(self, self._open_screenshot, actions.screenshot)
        self._show()

    def open_dialog(self, what: str) -> ExportDialog:
        """Show how the picture will look."""
        plate = self.session.plate
        name = f"{plate.name if plate else 'plate'}_{self.session.well or ''}_{what.replace(' ', '_')}.png"
        dialog = ExportDialog(self, self.actions.exporter, what, self.options, name)
        dialog.form.changed.connect(lambda: self._keep(dialog.form.settings))
        dialog.open()
        return dialog

    def save_tables(self) -> None:
        """Ask where to, and write the tables."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for the tables")
        if folder:
            self.actions.exporter.save_tables(self.options, Path(folder))

    def _open_screenshot(self) -> None:
        if self.screenshot.isEnabled():
            self.open_dialog(SCREENSHOT)

    def _keep(self, options: ExportOptions) -> None:
        self.options = options
        remember_options(EXPORT, dataclasses.asdict(options))
        for name, box in self._boxes.items():
            box.setChecked(getattr(options, name))
        self.colours.setCurrentText(options.relevance_colours)

    def _set_colours(self, name: str) -> None:
        self.actions.presenter.relevance_colours = name
        if name != self.options.relevance_colours:
            self._keep(dataclasses.replace(self.options, relevance_colours=name))

    def _show(self) -> None:
        result = self.session.result
        self.screenshot.setEnabled(self.session.images is not None)
        self.gallery.setEnabled(result is not None and result.n_cells > 0)
        for button in (self.plate_map, self.tables):
            button.setEnabled(bool(self.session.results))

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        return button
