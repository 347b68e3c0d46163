"""Small plots, painted by hand: quick, in the colours of the window, and without another program's toolbar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mid.inference.curves import Curves
from napari_mid.widgets.ink import ink, pen_colour

BAND, CHOSEN = QColor(140, 146, 153, 60), QColor(255, 190, 60, 70)
DELETION, INSERTION, BARS = QColor("#e5604f"), QColor("#2fa872"), QColor("#7a6aa8")
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
            painter.setPen(pen_colour(self, "text"))
            box = QRectF(0, top, NAME_PX - 6, ROW_PX)
            elided = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(box.width()))
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, elided)
            painter.setPen(QPen(pen_colour(self, "axis"), 1))
            painter.drawLine(QPointF(left, top + ROW_PX / 2), QPointF(left + width, top + ROW_PX / 2))
            shade = QColor(ink(self, colour))
            shade.setAlpha(110)
            painter.setPen(QPen(shade, 1))
            shown = values[:: max(1, len(values) // MOST_DOTS)]
            self._paint_dots(painter, values, shown, (left, top, width))
            place = self.place(values, value)
            if np.isfinite(place):
                x = left + width * place
                painter.setPen(QPen(pen_colour(self, "mark"), 2))
                painter.drawLine(QPointF(x, top + 2), QPointF(x, top + ROW_PX - 2))
                painter.setPen(pen_colour(self, "text"))
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
    """Relevance of the cells of a well, with the line where all of them would be if they were read alike.

    A drag over it says which part of the axis the user means.
    """

    BINS, HEIGHT_PX = 40, 84

    #: least and largest relevance of the part that was dragged over; the last bar stands for all above it, too
    ranged = Signal(float, float)

    def __init__(self) -> None:
        super().__init__(self.HEIGHT_PX)
        self.relevance: NDArray[np.float64] = np.empty(0)
        self.chosen: NDArray[np.float64] = np.empty(0)
        self._drag: tuple[float, float] | None = None
        self.setCursor(Qt.CursorShape.IBeamCursor)

    def show_relevance(self, relevance: NDArray[np.float64], chosen: NDArray[np.float64]) -> None:
        """Show the distribution of (N,) `relevance`, and mark that of the selected cells."""
        self.relevance, self.chosen = relevance[np.isfinite(relevance)], chosen[np.isfinite(chosen)]
        self.update()

    @property
    def top(self) -> float:
        """The relevance at the right end."""
        return max(2.0, float(np.percentile(self.relevance, 99.5))) if len(self.relevance) else 2.0

    def x_of(self, relevance: float) -> float:
        """Where a relevance lies, in pixels from the left."""
        return float(MARGIN_PX + (self.width() - 2 * MARGIN_PX) * min(1.0, relevance / self.top))

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint bars, those of the selected cells, the even line, and both ends of the axis."""
        painter = self.painter()
        bottom, width = self.height() - 18, self.width() - 2 * MARGIN_PX
        if not len(self.relevance):
            return
        top, highest = self.top, 1
        for values, colour in ((self.relevance, BARS), (self.chosen, pen_colour(self, "mark"))):
            counts, _ = np.histogram(np.minimum(values, top), bins=self.BINS, range=(0.0, top))
            highest = max(highest, int(counts.max()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            for index, count in enumerate(counts):
                # a bar of few cells among thousands is still to be seen
                high = max((bottom - 6) * count / highest, 2.0) if count else 0.0
                painter.drawRect(QRectF(MARGIN_PX + index * width / self.BINS, bottom - high, width / self.BINS - 0.5, high))
        painter.setPen(QPen(pen_colour(self, "axis"), 1))
        painter.drawLine(QPointF(MARGIN_PX, bottom), QPointF(MARGIN_PX + width, bottom))
        marks = [(1.0, QPen(pen_colour(self, "text"), 1, Qt.PenStyle.DashLine), "1 = even")]
        if len(self.chosen) == 1:
            marks.append((float(self.chosen[0]), QPen(pen_colour(self, "mark"), 2), ""))
        for value, pen, text in marks:
            x = self.x_of(value)
            painter.setPen(pen)
            painter.drawLine(QPointF(x, 2), QPointF(x, bottom))
            painter.drawText(QRectF(x - 40, bottom + 2, 80, 14), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(pen_colour(self, "text"))
        painter.drawText(QRectF(MARGIN_PX, bottom + 2, 40, 14), Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(QRectF(MARGIN_PX + width - 60, bottom + 2, 60, 14), Qt.AlignmentFlag.AlignRight, f"≥ {top:.3g}")
        if self._drag is not None:
            painter.fillRect(QRectF(min(self._drag), 0, abs(self._drag[1] - self._drag[0]), bottom), CHOSEN)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to drag."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = (event.position().x(),) * 2

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go on."""
        if self._drag is not None:
            self._drag = (self._drag[0], event.position().x())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Say which part was dragged over; a click means the bar under it."""
        if self._drag is None:
            return
        width = self.width() - 2 * MARGIN_PX
        ends = (np.array(sorted((self._drag[0], event.position().x()))) - MARGIN_PX) / width * self.BINS
        first, last = np.clip([np.floor(ends[0]), np.ceil(ends[1])], 0, self.BINS)
        last = max(last, first + 1)
        self._drag = None
        self.update()
        self.ranged.emit(first * self.top / self.BINS, float("inf") if last >= self.BINS else last * self.top / self.BINS)


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
        painter.setPen(QPen(pen_colour(self, "axis"), 1))
        painter.drawRect(frame)
        painter.setPen(pen_colour(self, "text"))
        for value in (0.0, 0.5, 1.0):
            y = frame.bottom() - value * frame.height()
            painter.drawText(QRectF(0, y - 7, 22, 14), Qt.AlignmentFlag.AlignRight, f"{value:g}")
            x = frame.left() + value * frame.width()
            last = value == 1.0  # there is no room beside the frame
            box = QRectF(x - 50 if last else x - 25, frame.bottom() + 2, 50, 14)
            side = Qt.AlignmentFlag.AlignRight if last else Qt.AlignmentFlag.AlignHCenter
            painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, f"{100 * value:g} %")
        share = curves.fractions
        for low, high, mean in (
            (curves.random_low, curves.random_high, curves.random),
            (curves.random_low[::-1], curves.random_high[::-1], curves.random[::-1]),
        ):
            points = [*self._points(frame, share, low), *reversed(self._points(frame, share, high))]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(BAND)
            painter.drawPolygon(QPolygonF(points))
            painter.setPen(QPen(pen_colour(self, "quiet"), 1, Qt.PenStyle.DashLine))
            painter.drawPolyline(QPolygonF(self._points(frame, share, mean)))
        for values, colour in ((curves.deletion, DELETION), (curves.insertion, INSERTION)):
            painter.setPen(QPen(colour, 2))
            painter.drawPolyline(QPolygonF(self._points(frame, share, values)))
        left = frame.left()
        quiet = pen_colour(self, "quiet")
        for text, colour in (("without the most relevant", DELETION), ("only the most relevant", INSERTION), ("random", quiet)):
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
