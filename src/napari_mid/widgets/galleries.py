"""The cells that the model relied on most and least, each slice as its channels side by side."""

from __future__ import annotations

import operator
from collections.abc import Collection

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_mid.plates.roles import channel_colours
from napari_mid.reports.gallery import most_and_least
from napari_mid.session import Session
from napari_mid.viewer.cells import ranks_shown
from napari_mid.viewer.thumbnails import cell_slices, contours
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import QUIET, Section, listen, show_text, text_label
from napari_mid.widgets.strip import Strip, strip_of

#: Cells in each list, and the height of the lists in pixels.
SHOWN, HEIGHT_PX = 24, 330
_CELL = Qt.ItemDataRole.UserRole


class Gallery(QListWidget):
    """A list of cells as pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.TopToBottom)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setUniformItemSizes(True)
        self.setSpacing(1)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMinimumHeight(HEIGHT_PX)
        self._ratio = 3.0

    def show_cells(self, rows: np.ndarray, strips: list[Strip], labels: list[str]) -> None:
        """Show the cells `rows` (row numbers in the table of cells)."""
        self.clear()
        for row, strip, label in zip(rows, strips, labels, strict=True):
            self._ratio = strip.rgb.shape[1] / strip.rgb.shape[0]
            item = QListWidgetItem(strip.icon, label)
            item.setData(_CELL, int(row))
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            item.setToolTip("Click to go to this cell on the image; X leaves it out; Ctrl and Shift select several")
            self.addItem(item)
        self._fit()

    def select_cells(self, cells: Collection[int]) -> None:
        """Mark the cells that are here."""
        here = [self.item(index) for index in range(self.count()) if self.item(index).data(_CELL) in cells]
        if {id(item) for item in here} == {id(item) for item in self.selectedItems()}:
            return  # the user has clicked them here
        self.clearSelection()
        self.setCurrentItem(here[0] if here else None)
        for item in here:
            item.setSelected(True)
            self.scrollToItem(item)

    def selected(self) -> list[int]:
        """Row numbers of the marked cells."""
        return [item.data(_CELL) for item in self.selectedItems()]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Pictures as wide as the list."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = max(40, self.viewport().width() - 8)
        height = round(width / self._ratio)
        self.setIconSize(QSize(width, height))
        self.setGridSize(QSize(width + 4, height + self.fontMetrics().height() + 8))


def _same(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return len(first) == len(second) and all(map(operator.is_, first, second))


class Galleries(Section):
    """RELEVANT and IRRELEVANT beside each other."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.relevant, self.irrelevant = Gallery(), Gallery()
        self.empty = text_label(QUIET)
        self.lists = QWidget()
        row = QHBoxLayout(self.lists)
        row.setContentsMargins(0, 0, 0, 0)
        for title, gallery in (("RELEVANT", self.relevant), ("IRRELEVANT", self.irrelevant)):
            column = QVBoxLayout()
            heading = QLabel(title)
            heading.setToolTip("How much the model looked at these cells: 1 means as much as at any other; it has no direction")
            column.addWidget(heading)
            column.addWidget(gallery)
            row.addLayout(column)
            gallery.itemClicked.connect(self._clicked)
        self.channels = text_label(QUIET)
        self.contours = QCheckBox("contours")
        self.contours.setToolTip("Draw the outline of each nucleus, here and in exported galleries")
        self.contours.toggled.connect(lambda on: actions.outliner.want("galleries", on))
        top = QHBoxLayout()
        top.addWidget(self.channels, 1)
        top.addWidget(self.contours)
        self.column.addLayout(top)
        for widget in (self.lists, self.empty):
            self.column.addWidget(widget)
        self._made_from: tuple[object, ...] = ()
        #: pictures of cells that were shown, by row, and what they were made from
        self._strips: dict[int, Strip] = {}
        self._cells_of: tuple[object, ...] = ()
        events = session.events
        listen(self, self._show, events.result_changed, events.images_changed, events.outlines_changed)
        listen(self, self._mark, events.cell_changed)
        self._show()

    def _clicked(self, item: QListWidgetItem) -> None:
        """Those of both lists where the user holds Ctrl or Shift, else the one."""
        several = QApplication.keyboardModifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        both = (*self.relevant.selected(), *self.irrelevant.selected())
        self.session.chosen = both if several else (item.data(_CELL),)

    def _show(self) -> None:
        session = self.session
        plate, images, result, contract = session.plate, session.images, session.result, session.contract
        outlined = session.outlined if "galleries" in session.outlines_on else None
        made_from = (plate, images, result, contract, session.intensity, session.model, outlined)
        if _same(made_from, self._made_from):
            return  # cutting the cells out takes a moment
        self._made_from = made_from
        self.relevant.clear()
        self.irrelevant.clear()
        self.lists.hide()
        self.contours.hide()
        show_text(self.channels, "")
        show_text(self.empty, "The most and the least relevant cells appear here after Run.")
        if result is None or not result.n_cells or images is None:
            return
        if plate is None or contract is None or session.intensity is None or session.model is None:
            return
        show_text(self.empty, "")
        self.lists.show()
        self.contours.show()
        config, colours = session.model.config, channel_colours(plate.channels)
        names = [f'<span style="color:{colours[channel]}">{plate.channels[channel].name}</span>' for channel in contract.channels]
        show_text(self.channels, " | ".join(names))
        # the cells are the same where others of them are left out
        cells_of = (plate, images, result.embeddings, contract, session.intensity, session.model, outlined)
        if not _same(cells_of, self._cells_of):
            self._cells_of, self._strips = cells_of, {}
        for gallery, rows in zip((self.relevant, self.irrelevant), most_and_least(ranks_shown(result), SHOWN), strict=True):
            missing = [int(row) for row in rows if int(row) not in self._strips]
            cells = result.cells.iloc[missing]
            slices = cell_slices(images, cells, config.slice_px, contract.channels, session.intensity, config.normalisation)
            stains = [colours[channel] for channel in contract.channels]
            for row, planes, outline in zip(missing, slices, contours(cells, outlined, config.slice_px), strict=True):
                self._strips[row] = strip_of(planes, stains, outline)
            strips, cells = [self._strips[int(row)] for row in rows], result.cells.iloc[rows]
            labels = [f"#{rank:,}   {value:.2f}" for rank, value in zip(cells["rank"], cells["relevance"], strict=True)]
            gallery.show_cells(rows, strips, labels)
        self._mark()

    def _mark(self) -> None:
        for gallery in (self.relevant, self.irrelevant):
            gallery.select_cells(self.session.chosen)
