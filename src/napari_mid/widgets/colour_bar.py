"""The colour bar of the dots, in the corner of the canvas: what the colours stand for, and from where to where.

That of napari has no room for words, no place for "as much as any other cell", and one size on canvases of all sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.reports.dots import MEASURES
from napari_mid.viewer.compat import canvas_widget
from napari_mid.viewer.presenter import Presenter
from napari_mid.widgets.parts import listen

#: It lies on the image, so that the theme does not matter.
GROUND, TEXT, FRAME = QColor(16, 18, 22, 215), QColor("#eceff4"), QColor("#5a626a")
FONT_PX, LINE_PX, PAD_PX, BAR_PX, FROM_EDGE_PX = 12, 15, 6, 14, 6
#: Heights of the bar on a canvas with room and on a small one, and how high a canvas with room is, in pixels.
HIGH_PX, LOW_PX, ROOM_PX = 130, 70, 420
#: A label nearer than this to one of those at the ends, in pixels, has no room.
APART_PX = 13


class ColourBar(QWidget):
    """Shown while there are dots with colours; the mouse does not notice it.

    Parameters
    ----------
    presenter
        Whose dots they are.
    """

    def __init__(self, presenter: Presenter) -> None:
        super().__init__(canvas_widget(presenter.viewer))
        self.presenter = presenter
        self.session = presenter.session
        self.title: tuple[str, ...] = ()
        self.marks: tuple[tuple[float, str], ...] = ()
        self._colours = next(iter(RELEVANCE_COLORMAPS.values()))
        self._layer: Any = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("colour bar of the dots")
        self.hide()
        self.parentWidget().installEventFilter(self)
        events = self.session.events
        listen(self, self.refresh, events.result_changed, events.images_changed, events.overview_changed, events.editing_changed)
        listen(self, self.refresh, events.preview_changed, events.well_changed, events.plate_changed, presenter.look_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Stay in the corner."""
        if event.type() == QEvent.Type.Resize:
            self.refresh()
        return False

    def refresh(self) -> None:
        """Show what the dots are coloured by now, or nothing where there are none."""
        result, look, layer = self.session.result, self.presenter.look, self.presenter.points_layer
        self._follow(layer)
        shown = result is not None and result.n_cells > 0 and layer is not None and layer.visible
        if not shown or result is None:
            self.hide()
            return
        measure, (low, high) = MEASURES[look.measure], look.limits(look.values(result.cells))
        words, _, note = measure.label.partition(" (")
        self.title = (words,)
        top = f"{high:g}" if note == "" and look.measure == "percentile" else f"≥ {high:.3g}"
        self.marks = ((low, f"{low:g}"), (high, top))
        if measure.even is not None and low < measure.even < high:
            even, place = note.rstrip(")"), (measure.even - low) / (high - low)
            if min(place, 1 - place) * self._high >= APART_PX:
                self.marks = (*self.marks, (measure.even, even))
            else:  # no room beside the bar
                self.title, self.marks = (words, even), (*self.marks, (measure.even, ""))
        self._colours = RELEVANCE_COLORMAPS[look.colours]
        self._place()
        self.show()
        self.raise_()
        self.update()

    def _follow(self, layer: Any) -> None:
        """Go where the user hides the dots."""
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.visible.disconnect(self._on_visible)
        self._layer = layer
        if layer is not None:
            layer.events.visible.connect(self._on_visible)

    def _on_visible(self, event: Any = None) -> None:
        self.refresh()

    @property
    def _high(self) -> int:
        """Height of the bar in pixels."""
        room = self.parentWidget().height() >= ROOM_PX and not self.presenter.narrow
        return HIGH_PX if room else LOW_PX

    def _place(self) -> None:
        canvas = self.parentWidget()
        font = self.font()
        font.setPixelSize(FONT_PX)
        self.setFont(font)
        labels = max((self.fontMetrics().horizontalAdvance(text) for _, text in self.marks), default=0)
        title = max((self.fontMetrics().horizontalAdvance(text) for text in self.title), default=0)
        wide = max(BAR_PX + 8 + labels, title) + 2 * PAD_PX
        self.setFixedSize(wide, self._high + LINE_PX * len(self.title) + 3 * PAD_PX)
        if self.presenter.narrow:  # words take the whole width above, and the scale bar lies to the right below
            self.move(FROM_EDGE_PX, canvas.height() - self.height() - FROM_EDGE_PX)
        else:
            self.move(canvas.width() - wide - FROM_EDGE_PX, FROM_EDGE_PX)

    def paintEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        """Paint title, bar and labels."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(GROUND)
        painter.setPen(QPen(FRAME, 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.setPen(TEXT)
        for line, text in enumerate(self.title):
            painter.drawText(QRectF(PAD_PX, PAD_PX + line * LINE_PX, self.width(), LINE_PX), Qt.AlignmentFlag.AlignVCenter, text)
        top = 2.0 * PAD_PX + LINE_PX * len(self.title)
        bar = QRectF(PAD_PX, top, BAR_PX, self.height() - top - PAD_PX - 2)
        strip = np.ascontiguousarray(np.rint(self._colours[::-1, None, :3] * 255).astype(np.uint8))
        painter.drawImage(bar, QImage(strip.data, 1, len(strip), strip.strides[0], QImage.Format.Format_RGB888))
        self._paint_marks(painter, bar)

    def _paint_marks(self, painter: QPainter, bar: QRectF) -> None:
        if not self.marks:
            return
        low, high = self.marks[0][0], self.marks[1][0]
        for value, text in self.marks:
            y = bar.bottom() - bar.height() * (value - low) / (high - low)
            painter.drawLine(QPointF(bar.right(), y), QPointF(bar.right() + 4, y))
            box = QRectF(bar.right() + 8, y - LINE_PX / 2, self.width(), LINE_PX)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)
