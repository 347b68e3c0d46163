"""The cells of the open well as a plot of two of their numbers."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy

from napari_mid.reports.colours import RELEVANCE_COLORMAPS, relevance_limits, to_rgba
from napari_mid.session import Session
from napari_mid.viewer.cell_columns import RELEVANCE, cell_table, sortable
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import Section, listen
from napari_mid.widgets.scatter import Scatter

HELP = "Each dot is a cell, in the colour of its relevance. Drag around some to select them everywhere; click one to go to it"
#: What is plotted at first, where the well has it.
FIRST = ("score alone", RELEVANCE)


class CellPlot(Section):
    """Two columns to choose, and the plot."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Plot of cells")
        self.session = session
        self.actions = actions
        self.plot = Scatter()
        self.plot.setToolTip(HELP)
        self.plot.picked.connect(self._pick)
        self.x, self.y = QComboBox(), QComboBox()
        row = QHBoxLayout()
        for combo, name, tip in (
            (self.x, "across", "Number of a cell along the plot"),
            (self.y, "up", "Number of a cell up the plot"),
        ):
            combo.setToolTip(tip)
            combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            combo.currentTextChanged.connect(self._draw)
            row.addWidget(QLabel(name))
            row.addWidget(combo, 1)
        self.column.addLayout(row)
        self.column.addWidget(self.plot)
        events = session.events
        listen(self, self._show, events.result_changed, events.means_changed)
        listen(self, self._mark, events.cell_changed)
        listen(self, self._draw, actions.presenter.look_changed)
        self._show()

    def _show(self) -> None:
        result = self.session.result
        self.setVisible(result is not None and result.n_cells > 1)
        if result is None or result.n_cells < 2:
            return
        self._table = cell_table(result, self.actions.measurer.means)
        columns = sortable(self._table)
        for combo, first in zip((self.x, self.y), FIRST, strict=True):
            if columns != [combo.itemText(index) for index in range(combo.count())]:
                chosen = combo.currentText() or first
                combo.blockSignals(True)
                combo.clear()
                combo.addItems(columns)
                combo.setCurrentText(chosen if chosen in columns else first)
                combo.blockSignals(False)
        self._draw()

    def _draw(self) -> None:
        result, names = self.session.result, (self.x.currentText(), self.y.currentText())
        if result is None or not all(name in self._table for name in names):
            return
        relevance = result.cells["relevance"].to_numpy(dtype=float)
        colours = to_rgba(relevance, relevance_limits(relevance), RELEVANCE_COLORMAPS[self.actions.presenter.look.colours])
        x, y = (self._table[name].to_numpy(dtype=float) for name in names)
        left_out = result.excluded
        self.plot.show_cells(np.where(left_out, np.nan, x), np.where(left_out, np.nan, y), colours, names)
        self._mark()

    def _mark(self) -> None:
        self.plot.mark(self.session.chosen)

    def _pick(self, cells: list[int]) -> None:
        self.session.chosen = cells
