"""The dock `Plate`: opens plates, says what is on them, and shows the map."""

from __future__ import annotations

import html
from pathlib import Path

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_mid.errors import SettingsError
from napari_mid.plates.plate import Plate
from napari_mid.reports.plate_columns import MODES, modes
from napari_mid.session import Session
from napari_mid.viewer.conditions import wells_table
from napari_mid.viewer.filters import EXAMPLE, matching
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.canvas_row import CanvasRow
from napari_mid.widgets.channel_roles import ChannelRoles, elided
from napari_mid.widgets.keys import bind_keys
from napari_mid.widgets.legend import Legend
from napari_mid.widgets.options import WindowOptions
from napari_mid.widgets.parts import CAUTION, QUIET, listen, show_text, text_label
from napari_mid.widgets.plate_map import PlateMapView
from napari_mid.widgets.plate_tabs import PlateTabs
from napari_mid.widgets.reading_row import ReadingRow
from napari_mid.widgets.settings_form import SettingsForm

INDEX_FILTER = "Index of a plate (*.xml *.htd *.HTD *.mlf *.csv);;All files (*)"
FILTER_HELP = f"Wells that do not fulfil this become faint: {EXAMPLE}"
#: Width of the column of controls, in pixels.
CONTROLS_PX = 240
#: What is no room for text in it: margins and a scroll bar.
NOT_TEXT_PX = 36
#: Width of the column of channels and how they are read, in pixels.
CHANNELS_PX = 290


