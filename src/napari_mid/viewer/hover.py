"""What is under the mouse on the canvas, in words beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPoint, Qt
from qtpy.QtWidgets import QLabel, QWidget

from napari_mid.inference.result import WellResult

#: Pixels between the mouse and the words, and style of these: they lie on the image, so that the theme does not matter.
AWAY_PX = 14
STYLE = "background: rgba(16, 18, 22, 225); color: #eceff4; border: 1px solid #5a626a; border-radius: 3px; padding: 3px 6px;"


class HoverLabel(QLabel):
    """Words above the canvas, which the mouse does not notice and which go when it leaves."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setStyleSheet(STYLE)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Go with the mouse."""
        if event.type() == QEvent.Type.Leave:
            self.hide()
        return False

    def tell(self, text: str, place: QPoint) -> None:
        """Show `text` beside a `place` on the canvas; nothing where it is empty."""
        if not text:
            self.hide()
            return
        self.setText(text)
        self.adjustSize()
        canvas = self.parentWidget()
        # on the other side of the mouse where there is no room
        right = place.x() + AWAY_PX + self.width() <= canvas.width()
        below = place.y() + AWAY_PX + self.height() <= canvas.height()
        x = place.x() + AWAY_PX if right else max(0, place.x() - AWAY_PX - self.width())
        y = place.y() + AWAY_PX if below else max(0, place.y() - AWAY_PX - self.height())
        self.move(x, y)
        self.show()
        self.raise_()


class Hover:
    """A label that follows the mouse while there is something to tell.

    Parameters
    ----------
    viewer
        The napari viewer itself.
    describe
        The words for a world position; empty for nothing.
    canvas
        The Qt widget of its canvas.
    """

    def __init__(self, viewer: Any, describe: Callable[[Sequence[float]], str], canvas: QWidget) -> None:
        self.viewer = viewer
        self._describe = describe
        self.label = HoverLabel(canvas)
        viewer.mouse_move_callbacks.append(self._moved)

    def close(self) -> None:
        """Let go of the viewer."""
        if self._moved in self.viewer.mouse_move_callbacks:
            self.viewer.mouse_move_callbacks.remove(self._moved)

    def _moved(self, _viewer: Any, event: Any) -> None:
        text = "" if event.is_dragging else self._describe(event.position)
        self.label.tell(text, QPoint(int(event.pos[0]), int(event.pos[1])))


def error_text(standard_error: float) -> str:
    """A standard error as it stands behind its value; empty where it is not known."""
    return f" ± {standard_error:.2g}" if np.isfinite(standard_error) else ""


def cell_text(result: WellResult, cell: int) -> str:
    """The numbers of a cell in two lines."""
    row = result.cells.iloc[cell]
    left = result.n_cells - int(result.excluded.sum())
    first = [f"cell {cell + 1:,}", "left out of the score" if row["excluded"] else f"rank {int(row['rank']):,} of {left:,}"]
    second = []
    if np.isfinite(row["relevance"]) and not row["excluded"]:
        second = [
            f"relevance {row['relevance']:.2f}{error_text(row['relevance_se'])}",
            f"percentile {row['percentile']:.0f}",
            f"attention {row['attention']:.3g}",
        ]
    if np.isfinite(row["score_alone"]):
        second.append(f"alone {row['score_alone']:.2f}")
    return " · ".join(first) + ("\n" + " · ".join(second) if second else "")
