"""Small plots, painted by hand: quick, in the colours of the window, and without another program's toolbar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mid.inference.curves import Curves

AXIS, TEXT, MARK = QColor("#5a626a"), QColor("#c8ccd0"), QColor("#ffd166")
BAND, RANDOM = QColor(160, 166, 173, 60), QColor("#a0a6ad")
DELETION, INSERTION, BARS = QColor("#ff7b72"), QColor("#4cc38a"), QColor("#7a6aa8")
FONT_PX, ROW_PX, NAME_PX, MARGIN_PX = 10, 18, 110, 8
#: Cells drawn in a strip, at most; percentiles of the well that its ends stand for.
MOST_DOTS, ENDS = 400, (0.5, 99.5)


class Plot(QWidget):
    """A plot as wide as the panel and `height_px` high."""

    def __init__(self, height_px: int) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(height_px)

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """The panel decides."""
        return QSize(300, self.height())

    def painter(self) -> QPainter:
        """A painter with the plot's font."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(FONT_PX)
        painter.setFont(font)
        return painter


class Strips(Plot):
    """A row for each number of a cell: where the cell lies among those of its well."""

    def __init__(self) -> None:
        super().__init__(ROW_PX)
        self.rows: list[tuple[str, str, NDArray[np.float64], float]] = []

    def show_rows(self, rows: Sequence[tuple[str, str, NDArray[np.float64], float]]) -> None:
        """Show (name, hex colour, values of the well, value of the cell); a cell without a value has no mark."""
        self.rows = list(rows)
        self.setFixedHeight(max(1, len(self.rows)) * ROW_PX + 4)
        self.setVisible(bool(self.rows))
        self.update()

    @staticmethod
    def place(values: NDArray[np.float64], value: float) -> float:
        """Where `value` lies on the row, from 0 to 1."""
        known = values[np.isfinite(values)]
        if not len(known) or not np.isfinite(value):
            return float("nan")
        low, high = np.percentile(known, ENDS)
        return float(np.clip((value - low) / (high - low), 0.0, 1.0)) if high > low else 0.5

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint the rows."""
        painter = self.painter()
        left, width = NAME_PX, max(20, self.width() - NAME_PX - 60)
        for row, (name, colour, values, value) in enumerate(self.rows):
            top = row * ROW_PX
            painter.setPen(TEXT)
            box = QRectF(0, top, NAME_PX - 6, ROW_PX)
            elided = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(box.width()))
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, elided)
            painter.setPen(QPen(AXIS, 1))
            painter.drawLine(QPointF(left, top + ROW_PX / 2), QPointF(left + width, top + ROW_PX / 2))
            shade = QColor(colour)
            shade.setAlpha(110)
            painter.setPen(QPen(shade, 1))
            shown = values[:: max(1, len(values) // MOST_DOTS)]
            self._paint_dots(painter, values, shown, (left, top, width))
            place = self.place(values, value)
            if np.isfinite(place):
                x = left + width * place
                painter.setPen(QPen(MARK, 2))
                painter.drawLine(QPointF(x, top + 2), QPointF(x, top + ROW_PX - 2))
                painter.setPen(TEXT)
                text = QRectF(left + width + 6, top, 54, ROW_PX)
                painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, f"{value:,.4g}")

    @staticmethod
    def _paint_dots(
        painter: QPainter, values: NDArray[np.float64], shown: NDArray[np.float64], box: tuple[float, float, float]
    ) -> None:
        """A short stroke for each of the cells that are `shown`."""
        left, top, width = box
        known = values[np.isfinite(values)]
        if len(known) < 2:
            return
        low, high = np.percentile(known, ENDS)
        if not high > low:
            return
        for place in np.clip((shown[np.isfinite(shown)] - low) / (high - low), 0.0, 1.0):
            x = left + width * float(place)
            painter.drawLine(QPointF(x, top + 5), QPointF(x, top + ROW_PX - 5))


class Histogram(Plot):
    """Relevance of the cells of a well, with the line where all of them would be if they were read alike."""

    BINS, HEIGHT_PX = 40, 84

    def __init__(self) -> None:
        super().__init__(self.HEIGHT_PX)
        self.relevance: NDArray[np.float64] = np.empty(0)
        self.cell: float | None = None

    def show_relevance(self, relevance: NDArray[np.float64], cell: float | None = None) -> None:
        """Show the distribution of (N,) `relevance`, and mark that of the selected `cell`."""
        self.relevance, self.cell = relevance[np.isfinite(relevance)], cell
        self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint bars, the even line, and both ends of the axis."""
        painter = self.painter()
        bottom, width = self.height() - 18, self.width() - 2 * MARGIN_PX
        if not len(self.relevance):
            return
        top = max(2.0, float(np.percentile(self.relevance, 99.5)))
        counts, _ = np.histogram(np.minimum(self.relevance, top), bins=self.BINS, range=(0.0, top))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(BARS)
        for index, count in enumerate(counts):
            high = (bottom - 6) * count / counts.max()
            painter.drawRect(QRectF(MARGIN_PX + index * width / self.BINS, bottom - high, width / self.BINS - 0.5, high))
        painter.setPen(QPen(AXIS, 1))
        painter.drawLine(QPointF(MARGIN_PX, bottom), QPointF(MARGIN_PX + width, bottom))
        for value, pen, text in ((1.0, QPen(TEXT, 1, Qt.PenStyle.DashLine), "1 = even"), (self.cell, QPen(MARK, 2), "")):
            if value is not None and np.isfinite(value):
                x = MARGIN_PX + width * min(1.0, value / top)
                painter.setPen(pen)
                painter.drawLine(QPointF(x, 2), QPointF(x, bottom))
                painter.drawText(QRectF(x - 40, bottom + 2, 80, 14), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(TEXT)
        painter.drawText(QRectF(MARGIN_PX, bottom + 2, 40, 14), Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(QRectF(MARGIN_PX + width - 60, bottom + 2, 60, 14), Qt.AlignmentFlag.AlignRight, f"≥ {top:.3g}")


class CurvePlot(Plot):
    """Deletion and insertion curves, with the band of random orders."""

    HEIGHT_PX = 170

    def __init__(self) -> None:
        super().__init__(self.HEIGHT_PX)
        self.curves: Curves | None = None

    def show_curves(self, curves: Curves | None) -> None:
        """Show `curves`, or nothing."""
        self.curves = curves
        self.setVisible(curves is not None)
        self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint the frame, the bands and the curves."""
        if self.curves is None:
            return
        painter, curves = self.painter(), self.curves
        frame = QRectF(26, 6, self.width() - 34, self.height() - 54)
        painter.setPen(QPen(AXIS, 1))
        painter.drawRect(frame)
        painter.setPen(TEXT)
        for value in (0.0, 0.5, 1.0):
            y = frame.bottom() - value * frame.height()
            painter.drawText(QRectF(0, y - 7, 22, 14), Qt.AlignmentFlag.AlignRight, f"{value:g}")
            x = frame.left() + value * frame.width()
            painter.drawText(QRectF(x - 25, frame.bottom() + 2, 50, 14), Qt.AlignmentFlag.AlignCenter, f"{100 * value:g} %")
        share = curves.fractions
        for low, high, mean in (
            (curves.random_low, curves.random_high, curves.random),
            (curves.random_low[::-1], curves.random_high[::-1], curves.random[::-1]),
        ):
            points = [*self._points(frame, share, low), *reversed(self._points(frame, share, high))]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(BAND)
            painter.drawPolygon(QPolygonF(points))
            painter.setPen(QPen(RANDOM, 1, Qt.PenStyle.DashLine))
            painter.drawPolyline(QPolygonF(self._points(frame, share, mean)))
        for values, colour in ((curves.deletion, DELETION), (curves.insertion, INSERTION)):
            painter.setPen(QPen(colour, 2))
            painter.drawPolyline(QPolygonF(self._points(frame, share, values)))
        left = frame.left()
        for text, colour in (("without the most relevant", DELETION), ("only the most relevant", INSERTION), ("random", RANDOM)):
            painter.setPen(colour)
            painter.drawText(QPointF(left, self.height() - 8), text)
            left += painter.fontMetrics().horizontalAdvance(text) + 12

    @staticmethod
    def _points(frame: QRectF, share: NDArray[np.float64], values: NDArray[np.float64]) -> list[QPointF]:
        known = np.isfinite(values)
        return [
            QPointF(frame.left() + float(x) * frame.width(), frame.bottom() - float(y) * frame.height())
            for x, y in zip(share[known], values[known], strict=True)
        ]