class PlatePanel(QWidget):
    """The plate: controls to the left, its map in the middle, to the right how wells are shown and read."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.map = PlateMapView(session)
        self.tabs = PlateTabs(session, actions)
        self.map.well_chosen.connect(actions.open_well)
        self.legend = Legend(self.map)
        self.canvas = CanvasRow(session, actions)
        self.roles = ChannelRoles(session, actions)
        self.reading = ReadingRow(session, actions)
        self.options: SettingsForm[WindowOptions] = SettingsForm(WindowOptions)
        self._build()
        bind_keys(self, session, actions)
        listen(self, self._show, session.events.plate_changed)
        listen(self, self._show_count, session.events.results_changed, session.events.model_changed)
        listen(self, self._filter, session.events.plate_changed, session.events.results_changed)
        self._show()

    def _build(self) -> None:
        self.open_button = QPushButton("Open plate")
        self.open_button.setToolTip("Open a plate: its folder, its index file (such as Index.idx.xml) or its web address")
        menu = QMenu(self.open_button)
        menu.addAction("Folder…", self.choose_folder)
        menu.addAction("Index file…", self.choose_index)
        menu.addAction("Web address…", self.choose_address)
        menu.addSeparator()
        menu.addAction("Results…", self.choose_results).setToolTip("A folder that napari-mid score wrote")
        last = self.actions.keeper.last()
        if last:
            menu.addAction(f"{last['name']}, open last", self.actions.reopen_last).setToolTip(str(last["plate"]))
        menu.setToolTipsVisible(True)
        self.open_button.setMenu(menu)
        self.map_button = QPushButton("Plate map…")
        self.map_button.setToolTip("Load a CSV, TSV or XLSX table that says what is in each well")
        self.map_button.clicked.connect(self.choose_plate_map)
        self.counts, self.notes, self.filtered = text_label(), text_label(CAUTION), text_label(QUIET)
        self.mode = QComboBox()
        self.mode.addItems(list(MODES))
        self.mode.setToolTip("What the colours of the wells stand for: scores, or any column of the plate map")
        self.mode.currentTextChanged.connect(self._colour_by)
        self.overview = QPushButton("Overview")
        self.overview.setToolTip("Show a thumbnail of every well on the canvas; click one to open the well")
        self.overview.clicked.connect(self.actions.show_overview)
        self.score_all = QPushButton("Score all wells")
        self.score_all.setToolTip("Locate nuclei and score every well with images, in the background; Cancel keeps what is done")
        self.score_all.clicked.connect(self.actions.score_all)

        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button, 1)
        buttons.addWidget(self.map_button, 1)
        form = QFormLayout()
        form.addRow("colour by", self.mode)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("compound = DMSO")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self.filter.setToolTip(FILTER_HELP)
        form.addRow("show only", self.filter)
        whole_plate = QHBoxLayout()
        whole_plate.addWidget(self.overview, 1)
        whole_plate.addWidget(self.score_all, 1)
        self.options.settings = self.actions.options
        self.options.changed.connect(self._take_options)
        self.options.hide()
        more = QToolButton()
        more.setText("Options")
        more.setToolTip("Options of the window, kept for the next time")
        more.setCheckable(True)
        more.toggled.connect(self.options.setVisible)
        controls = QWidget()
        column = QVBoxLayout(controls)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(buttons)
        column.addWidget(self.counts)
        column.addWidget(self.notes)
        column.addLayout(form)
        column.addWidget(self.filtered)
        column.addLayout(whole_plate)
        column.addWidget(more)
        column.addWidget(self.options)
        column.addStretch(1)
        left = _scrolling(controls)
        left.setFixedWidth(CONTROLS_PX)
        middle = QVBoxLayout()
        middle.addWidget(self.tabs)
        middle.addWidget(self.legend)
        middle.addWidget(_scrolling(self.map), 1)
        choices = QWidget()
        column = QVBoxLayout(choices)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.canvas)
        column.addWidget(self.roles)
        column.addWidget(self.reading)
        column.addStretch(1)
        right = _scrolling(choices)
        right.setFixedWidth(CHANNELS_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(left)
        row.addLayout(middle, 1)
        row.addWidget(right)

    def choose_folder(self) -> None:
        """Ask for a plate's folder and open it."""
        path = QFileDialog.getExistingDirectory(self, "Folder of a plate")
        if path:
            self.actions.open_plate(path)

    def choose_index(self) -> None:
        """Ask for a plate's index file and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Index of a plate", filter=INDEX_FILTER)
        if path:
            self.actions.open_plate(path)

    def choose_address(self) -> None:
        """Ask for the address of an OME-Zarr plate and open it."""
        address, given = QInputDialog.getText(self, "Plate on the web", "Address of an OME-Zarr plate (https:// or s3://):")
        address = address.strip()
        if given and address and "://" not in address:
            self.session.tell(f"{address} is no web address; one begins with https:// or s3://.", "warning")
        elif given and address:
            self.actions.open_plate(address)

    def choose_results(self) -> None:
        """Ask for a folder of results and show them on their plate."""
        path = QFileDialog.getExistingDirectory(self, "Folder of results (wells.csv, cells.parquet, run.json)")
        if path:
            self.actions.open_results(Path(path))

    def choose_plate_map(self) -> None:
        """Ask for a plate map and join it."""
        start = str(self.session.plate.path) if self.session.plate is not None else ""
        path, _ = QFileDialog.getOpenFileName(self, "Plate map", start, "Tables (*.csv *.tsv *.txt *.xlsx);;All files (*)")
        if path:
            self.actions.load_plate_map(Path(path))

    def _take_options(self) -> None:
        self.actions.options = self.options.settings

    def _colour_by(self, mode: str) -> None:
        self.map.mode = mode
        self.actions.exporter.column = mode
        self.legend.refresh()

    def _filter(self) -> None:
        """Wells that do not fulfil what is typed become faint."""
        plate, text = self.session.plate, self.filter.text()
        self.filter.setToolTip(FILTER_HELP)
        if plate is None or not text.strip():
            self.map.aside = frozenset()
            show_text(self.filtered, "")
            return
        table = wells_table(plate, self.session.results)
        self.filter.setToolTip(f"{self.filter.toolTip()}.\nColumns: {', '.join(map(str, table.columns))}")
        try:
            mask = matching(table, text)
        except SettingsError as error:
            show_text(self.filtered, str(error))
            return
        names = list(plate.wells)
        self.map.aside = frozenset(name for name, kept in zip(names, mask, strict=True) if not kept)
        show_text(self.filtered, f"{int(mask.sum())} of {_count(len(names), 'well')}")

    def _show(self) -> None:
        plate = self.session.plate
        self.map_button.setEnabled(plate is not None)
        self.overview.setEnabled(has_images(plate))
        self.counts.setText("Drop a plate's folder on the window, or press Open plate.")
        if plate is not None:
            name = html.escape(elided(self.counts, plate.name, CONTROLS_PX - NOT_TEXT_PX))
            self.counts.setText(f"<b>{name}</b><br>{summary(plate)}")
        self.counts.setToolTip("" if plate is None else f"{plate.name}\n{plate.path}")
        warnings = () if plate is None else plate.warnings
        show_text(self.notes, f"⚠ {_count(len(warnings), 'note')}, rest the mouse here" if warnings else "")
        self.notes.setToolTip("\n\n".join(warnings))
        self._fill_modes()
        self._show_count()

    def _fill_modes(self) -> None:
        """Offer the columns of the plate map; what was chosen stays where this plate has it, too."""
        names, chosen = list(modes(self.session.plate)), self.mode.currentText()
        if names != [self.mode.itemText(index) for index in range(self.mode.count())]:
            self.mode.blockSignals(True)
            self.mode.clear()
            self.mode.addItems(names)
            self.mode.setCurrentText(chosen)
            self.mode.blockSignals(False)
            self._colour_by(self.mode.currentText())

    def _show_count(self) -> None:
        self.score_all.setEnabled(has_images(self.session.plate) and self.session.model is not None)
        self.legend.refresh()


def summary(plate: Plate) -> str:
    """The plate's format, then its wells, fields, channels and missing files."""
    with_images = [well for well in plate.wells.values() if well.has_images]
    fields = sum(len(well.fields) for well in with_images)
    parts = [_count(len(with_images), "well") + " with images", _count(fields, "field"), _count(len(plate.channels), "channel")]
    if plate.missing_files:
        parts.append(_count(len(plate.missing_files), "file") + " missing")
    simulated = " · simulated" if plate.simulated else ""
    return f"{plate.format}{simulated}<br>" + ", ".join(parts)


def has_images(plate: Plate | None) -> bool:
    """Whether a plate is open and there is something to look at on it."""
    return plate is not None and any(well.has_images for well in plate.wells.values())


def _count(n: int, unit: str) -> str:
    return f"{n:,} {unit}" + ("" if n == 1 else "s")


def _scrolling(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    return area
