"""The cells that the model relied on most and least, and those of negative controls, beside each other."""

from __future__ import annotations

import dataclasses
import html
import operator

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_mid.cells.kept import well_key
from napari_mid.errors import SettingsError
from napari_mid.inference.result import WellResult
from napari_mid.plates.roles import channel_colours
from napari_mid.preferences import remember_options
from napari_mid.reports.caption import condition_text
from napari_mid.reports.scale_bar import ScaleBar, scale_bar
from napari_mid.reports.slice_looks import own_contrast
from napari_mid.session import Session
from napari_mid.viewer.cell_columns import RELEVANCE, cell_table, highest_and_lowest, sortable
from napari_mid.viewer.cells import ranks_shown
from napari_mid.viewer.filters import EXAMPLE, matching
from napari_mid.viewer.thumbnails import cell_slices, contours, scale_of
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.class_row import CLASS_COLOURS, ClassRow
from napari_mid.widgets.gallery_list import Entry, GalleryList
from napari_mid.widgets.options import CONTRASTS, GALLERIES, LOOKS, SIZES, GalleryOptions, kept_options
from napari_mid.widgets.parts import PROBLEM, QUIET, Section, listen, show_text, text_label
from napari_mid.widgets.strip import Strip, strip_of, strip_ratio

#: Pictures that are kept, so that scrolling back is quick.
MOST_STRIPS = 1200


