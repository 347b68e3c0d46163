"""Curves of a training under way: the loss, that of the held-out bags, and their AUROC."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF

from napari_mid.widgets.plots import Plot

#: Colours that can be told from dark and from light grounds.
LOSS, VALIDATION, AUROC = QColor("#3d8fe0"), QColor("#d9822b"), QColor("#2f9e68")
#: Opacity of stages that are over, such as earlier folds, from 0 to 255.
FAINT = 90
LEFT_PX, RIGHT_PX, LEGEND_PX, BETWEEN_PX, AXIS_PX = 34, 8, 18, 10, 18
#: Part of the height that the losses take.
LOSS_PART = 0.6


@dataclass(frozen=True)
class Curve:
    """One line: places (x, y), its colour, and whether its stage is over."""

    points: tuple[tuple[float, float], ...]
    colour: QColor
    over: bool


class TrainingCurves(Plot):
    """Losses above, AUROC below, over the steps; the stage that runs is drawn boldly."""

    HEIGHT_PX = 230

    def __init__(self) -> None:
        super().__init__(self.HEIGHT_PX)
        self.losses: list[Curve] = []
        self.aurocs: list[Curve] = []
        self.last_step = 0
        self.latest = ""
        self.setToolTip(
            "Loss of the training (blue) and of the held-out bags (orange), and the AUROC of the held-out bags (green), over the "
            "steps; earlier folds are faint. Held-out loss that rises while the training's falls means that it learns by heart"
        )
        self.setAccessibleName("Curves of the training")

    def show_rows(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Show the rows of the log, as `napari_mid.training.keeping.read_log` gives them."""
        stages = list(dict.fromkeys(row["stage"] for row in rows))
        self.losses, self.aurocs, self.latest = [], [], ""
        self.last_step = max((int(row["step"]) for row in rows), default=0)
        for stage in stages:
            over = stage != stages[-1]
            of_stage = [row for row in rows if row["stage"] == stage]
            for column, colour in (("loss", LOSS), ("validation_loss", VALIDATION)):
                self.losses.append(Curve(_points(of_stage, column), colour, over))
            self.aurocs.append(Curve(_points(of_stage, "validation_auroc"), AUROC, over))
        if stages:
            self.latest = stages[-1]
        self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        """Paint both frames."""
        painter = self.painter()
        text = self.palette().windowText().color()
        if not any(len(curve.points) for curve in self.losses):
            painter.setPen(text)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The curves come with the first steps.")
            return
        room = self.height() - LEGEND_PX - BETWEEN_PX - AXIS_PX
        width = self.width() - LEFT_PX - RIGHT_PX
        above = QRectF(LEFT_PX, LEGEND_PX, width, room * LOSS_PART)
        below = QRectF(LEFT_PX, above.bottom() + BETWEEN_PX, width, room * (1 - LOSS_PART))
        highest = max(y for curve in self.losses for _, y in curve.points)
        self._paint_frame(painter, above, 1.05 * highest, text)
        self._paint_frame(painter, below, 1.0, text)
        for frame, top, curves in ((above, 1.05 * highest, self.losses), (below, 1.0, self.aurocs)):
            for curve in curves:
                self._paint_curve(painter, frame, top, curve)
        self._paint_words(painter, below, text)

    def _paint_frame(self, painter: QPainter, frame: QRectF, top: float, text: QColor) -> None:
        rule = QColor(text)
        rule.setAlpha(FAINT)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(rule, 1))
        painter.drawRect(frame)
        middle = frame.center().y()
        painter.drawLine(QPointF(frame.left(), middle), QPointF(frame.right(), middle))
        painter.setPen(text)
        for value, y in ((top, frame.top() + 4), (top / 2, middle), (0.0, frame.bottom() - 4)):
            painter.drawText(QRectF(0, y - 7, LEFT_PX - 4, 14), Qt.AlignmentFlag.AlignRight, f"{value:.2g}")

    def _paint_curve(self, painter: QPainter, frame: QRectF, top: float, curve: Curve) -> None:
        colour = QColor(curve.colour)
        colour.setAlpha(FAINT if curve.over else 255)
        painter.setPen(QPen(colour, 1 if curve.over else 2))
        places = [
            QPointF(
                frame.left() + x / max(1, self.last_step) * frame.width(), frame.bottom() - min(1.0, y / top) * frame.height()
            )
            for x, y in curve.points
        ]
        painter.drawPolyline(QPolygonF(places))
        if len(places) == 1 or not curve.over:
            painter.setBrush(colour)
            for place in places[-1:]:
                painter.drawEllipse(place, 2.5, 2.5)

    def _paint_words(self, painter: QPainter, below: QRectF, text: QColor) -> None:
        left = float(LEFT_PX)
        for words, colour in (("loss", LOSS), ("held-out loss", VALIDATION), ("held-out AUROC", AUROC)):
            painter.setPen(colour)
            painter.drawText(QPointF(left, LEGEND_PX - 6), words)
            left += painter.fontMetrics().horizontalAdvance(words) + 12
        painter.setPen(text)
        axis = QRectF(LEFT_PX, below.bottom() + 2, below.width(), AXIS_PX - 2)
        painter.drawText(axis, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(axis, Qt.AlignmentFlag.AlignRight, f"step {self.last_step}")
        painter.drawText(axis, Qt.AlignmentFlag.AlignHCenter, self.latest)


def _points(rows: Sequence[Mapping[str, str]], column: str) -> tuple[tuple[float, float], ...]:
    """(step, value) of the rows that have a value in `column`."""
    found = []
    for row in rows:
        value = float(row[column]) if row.get(column) else math.nan
        if math.isfinite(value):
            found.append((float(row["step"]), value))
    return tuple(found)
