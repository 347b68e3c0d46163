"""The score on its scale from 0 to 1, among the plate's negative-control wells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mid.reports.colours import rgb_to_hex, score_rgba
from napari_mid.widgets.ink import pen_colour

HEIGHT_PX, MARGIN_PX = 64, 10
#: Height of the distribution over the sets in pixels, and its bars.
SETS_PX, BINS = 20.0, 50
SETS = QColor("#7a6aa8")


class ScoreStrip(QWidget):
    """A dot with its interval, the threshold, and a small mark for each negative-control well."""

    def __init__(self) -> None:
        super().__init__()
        self.score: float | None = None
        self.interval = (0.0, 0.0)
        self.threshold = 0.5
        self.controls: tuple[float, ...] = ()
        self.sets: tuple[float, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT_PX)
        self.setToolTip(
            "The score with its interval; violet: scores of the random sets of cells; blue: the plate's other negative controls"
        )

    def show_score(
        self,
        score: float | None,
        interval: tuple[float, float],
        threshold: float,
        controls: Sequence[float],
        sets: Sequence[float] = (),
    ) -> None:
        """Paint these, with the distribution of the scores of the random `sets`; no dot where `score` is None."""
        self.score, self.interval, self.threshold = score, interval, threshold
        self.controls, self.sets = tuple(controls), tuple(sets)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """As wide as the panel."""
        return QSize(300, HEIGHT_PX)

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint the axis, the marks and the dot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = 34.0
        self._paint_sets(painter, middle)
        painter.setPen(QPen(pen_colour(self, "axis"), 2))
        painter.drawLine(QPointF(self._x(0), middle), QPointF(self._x(1), middle))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        for value, text in ((0.0, "0"), (self.threshold, f"threshold {self.threshold:g}"), (1.0, "1")):
            painter.setPen(
                QPen(pen_colour(self, "quiet"), 1, Qt.PenStyle.SolidLine if value in (0.0, 1.0) else Qt.PenStyle.DashLine)
            )
            painter.drawLine(QPointF(self._x(value), middle - 9), QPointF(self._x(value), middle + 9))
            painter.setPen(pen_colour(self, "text"))
            painter.drawText(QRectF(self._x(value) - 60, middle + 11, 120, 14), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QPen(pen_colour(self, "control"), 2))
        for value in self.controls:
            painter.drawLine(QPointF(self._x(value), middle - 6), QPointF(self._x(value), middle + 6))
        if self.score is None:
            return
        colour = QColor(rgb_to_hex(score_rgba(self.score).tolist()))
        painter.setPen(QPen(pen_colour(self, "text"), 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(self._x(self.interval[0]), middle), QPointF(self._x(self.interval[1]), middle))
        painter.setPen(QPen(pen_colour(self, "text"), 1.5))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(self._x(self.score), middle), 6.5, 6.5)

    def _paint_sets(self, painter: QPainter, middle: float) -> None:
        """A bar for each part of the scale: how many of the random sets score there."""
        counts, edges = np.histogram(np.clip(self.sets, 0.0, 1.0), bins=BINS, range=(0.0, 1.0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(SETS)
        for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
            high = SETS_PX * count / max(1, counts.max())
            painter.drawRect(QRectF(self._x(left), middle - 10 - high, self._x(right) - self._x(left), high))

    def _x(self, value: float) -> float:
        return float(MARGIN_PX + min(1.0, max(0.0, value)) * (self.width() - 2 * MARGIN_PX))
