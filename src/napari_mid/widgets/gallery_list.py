"""A list of cells as pictures; a picture is made when it comes into view."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QAbstractListModel, QItemSelection, QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QListView

from napari_mid.widgets.strip import Strip

#: Height of the list in pixels.
HEIGHT_PX = 330
TIP = "Click to go to this cell on the image; X leaves it out, 1 to 9 sort it into a class; Ctrl and Shift select several"


@dataclass(frozen=True)
class Entry:
    """One cell of a list: its number there, what stands below its picture, and in which colour (empty for the usual one)."""

    cell: int
    label: str
    colour: str = ""
    tip: str = TIP


class SliceModel(QAbstractListModel):
    """The cells of a list; `picture` makes the picture of one, or gives None where there is none any more."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self._picture: Callable[[int], Strip | None] | None = None

    def show(self, entries: Sequence[Entry], picture: Callable[[int], Strip | None]) -> None:
        """Show other cells, or the same ones with other pictures or labels."""
        same = [entry.cell for entry in entries] == [entry.cell for entry in self.entries]
        if not same:
            self.beginResetModel()
        self.entries, self._picture = list(entries), picture
        if not same:
            self.endResetModel()
        elif entries:
            self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  (Qt's name)
        """Number of cells."""
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """What Qt asks for, of one cell."""
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.label
        if role == Qt.ItemDataRole.DecorationRole:
            strip = self._picture(entry.cell) if self._picture is not None else None
            return strip.icon if strip is not None else None
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(entry.colour) if entry.colour else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignCenter
        return entry.tip if role == Qt.ItemDataRole.ToolTipRole else None


class GalleryList(QListView):
    """A column of pictures as wide as the list."""

    #: the user has selected other pictures: with the mouse, a frame drawn around them, or keys
    picked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._quiet = False
        self.slices = SliceModel()
        self.setModel(self.slices)
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

    @property
    def cells(self) -> list[int]:
        """The cells that are listed, from top to bottom."""
        return [entry.cell for entry in self.slices.entries]

    def show_cells(self, entries: Sequence[Entry], picture: Callable[[int], Strip | None], ratio: float) -> None:
        """Show `entries`, whose pictures are `ratio` times as wide as high."""
        self._ratio = ratio
        self.slices.show(entries, picture)
        self._fit()

    def clear(self) -> None:
        """Show nothing."""
        self.slices.beginResetModel()
        self.slices.entries = []
        self.slices.endResetModel()

    def select_cells(self, cells: Collection[int]) -> None:
        """Mark the cells that are here."""
        rows = [row for row, cell in enumerate(self.cells) if cell in cells]
        if set(rows) == {index.row() for index in self.selectedIndexes()}:
            return  # the user has clicked them here
        chosen = QItemSelection()
        for row in rows:
            chosen.select(self.slices.index(row), self.slices.index(row))
        model = self.selectionModel()
        self._quiet = True
        try:
            model.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if rows:
                model.setCurrentIndex(self.slices.index(rows[0]), QItemSelectionModel.SelectionFlag.NoUpdate)
                self.scrollTo(self.slices.index(rows[0]))
        finally:
            self._quiet = False

    def selected(self) -> list[int]:
        """The marked cells."""
        return [self.cells[index.row()] for index in self.selectedIndexes()]

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: N802  (Qt's name)
        """Say so where the user has done it."""
        super().selectionChanged(selected, deselected)
        if not self._quiet:
            self.picked.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Pictures as wide as the list."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = max(40, self.viewport().width() - 8)
        height = round(width / self._ratio)
        self.setIconSize(QSize(width, height))
        self.setGridSize(QSize(width + 4, height + self.fontMetrics().height() + 8))
