"""A plot of two numbers of each cell, in which cells are picked: a click takes one, a line drawn around them takes several."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPen, QPixmap, QPolygonF

from napari_mid.reports.colours import rgb_to_hex
from napari_mid.viewer.cells import nearest
from napari_mid.viewer.mouse import FILL, LINE, within
from napari_mid.widgets.ink import pen_colour
from napari_mid.widgets.plots import Plot

HEIGHT_PX, LEFT_PX, BELOW_PX, MARGIN_PX = 220, 44, 18, 8
DOT_PX, CHOSEN_PX = 4.0, 7.0
#: A cell takes clicks this far from its dot; a mouse that moved less has clicked.
REACH_PX, CLICK_PX = 8.0, 3.0
#: Percentiles that the ends of an axis stand for: what lies outside is drawn at the end.
ENDS = (0.2, 99.8)
#: Colours that dots are drawn in: each is one call of the painter.
SHADES = 24


class Scatter(Plot):
    """Dots in the colours of their relevance; those of the selected cells are larger."""

    #: list of the rows of the cells that the user picked
    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__(HEIGHT_PX)
        self._xy = np.empty((0, 2))
        self._colours = np.empty((0, 4))
        self._names = ("", "")
        self._limits = ((0.0, 1.0), (0.0, 1.0))
        self._chosen: frozenset[int] = frozenset()
        self._line: list[QPointF] = []
        self._drawn: QPixmap | None = None
        self._drawn_for: tuple[object, ...] = ()
        self.setCursor(Qt.CursorShape.CrossCursor)

    def show_cells(
        self, x: NDArray[np.float64], y: NDArray[np.float64], colours: NDArray[np.float64], names: tuple[str, str]
    ) -> None:
        """Show (N,) `x` and `y` of the cells, of those `names`, in (N, 4) `colours`; NaN is not drawn."""
        self._xy, self._colours, self._names = np.column_stack([x, y]), colours, names
        self._limits = (_limits(x), _limits(y))
        self._drawn = None
        self.update()

    def mark(self, cells: Collection[int]) -> None:
        """Draw these cells as selected."""
        self._chosen = frozenset(cells)
        self.update()

    def places(self) -> NDArray[np.float64]:
        """(N, 2) where the cells are drawn, (y, x) in pixels of the widget; NaN for those that are not."""
        frame = self._frame()
        (x0, x1), (y0, y1) = self._limits
        part_x = np.clip((self._xy[:, 0] - x0) / (x1 - x0), 0.0, 1.0)
        part_y = np.clip((self._xy[:, 1] - y0) / (y1 - y0), 0.0, 1.0)
        return np.column_stack([frame.bottom() - part_y * frame.height(), frame.left() + part_x * frame.width()])

    def _frame(self) -> QRectF:
        return QRectF(LEFT_PX, MARGIN_PX, self.width() - LEFT_PX - MARGIN_PX, self.height() - BELOW_PX - MARGIN_PX)

    # -- painting --------------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        """Paint the dots, which are kept, then the selected ones and the line around them."""
        size = (self.width(), self.height(), self.devicePixelRatioF(), pen_colour(self, "text").name())
        if self._drawn is None or self._drawn_for != size:
            self._drawn, self._drawn_for = self._drawn_dots(), size
        painter = self.painter()
        painter.drawPixmap(0, 0, self._drawn)
        self._paint_axes(painter)
        places = self.places()
        chosen = [cell for cell in self._chosen if cell < len(places) and np.isfinite(places[cell]).all()]
        painter.setPen(QPen(pen_colour(self, "mark"), CHOSEN_PX, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(QPolygonF([QPointF(x, y) for y, x in places[chosen].tolist()]))
        if len(self._line) > 1:
            painter.setPen(QPen(LINE, 1.5))
            painter.setBrush(FILL)
            painter.drawPolygon(QPolygonF(self._line))

    def _drawn_dots(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        drawn = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        drawn.setDevicePixelRatio(ratio)
        drawn.fill(QColor(0, 0, 0, 0))
        painter = QPainter(drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        places = self.places()
        known = np.flatnonzero(np.isfinite(places).all(axis=1))
        shades, which = np.unique(np.rint(self._colours[known, :3] * SHADES).astype(int), axis=0, return_inverse=True)
        for shade, colour in enumerate(shades):
            rows = known[which.reshape(-1) == shade]
            pen = QPen(QColor(rgb_to_hex((colour / SHADES).tolist())), DOT_PX, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawPoints(QPolygonF([QPointF(x, y) for y, x in places[rows].tolist()]))
        painter.end()
        return drawn

    def _paint_axes(self, painter: QPainter) -> None:
        frame = self._frame()
        painter.setPen(QPen(pen_colour(self, "axis"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame)
        painter.setPen(pen_colour(self, "text"))
        (x0, x1), (y0, y1) = self._limits
        below = QRectF(frame.left(), frame.bottom() + 2, frame.width(), BELOW_PX)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{x0:.3g}")
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self._names[0])
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{x1:.3g}")
        beside = QRectF(0, frame.top(), LEFT_PX - 4, frame.height())
        painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, f"{y0:.3g}")
        painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, f"{y1:.3g}")
        painter.save()
        painter.translate(LEFT_PX - 18, frame.center().y())
        painter.rotate(-90)
        painter.drawText(QRectF(-frame.height() / 2, -8, frame.height(), 16), Qt.AlignmentFlag.AlignCenter, self._names[1])
        painter.restore()

    # -- mouse -----------------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin a line."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._line = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go on."""
        if self._line:
            self._line.append(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Say which cells lie within the line, or which one was clicked."""
        if not self._line:
            return
        line = np.array([(point.y(), point.x()) for point in (*self._line, event.position())])
        self._line = []
        self.update()
        places = self.places()
        if np.ptp(line, axis=0).max() > CLICK_PX:
            self.picked.emit(np.flatnonzero(within(places, line)).tolist())
            return
        cell = nearest(places, line[-1], REACH_PX)
        self.picked.emit([] if cell is None else [cell])


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(known, ENDS))
    return (low, high) if high > low else (low - 0.5, low + 0.5)
