"""How far the relevance carries the score: its distribution, and the score without the most relevant cells, on request."""

from __future__ import annotations

from math import isfinite

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_mid.inference.result import WellResult
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import QUIET, Section, listen, show_text, text_label
from napari_mid.widgets.plots import CurvePlot, Histogram

CURVE_HELP = (
    "The score without the most relevant 2 %, 5 %, ... of the cells, and of these alone, read again from what is in memory. "
    "Where the relevance is true the red line falls below the grey band, or the green one rises above it."
)
HISTOGRAM_HELP = (
    "Relevance of the cells of this well; if all were read alike they would lie on the dashed line. "
    "Drag over a part to select its cells everywhere"
)
#: Differences of the score below this are none.
SMALL = 0.02


class Evidence(Section):
    """Relevance of the well's cells and, on request, deletion and insertion curves."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Evidence")
        self.session = session
        self.evidence = actions.evidence
        self.histogram, self.plot = Histogram(), CurvePlot()
        self.histogram.setToolTip(HISTOGRAM_HELP)
        self.histogram.ranged.connect(self._select)
        self.effective, self.areas = text_label(QUIET), text_label()
        self.curve, self.cancel = QPushButton("Is it true? Take the cells out"), QPushButton("Cancel")
        self.curve.setToolTip(CURVE_HELP)
        self.plot.setToolTip(CURVE_HELP)
        self.cancel.setToolTip("Stop working it out")
        self.curve.clicked.connect(self.evidence.work_out)
        self.cancel.clicked.connect(self.evidence.cancel)
        row = QHBoxLayout()
        row.addWidget(self.curve, 2)
        row.addWidget(self.cancel, 1)
        for widget in (self.histogram, self.effective):
            self.column.addWidget(widget)
        self.column.addLayout(row)
        for widget in (self.plot, self.areas):
            self.column.addWidget(widget)
        listen(self, self._show, session.events.result_changed, self.evidence.changed)
        listen(self, self._show_histogram, session.events.cell_changed)
        self._show()

    def _show(self) -> None:
        result = self.session.result
        self.setVisible(result is not None and isfinite(result.score))
        if result is None:
            return
        self._show_histogram()
        left = result.n_cells - int(result.excluded.sum())
        cells = result.trust.effective_cells
        show_text(self.effective, f"{cells:,.0f} of {left:,} cells carry the relevance" if isfinite(cells) else "")
        busy = self.evidence.busy
        self.curve.setEnabled(not busy)
        self.curve.setText("Taking cells out…" if busy else "Is it true? Take the cells out")
        self.cancel.setVisible(busy)
        self.plot.show_curves(result.curves)
        show_text(self.areas, verdict(result))

    def _show_histogram(self) -> None:
        result, chosen = self.session.result, sorted(self.session.chosen)
        if result is not None:
            relevance = result.cells["relevance"].to_numpy(dtype=float)
            self.histogram.show_relevance(relevance, relevance[[cell for cell in chosen if cell < len(relevance)]])

    def _select(self, low: float, high: float) -> None:
        """Select the cells of a part of the axis."""
        result = self.session.result
        if result is not None:
            relevance = result.cells["relevance"].to_numpy(dtype=float)
            self.session.chosen = np.flatnonzero((relevance >= low) & (relevance <= high) & ~result.excluded).tolist()


def verdict(result: WellResult) -> str:
    """What the curves say, in a sentence; empty without curves."""
    curves = result.curves
    if curves is None:
        return ""
    reached = np.nanmax(np.abs(curves.deletion[:-1] - curves.random[::-1][:-1]))
    if not isfinite(curves.deletion_area) or reached < SMALL:
        return "Without the most relevant cells the score stays as it is: which cells they are does not matter here."
    falls = curves.deletion_area > 0
    if falls == (curves.insertion_area > 0):
        how = "falls sooner" if falls else "falls later, or rises,"
        return (
            f"Without the most relevant cells the score {how} than without random ones, by {abs(curves.deletion_area):.2f} on "
            f"average, and these alone score {abs(curves.insertion_area):.2f} {'higher' if falls else 'lower'}."
        )
    return "The two curves do not agree: the relevance does not say which cells the score comes from."