def _same(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return len(first) == len(second) and all(map(operator.is_, first, second))


def _entry(row: int, value: float, rank: int, number: int) -> Entry:
    """What stands below a cell: its rank, 0 where it is left out, the value that the list is sorted by, and its class."""
    label = f"#{rank:,}   {value:.4g}" if abs(value) >= 100 else f"#{rank:,}   {value:.2f}"
    if not rank:
        label = f"left out   {value:.3g}"
    if not number:
        return Entry(row, label)
    return Entry(row, f"{label}  [{number}]", CLASS_COLOURS[number - 1])


class Galleries(Section):
    """Two or three columns of slices, and how they are chosen."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.options = kept_options(GalleryOptions, GALLERIES)
        self.relevant, self.irrelevant, self.controls = GalleryList(), GalleryList(), GalleryList()
        self.heads = {gallery: QLabel() for gallery in (self.relevant, self.irrelevant, self.controls)}
        self.empty, self.no_controls, self.problem = text_label(QUIET), text_label(QUIET), text_label(PROBLEM)
        self.lists, self.control_column, self.tools = QWidget(), QWidget(), QWidget()
        self.channels = text_label(QUIET)
        self.classes = ClassRow(session, actions)
        self._build_lists()
        self._build_tools()
        for widget in (self.channels, self.tools, self.problem, self.lists, self.no_controls, self.classes, self.empty):
            self.column.addWidget(widget)
        self._pictures_of: tuple[object, ...] = ()
        self._strips: dict[int, Strip] = {}
        events = session.events
        listen(self, self._show, events.result_changed, events.images_changed, events.outlines_changed, events.intensity_changed)
        listen(self, self._show, events.marks_changed, events.means_changed)
        listen(self, self._show_controls, actions.controls.changed)
        listen(self, self._mark, events.cell_changed)
        listen(self, self.grow, actions.grow)
        actions.controls.want(self.options.shown if self.options.controls else 0)
        self._show()

    # -- how it is built -------------------------------------------------------------------------------------------------------

    def _build_lists(self) -> None:
        row = QHBoxLayout(self.lists)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        for gallery in (self.relevant, self.irrelevant, self.controls):
            box = self.control_column if gallery is self.controls else QWidget()
            column = QVBoxLayout(box)
            column.setContentsMargins(0, 0, 0, 0)
            column.addWidget(self.heads[gallery])
            column.addWidget(gallery)
            row.addWidget(box, 1)
        self.heads[self.controls].setText("CONTROLS")
        self.heads[self.controls].setToolTip("Cells of the plate's negative-control wells, at random; click one to go there")
        for gallery in (self.relevant, self.irrelevant):
            gallery.clicked.connect(lambda index, gallery=gallery: self._pick(gallery, [gallery.cells[index.row()]]))
            gallery.picked.connect(lambda gallery=gallery: self._pick(gallery, gallery.selected()))
        self.controls.clicked.connect(self._clicked_control)
        self.no_controls.linkActivated.connect(lambda _: self.actions.score_controls())

    def _build_tools(self) -> None:
        self.sort, self.filter, self.shown = QComboBox(), QLineEdit(), QSpinBox()
        self.sort.addItem(RELEVANCE)
        self.sort.setToolTip("The cells highest in this are on the left, those lowest in it beside them")
        self.sort.currentTextChanged.connect(self._show)
        self.filter.setPlaceholderText("filter: area > 200")
        self.filter.setClearButtonEnabled(True)
        self.filter.editingFinished.connect(self._show)
        self.shown.setRange(min(SIZES), max(SIZES))
        self.shown.setValue(self.options.shown)
        self.shown.setToolTip("Slices in each column (G shows more)")
        self.shown.valueChanged.connect(lambda n: self._set(shown=n))
        self.look, self.contrast = QComboBox(), QComboBox()
        for combo, choices, name, tip in (
            (self.look, LOOKS, "look", "Channels side by side, or all of them in one picture"),
            (self.contrast, CONTRASTS, "contrast", "The contrast of the plate, so that slices compare, or each slice its own"),
        ):
            combo.addItems(choices)
            combo.setCurrentText(getattr(self.options, name))
            combo.setToolTip(tip)
            combo.currentTextChanged.connect(lambda value, name=name: self._set(**{name: value}))
        self.contours, self.with_controls = QCheckBox("contours"), QCheckBox("controls")
        self.contours.setToolTip("Draw the outline of each nucleus, here and in exported galleries")
        self.contours.toggled.connect(lambda on: self.actions.outliner.want("galleries", on))
        self.with_controls.setToolTip("A third column with cells of the plate's negative-control wells")
        self.with_controls.setChecked(self.options.controls)
        self.with_controls.toggled.connect(lambda on: self._set(controls=on))
        column = QVBoxLayout(self.tools)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for line in (
            (self.sort, self.filter),
            (self.look, self.contrast, self.shown),
            (self.contours, self.with_controls),
        ):
            row = QHBoxLayout()
            row.setAlignment(Qt.AlignmentFlag.AlignLeft)
            for widget in line:
                if isinstance(widget, QCheckBox):
                    row.addWidget(widget)
                    continue
                # as wide as there is room for, so that the panel can be narrow
                widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
                row.addWidget(widget, 1)
            column.addLayout(row)

    # -- what the user does ----------------------------------------------------------------------------------------------------

    def grow(self) -> None:
        """Show more slices; as few as can be after the most."""
        self.shown.setValue(next((size for size in SIZES if size > self.shown.value()), SIZES[0]))

    def _set(self, **changed: object) -> None:
        self.options = dataclasses.replace(self.options, **changed)  # type: ignore[arg-type]
        remember_options(GALLERIES, dataclasses.asdict(self.options))
        self.actions.controls.want(self.options.shown if self.options.controls else 0)
        self._show()
        self._show_controls()

    def _pick(self, gallery: GalleryList, cells: list[int]) -> None:
        """Select `cells` of a list, with those of the other one where the user holds Ctrl or Shift."""
        several = QApplication.keyboardModifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        both = (*self.relevant.selected(), *self.irrelevant.selected())
        self.session.chosen = both if several else cells

    def _clicked_control(self, index: QModelIndex) -> None:
        cell = self.actions.controls.cells[self.controls.cells[index.row()]]
        self.session.well = cell.well
        self.session.cell = cell.row

    # -- what is shown ---------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        session = self.session
        result = session.result
        ready = result is not None and result.n_cells > 0 and session.images is not None and session.intensity is not None
        ready = ready and session.plate is not None and session.contract is not None and session.model is not None
        for widget in (self.lists, self.tools, self.classes):
            widget.setVisible(ready)
        show_text(self.empty, "" if ready else "The most and the least relevant cells appear here after Run.")
        if not ready or result is None:
            for gallery in (self.relevant, self.irrelevant):
                gallery.clear()
            for label in (self.channels, self.problem, self.no_controls):
                show_text(label, "")
            return
        self._show_channels()
        self._show_lists(result)
        self._show_controls()

    def _show_channels(self) -> None:
        plate, contract = self.session.plate, self.session.contract
        assert plate is not None
        assert contract is not None
        assert self.session.model is not None
        colours = channel_colours(plate.channels)
        names = [
            f'<span style="color:@{colours[channel]}">{html.escape(plate.channels[channel].name)}</span>'
            for channel in contract.channels
        ]
        show_text(self.channels, " | ".join(names) + f" · bar {self._bar(self.session.model.config.slice_px).label}")

    def _show_lists(self, result: WellResult) -> None:
        session = self.session
        key = well_key(session.plate, session.well)
        numbers = session.marks.of(key, result.cells)
        table = cell_table(result, self.actions.measurer.means, [session.marks.name(int(number)) for number in numbers])
        self._offer(sortable(table))
        column = self.sort.currentText() if self.sort.currentText() in table else RELEVANCE
        shown = ~result.excluded if column == RELEVANCE else np.ones(len(table), dtype=bool)
        try:
            shown &= matching(table, self.filter.text())
            show_text(self.problem, "" if shown.any() else "No cell fulfils the filter.")
        except SettingsError as error:
            show_text(self.problem, str(error))
        names = ", ".join(map(str, table.columns))
        self.filter.setToolTip(f"Show only some cells: {EXAMPLE}.\nColumns: {names}")
        by_relevance = column == RELEVANCE
        ranks = ranks_shown(result)
        for gallery, rows, title in zip(
            (self.relevant, self.irrelevant),
            highest_and_lowest(table, column, shown, self.options.shown),
            ("RELEVANT", "IRRELEVANT") if by_relevance else (f"HIGHEST {column}", f"LOWEST {column}"),
            strict=True,
        ):
            self.heads[gallery].setText(title)
            self.heads[gallery].setToolTip(
                "How much the model looked at these cells: 1 means as much as at any other; it has no direction"
                if by_relevance
                else f"Cells by {column}"
            )
            values = table[column].to_numpy(dtype=float)
            entries = [_entry(row, values[row], ranks[row], numbers[row]) for row in rows.tolist()]
            gallery.show_cells(entries, self._picture, self._ratio)
        self._mark()

    def _offer(self, columns: list[str]) -> None:
        """Columns to sort by; the one that was chosen stays where it is among them."""
        if columns != [self.sort.itemText(index) for index in range(self.sort.count())]:
            chosen = self.sort.currentText()
            self.sort.blockSignals(True)
            self.sort.clear()
            self.sort.addItems(columns)
            self.sort.setCurrentText(chosen if chosen in columns else RELEVANCE)
            self.sort.blockSignals(False)

    @property
    def _together(self) -> bool:
        return self.options.look == LOOKS[1]

    @property
    def _ratio(self) -> float:
        assert self.session.contract is not None
        assert self.session.model is not None
        return strip_ratio(len(self.session.contract.channels), self.session.model.config.slice_px, together=self._together)

    def _picture(self, row: int) -> Strip | None:
        """The picture of a cell of the open well, made when it comes into view.

        Qt may ask for one after the images have gone and before the list is cleared.
        """
        session = self.session
        plate, images, result, contract = session.plate, session.images, session.result, session.contract
        model, intensity = session.model, session.intensity
        outlined = session.outlined if "galleries" in session.outlines_on else None
        if plate is None or images is None or result is None or contract is None or model is None or intensity is None:
            return None
        if row >= result.n_cells:
            return None
        # the cells are the same where others of them are left out
        made_from = (plate, images, result.embeddings, contract, intensity, model, outlined, *self._style)
        if not _same(made_from, self._pictures_of) or len(self._strips) > MOST_STRIPS:
            self._pictures_of, self._strips = made_from, {}
        if row not in self._strips:
            config, cells, scale = model.config, result.cells.iloc[[row]], scale_of(result)
            planes = cell_slices(images, cells, config.slice_px, contract.channels, intensity, config.normalisation, scale)[0]
            self._strips[row] = self._strip(planes, contours(cells, outlined, config.slice_px, scale)[0])
        return self._strips[row]

    @property
    def _style(self) -> tuple[str, str]:
        return self.options.look, self.options.contrast

    def _strip(self, planes: NDArray[np.float32], outline: NDArray[np.float32]) -> Strip:
        plate, contract = self.session.plate, self.session.contract
        assert plate is not None
        assert contract is not None
        colours, bar = channel_colours(plate.channels), self._bar(planes.shape[-1])
        if self.options.contrast == CONTRASTS[1]:
            planes = own_contrast(planes)
        stains = [colours[channel] for channel in contract.channels]
        return strip_of(planes, stains, outline, together=self._together, bar_px=bar.length_px)

    def _bar(self, edge_px: int) -> ScaleBar:
        """The scale bar of slices `edge_px` wide."""
        plate, result = self.session.plate, self.session.result
        size = plate.pixel_size_um if plate is not None else None
        scale = scale_of(result) if result is not None else 1.0
        # up to half a slice: a quarter of a small one would be too short to see
        return scale_bar(2 * edge_px, size / scale if size else None)

    def _show_controls(self) -> None:
        cells, wanted = self.actions.controls.cells, self.options.controls
        ready = self.lists.isVisibleTo(self)
        self.control_column.setVisible(bool(cells) and wanted)
        why = self.actions.controls.why_none if wanted and ready and not cells else ""
        if why and self.actions.controls_to_score():
            why += ' <a href="score" style="color:@link">Score one</a>'
        show_text(self.no_controls, why)
        if not cells or not ready or not wanted:
            self.controls.clear()
            return
        unknown = np.full((3, 2), np.nan, dtype=np.float32)
        strips: dict[int, Strip] = {}

        def picture(number: int) -> Strip | None:
            if self.session.plate is None or self.session.contract is None:
                return None
            if number not in strips:
                strips[number] = self._strip(cells[number].planes, unknown)
            return strips[number]

        plate = self.session.plate
        about = {cell.well: condition_text(plate.wells[cell.well].condition) if plate is not None else "" for cell in cells}
        entries = [
            Entry(number, f"{cell.well}   {cell.relevance:.2f}", tip=f"{cell.well}, {about[cell.well]}: click to go there")
            for number, cell in enumerate(cells)
        ]
        self.controls.show_cells(entries, picture, self._ratio)

    def _mark(self) -> None:
        for gallery in (self.relevant, self.irrelevant):
            gallery.select_cells(self.session.chosen)
