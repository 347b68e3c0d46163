"""The score on its scale from 0 to 1, among the plate's negative-control wells."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mid.reports.colours import rgb_to_hex, score_rgba

HEIGHT_PX, MARGIN_PX = 46, 10
AXIS, TICK, TEXT, CONTROL = QColor("#5a626a"), QColor("#a0a6ad"), QColor("#c8ccd0"), QColor("#4c9be8")


class ScoreStrip(QWidget):
    """A dot with its interval, the threshold, and a small mark for each negative-control well."""

    def __init__(self) -> None:
        super().__init__()
        self.score: float | None = None
        self.interval = (0.0, 0.0)
        self.threshold = 0.5
        self.controls: tuple[float, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT_PX)

    def show_score(self, score: float | None, interval: tuple[float, float], threshold: float, controls: Sequence[float]) -> None:
        """Paint these; no dot where `score` is None."""
        self.score, self.interval, self.threshold, self.controls = score, interval, threshold, tuple(controls)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """As wide as the panel."""
        return QSize(300, HEIGHT_PX)

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint the axis, the marks and the dot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = 16.0
        painter.setPen(QPen(AXIS, 2))
        painter.drawLine(QPointF(self._x(0), middle), QPointF(self._x(1), middle))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        for value, text in ((0.0, "0"), (self.threshold, f"threshold {self.threshold:g}"), (1.0, "1")):
            painter.setPen(QPen(TICK, 1, Qt.PenStyle.SolidLine if value in (0.0, 1.0) else Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(self._x(value), middle - 9), QPointF(self._x(value), middle + 9))
            painter.setPen(TEXT)
            painter.drawText(QRectF(self._x(value) - 60, middle + 11, 120, 14), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QPen(CONTROL, 2))
        for value in self.controls:
            painter.drawLine(QPointF(self._x(value), middle - 6), QPointF(self._x(value), middle + 6))
        if self.score is None:
            return
        colour = QColor(rgb_to_hex(score_rgba(self.score).tolist()))
        painter.setPen(QPen(Qt.GlobalColor.white, 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(self._x(self.interval[0]), middle), QPointF(self._x(self.interval[1]), middle))
        painter.setPen(QPen(Qt.GlobalColor.white, 1.5))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(self._x(self.score), middle), 6.5, 6.5)

    def _x(self, value: float) -> float:
        return float(MARGIN_PX + min(1.0, max(0.0, value)) * (self.width() - 2 * MARGIN_PX))
