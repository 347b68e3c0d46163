"""Pictures and tables for a paper, a slide or another program."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qtpy.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QLabel, QPushButton
from superqt import QFlowLayout

from napari_mid.files import file_part
from napari_mid.preferences import remember_options
from napari_mid.reports.settings import ReportSettings
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.export_dialog import ExportDialog
from napari_mid.widgets.exporter import GALLERY, PLATE_MAP, SCORE_CARD, SCREENSHOT
from napari_mid.widgets.options import EXPORT, REPORT, ExportOptions, kept_options
from napari_mid.widgets.parts import Section, listen
from napari_mid.widgets.report_dialog import ReportDialog


class ExportRow(Section):
    """Screenshot, gallery, score card, plate map, tables and report."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Export")
        self.session = session
        self.actions = actions
        self.options = kept_options(ExportOptions, EXPORT)
        self.screenshot = self._button(
            "Screenshot…", "The image as shown, with points, colour bar, scale bar, score and model; a preview comes first (E)"
        )
        self.gallery = self._button(
            "Gallery…", "The most and the least relevant cells, and cells of negative controls, as a figure"
        )
        self.plate_map = self._button(
            "Plate map…", "The plate map as a figure, coloured by what the map below shows: score, role, compound, …"
        )
        self.card = self._button("Score card…", "The score among the negative controls, and what it rests on, as a figure")
        self.report = self._button(
            "Report…", "A page and a PDF of chosen wells: images, score cards, galleries, settings, model card"
        )
        self.tables = self._button("Tables…", "wells.csv, cells.parquet and run.json of every scored well, into a folder")
        for button, what in (
            (self.screenshot, SCREENSHOT),
            (self.gallery, GALLERY),
            (self.plate_map, PLATE_MAP),
            (self.card, SCORE_CARD),
        ):
            button.clicked.connect(lambda _=False, what=what: self.open_dialog(what))
        self.tables.clicked.connect(self.save_tables)
        self.report.clicked.connect(self.open_report)
        self.both, self.points, self.anndata = QCheckBox("CSV + Parquet"), QCheckBox("points"), QCheckBox("AnnData")
        self._boxes = {"both_formats": self.both, "napari_points": self.points, "anndata": self.anndata}
        for name, box in self._boxes.items():
            box.setChecked(getattr(self.options, name))
            help_text = next(field.metadata["help"] for field in dataclasses.fields(ExportOptions) if field.name == name)
            box.setToolTip(f"Tables: {help_text}")
            box.toggled.connect(lambda on, name=name: self._keep(dataclasses.replace(self.options, **{name: on})))
        grid = QGridLayout()
        for index, button in enumerate((self.screenshot, self.gallery, self.card, self.plate_map, self.tables, self.report)):
            grid.addWidget(button, index // 2, index % 2)
        also = QFlowLayout()
        also.setHorizontalSpacing(10)
        for widget in (QLabel("tables:"), *self._boxes.values()):
            also.addWidget(widget)
        self.column.addLayout(grid)
        self.column.addLayout(also)
        events = session.events
        listen(self, self._show, events.images_changed, events.result_changed, events.results_changed, events.plate_changed)
        listen(self, self._show, actions.exporter.column_changed)
        listen(self, self._open_screenshot, actions.screenshot)
        listen(self, self._take_colours, actions.presenter.look_changed)
        self._take_colours()
        self._show()

    def open_dialog(self, what: str) -> ExportDialog:
        """Show how the picture will look."""
        plate = self.session.plate
        shown = self.actions.exporter.column if what == PLATE_MAP else self.session.well or ""
        name = f"{plate.name if plate else 'plate'}_{file_part(shown)}_{what.replace(' ', '_')}.png"
        dialog = ExportDialog(self, self.actions.exporter, what, self.options, name)
        dialog.form.changed.connect(lambda: self._keep(dialog.form.settings))
        dialog.open()
        return dialog

    def open_report(self) -> ReportDialog:
        """Ask which wells the report is of."""
        settings = kept_options(ReportSettings, REPORT)
        dialog = ReportDialog(self, self.session, settings, self.actions.exporter.save_report)
        dialog.form.changed.connect(lambda: remember_options(REPORT, dataclasses.asdict(dialog.form.settings)))
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
        presenter = self.actions.presenter
        presenter.look = dataclasses.replace(presenter.look, colours=options.relevance_colours)

    def _take_colours(self) -> None:
        """Pictures have the colours of the canvas."""
        self.options = dataclasses.replace(self.options, relevance_colours=self.actions.presenter.look.colours)

    def _show(self) -> None:
        result = self.session.result
        self.screenshot.setEnabled(self.session.images is not None)
        self.gallery.setEnabled(result is not None and result.n_cells > 0)
        self.card.setEnabled(result is not None)
        for button in (self.tables, self.report):
            button.setEnabled(bool(self.session.results))
        self.plate_map.setEnabled(self.actions.exporter.has_plate_map)

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        return button
