"""One cell as a picture: its channels side by side, with the outline of its nucleus on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from napari_mid.reports.gallery import OUTLINE, slice_strip
from napari_mid.reports.slice_looks import composite_slice
from napari_mid.widgets.parts import pixmap

#: Pixels between two channels.
GAP_PX = 2
#: Least width of a picture before it is fitted into a list, in pixels.
ICON_PX = 400
#: Width of an outline as a part of the picture's width.
LINE = 1 / 280
#: Thickness of a scale bar as a part of a slice's edge.
BAR_PART = 1 / 32


@dataclass(frozen=True)
class Strip:
    """The channels of a cell.

    Parameters
    ----------
    rgb
        (S, C * S + (C - 1) * GAP_PX, 3) uint8.
    outline
        (K, 2), (y, x) in pixels of a slice; NaN where it is unknown.
    bar_px
        Length of the scale bar in pixels of a slice; 0 for none.
    """

    rgb: NDArray[np.uint8]
    outline: NDArray[np.float32]
    bar_px: float = 0.0

    @cached_property
    def icon(self) -> QIcon:
        """For a list; a selected one keeps its colours. An icon is only ever made smaller, so that it is made large."""
        picture, icon = self.pixmap(ICON_PX), QIcon()
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            icon.addPixmap(picture, mode)
        return icon

    def pixmap(self, least_px: int) -> QPixmap:
        """A picture at least `least_px` wide: the slice enlarged by a whole number, the outline as a line."""
        times = -(-least_px // self.rgb.shape[1])
        picture = pixmap(self.rgb.repeat(times, axis=0).repeat(times, axis=1))
        if self.bar_px:
            self._draw_bar(picture, times)
        if not np.isfinite(self.outline).all():
            return picture
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(OUTLINE), max(1.0, LINE * picture.width())))
        edge, step = self.rgb.shape[0] * times, (self.rgb.shape[0] + GAP_PX) * times
        # a pixel's place is its middle
        polygon = QPolygonF([QPointF(x, y) for y, x in ((self.outline + 0.5) * times).tolist()])
        for left in range(0, picture.width(), step):
            painter.setClipRect(QRectF(left, 0, edge, edge))
            painter.drawPolygon(polygon.translated(left, 0))
        painter.end()
        return picture

    def _draw_bar(self, picture: QPixmap, times: int) -> None:
        """The scale bar, in the lower left corner of the first channel."""
        edge = self.rgb.shape[0] * times
        thick, margin = max(2.0, BAR_PART * edge), 2 * BAR_PART * edge
        bar = QRectF(margin, edge - margin - thick, self.bar_px * times, thick)
        painter = QPainter(picture)
        painter.fillRect(bar.adjusted(-1, -1, 1, 1), QColor(0, 0, 0, 150))
        painter.fillRect(bar, QColor("white"))
        painter.end()


def strip_of(
    planes: NDArray[Any], colours: Sequence[str], outline: NDArray[np.float32], *, together: bool = False, bar_px: float = 0.0
) -> Strip:
    """The channels (C, S, S) of a cell, from 0 to 1, in C hex `colours`, side by side or `together` in one picture."""
    rgb = composite_slice(planes, colours) if together else slice_strip(planes, colours, gap_px=GAP_PX)
    return Strip(rgb, outline, bar_px)


def strip_ratio(n_channels: int, size_px: int, *, together: bool = False) -> float:
    """How many times as wide as high the picture of a cell is."""
    return 1.0 if together else (n_channels * size_px + (n_channels - 1) * GAP_PX) / size_px
