"""The legend above the plate map."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mid.reports.plate_columns import FROM_SCORES
from napari_mid.widgets.ink import pen_colour
from napari_mid.widgets.plate_map import PlateMapView

HEIGHT_PX, BAR_PX, SMALLEST_BAR_PX, GAP_PX = 22, 160, 40, 8


class Legend(QWidget):
    """Paints the colours of the map: a scale for numbers, a row of names for categories."""

    def __init__(self, plate_map: PlateMapView) -> None:
        super().__init__()
        self._map = plate_map
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def refresh(self) -> None:
        """Paint again; the tooltip lists the names that do not fit."""
        self.setToolTip("\n".join(label for label, _ in self._map.painted.entries))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """One line."""
        return QSize(300, HEIGHT_PX)

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint the legend of the current mode."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen_colour(self, "text"))
        if self._map.session.plate is None:
            return
        if self._map.painted.scale is not None:
            self._paint_scale(painter)
        elif self._map.painted.entries:
            self._paint_entries(painter)
        else:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, self._nothing())

    def _paint_scale(self, painter: QPainter) -> None:
        assert self._map.painted.scale is not None
        low, high, colours = self._map.painted.scale
        x = float(GAP_PX)
        note = f" ({self._map.painted.note})" if self._map.painted.note else ""
        x += self._text(painter, x, f"{self._map.mode}{note}  {low:g}")
        scored, total = len(self._map.session.results), self._wells_with_images()
        count = f"{scored} of {total} wells scored" if self._map.mode in FROM_SCORES else ""
        end, advance = f"{high:g}", painter.fontMetrics().horizontalAdvance
        room = self.width() - x - advance(end) - 4 * GAP_PX
        if room - advance(count) < SMALLEST_BAR_PX:
            count = ""
        bar = max(SMALLEST_BAR_PX, min(BAR_PX, room - advance(count)))
        strip = np.ascontiguousarray(np.rint(colours[None, :, :3] * 255).astype(np.uint8))
        image = QImage(strip.data, len(colours), 1, strip.strides[0], QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(x, 5, bar, HEIGHT_PX - 10), image)
        x += bar + GAP_PX
        x += self._text(painter, x, end)
        self._text(painter, x + GAP_PX, count)

    def _paint_entries(self, painter: QPainter) -> None:
        x, entries = float(GAP_PX), self._map.painted.entries
        for done, (label, colour) in enumerate(entries):
            rest = f"and {len(entries) - done} more"
            needed = painter.fontMetrics().horizontalAdvance(label) + HEIGHT_PX + GAP_PX
            spare = 0 if done == len(entries) - 1 else painter.fontMetrics().horizontalAdvance(rest) + GAP_PX
            if x + needed + spare > self.width():
                self._text(painter, x, rest)
                return
            painter.setBrush(QColor(colour))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(QRectF(x, 6, HEIGHT_PX - 12, HEIGHT_PX - 12))
            painter.setPen(pen_colour(self, "text"))
            x += HEIGHT_PX - 8
            x += self._text(painter, x, label) + GAP_PX

    def _text(self, painter: QPainter, x: float, text: str) -> float:
        width = painter.fontMetrics().horizontalAdvance(text)
        painter.drawText(QRectF(x, 0, width + 2, HEIGHT_PX), Qt.AlignmentFlag.AlignVCenter, text)
        return float(width + GAP_PX)

    def _nothing(self) -> str:
        """What to do where no well has a value."""
        from_score = self._map.mode in FROM_SCORES
        return "Score wells to see this: Run, or Score all wells." if from_score else "Load a plate map to see this."

    def _wells_with_images(self) -> int:
        plate = self._map.session.plate
        return 0 if plate is None else sum(well.has_images for well in plate.wells.values())
