"""Clicks on the canvas, and lines drawn with the mouse around cells; drags without Shift are left to napari."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_mid.viewer.compat import canvas_widget

#: Pixels of the canvas that the mouse may move between press and release of a click.
CLICK_CANVAS_PX = 4.0
LINE, FILL = QColor(255, 209, 102), QColor(255, 209, 102, 40)


#: A place in napari's world.
Position = tuple[float, ...]


def mouse_callback(
    click: Callable[[Position], object], lasso: Callable[[list[Position]], object], may_lasso: Callable[[], bool]
) -> Callable[[Any, Any], Generator[None, None, None]]:
    """What napari is to call with its viewer and the event where the mouse is pressed on the canvas.

    Parameters
    ----------
    click
        Gets the world position of a click, whichever layer is active; a drag moves the camera as ever.
    lasso
        Gets the world positions of a drag with Shift.
    may_lasso
        Whether there is anything to draw a line around.
    """

    def drawn(viewer: Any, event: Any) -> Generator[None, None, None]:
        line, places = Lasso(canvas_widget(viewer)), []
        try:
            yield
            while event.type == "mouse_move":
                line.add(event.pos)
                places.append(event.position)
                yield
        finally:
            line.close()
        lasso(places)

    def pressed(viewer: Any, event: Any) -> Generator[None, None, None]:
        start = np.asarray(event.pos, dtype=float)
        if "Shift" in event.modifiers and may_lasso():
            yield from drawn(viewer, event)
            return
        yield
        while event.type == "mouse_move":
            yield
        if float(np.abs(np.asarray(event.pos, dtype=float) - start).max()) <= CLICK_CANVAS_PX:
            click(event.position)

    return pressed


class Lasso(QWidget):
    """Shows the line above the canvas while it is drawn; the mouse does not notice it.

    Parameters
    ----------
    canvas
        The Qt widget of the canvas.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._line = QPolygonF()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(canvas.size())
        self.show()

    def add(self, place: Sequence[float]) -> None:
        """Go on to (x, y) in pixels of the canvas."""
        self._line.append(QPointF(float(place[0]), float(place[1])))
        self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        """Paint what is drawn so far, closed."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(LINE, 1.5))
        painter.setBrush(FILL)
        painter.drawPolygon(self._line)


def within(points: NDArray[Any], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of (N, 2) `points` lie in the closed (K, 2) `polygon`, as (N,) bool; one that crosses itself encloses by turns."""
    inside = np.zeros(len(points), dtype=bool)
    y, x = points[:, 0], points[:, 1]
    for (y0, x0), (y1, x1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:  # a ray from the point to the right meets this edge
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return inside
