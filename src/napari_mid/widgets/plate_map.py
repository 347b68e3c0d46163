"""The plate as a map of its wells: painted, clicked, and walked with the arrow keys."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_mid.plates.well_names import well_name
from napari_mid.reports.caption import cells_text, condition_text, score_text
from napari_mid.reports.plate_columns import SCORE, WellColours, modes
from napari_mid.session import Session
from napari_mid.widgets.ink import pen_colour
from napari_mid.widgets.parts import listen

#: Smallest and largest edge of a well on the screen, in pixels.
SMALLEST_PX, LARGEST_PX = 11, 40
HEADER_PX = 20
#: Outline of a well that has images.
NO_VALUE = QColor("#7d848c")
#: A well that is being scored, one that could not be, and how much is left of one that the filter leaves aside.
RUNNING, FAILED, FADED = QColor("#4cc38a"), QColor("#ff7b72"), 0.15
#: The dot of a well that has a score.
SCORED = QColor(20, 22, 26, 190)

_ARROWS = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}


class PlateMapView(QWidget):
    """Paints the wells of the session's plate and says which one the user wants to open."""

    #: name of the well that was clicked, or on which Enter was pressed
    well_chosen = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._mode = SCORE
        self.painted = WellColours()
        self._cursor: tuple[int, int] | None = None
        self._aside: frozenset[str] = frozenset()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("plate map")
        listen(self, self._on_plate, session.events.plate_changed)
        listen(self, self.refresh, session.events.results_changed)
        listen(self, self._redraw, session.events.progress_changed)
        listen(self, self._on_well, session.events.well_changed)

    @property
    def mode(self) -> str:
        """What the wells are coloured by, one of `plate_columns.modes`."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._mode = mode
        self.refresh()

    @property
    def cursor_well(self) -> str | None:
        """Name of the well that the arrow keys have reached."""
        return None if self._cursor is None else well_name(*self._cursor)

    @property
    def aside(self) -> frozenset[str]:
        """Wells that the filter leaves aside: they are faint."""
        return self._aside

    @aside.setter
    def aside(self, wells: frozenset[str]) -> None:
        self._aside = wells
        self.update()

    def refresh(self) -> None:
        """Colour the wells anew."""
        plate, results = self.session.plate, self.session.results
        found = modes(plate)
        self.painted = found.get(self._mode, found[SCORE])(plate, results)
        self.update()

    def _redraw(self) -> None:
        self.update()

    def _on_plate(self) -> None:
        self._cursor = None
        self._on_well()
        columns, rows = self._size()
        self.setMinimumSize(HEADER_PX + columns * SMALLEST_PX + 4, HEADER_PX + rows * SMALLEST_PX + 4)
        self.refresh()

    def _on_well(self) -> None:
        plate, well = self.session.plate, self.session.well
        if plate is not None and well is not None:
            self._cursor = (plate.wells[well].row, plate.wells[well].column)
        self.update()

    # -- geometry ------------------------------------------------------------------------------------------------------------

    def _size(self) -> tuple[int, int]:
        plate = self.session.plate
        return (12, 8) if plate is None else (plate.columns, plate.rows)

    def _edge(self) -> float:
        columns, rows = self._size()
        fitting = min((self.width() - HEADER_PX - 2) / columns, (self.height() - HEADER_PX - 2) / rows)
        edge: float = max(SMALLEST_PX, min(LARGEST_PX, fitting))
        return edge

    def rect_of(self, row: int, column: int) -> QRectF:
        """Where the well at 1-based `row`, `column` is painted."""
        edge = self._edge()
        return QRectF(HEADER_PX + (column - 1) * edge, HEADER_PX + (row - 1) * edge, edge, edge)

    def well_at(self, x: float, y: float) -> str | None:
        """Name of the well at a place of the widget, or None."""
        edge = self._edge()
        column, row = int((x - HEADER_PX) // edge) + 1, int((y - HEADER_PX) // edge) + 1
        columns, rows = self._size()
        return well_name(row, column) if 1 <= row <= rows and 1 <= column <= columns else None

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Room for middle-sized wells."""
        columns, rows = self._size()
        return QSize(HEADER_PX + columns * 24, HEADER_PX + rows * 24)

    # -- painting ------------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Paint the letters, the numbers and the wells."""
        plate = self.session.plate
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if plate is None:
            painter.setPen(pen_colour(self, "text"))
            text = "No plate is open.\nDrop a plate's folder on the window,\nor press Open plate."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
            return
        self._paint_headers(painter)
        edge = self._edge()
        for row in range(1, plate.rows + 1):
            for column in range(1, plate.columns + 1):
                self._paint_well(painter, well_name(row, column), self.rect_of(row, column), edge)
        if self._cursor is not None and self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(pen_colour(self, "mark"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect_of(*self._cursor).adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_headers(self, painter: QPainter) -> None:
        columns, rows = self._size()
        edge = self._edge()
        font = QFont(painter.font())
        font.setPixelSize(int(max(8, min(11, edge * 0.6))))
        painter.setFont(font)
        painter.setPen(pen_colour(self, "text"))
        step = 1 if edge >= 16 else 2
        for column in range(1, columns + 1, step):
            rect = QRectF(HEADER_PX + (column - 1) * edge - edge / 2, 0, 2 * edge, HEADER_PX)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, str(column))
        for row in range(1, rows + 1):
            rect = QRectF(0, HEADER_PX + (row - 1) * edge, HEADER_PX, edge)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, well_name(row, 1).rstrip("0123456789"))

    def _paint_well(self, painter: QPainter, name: str, rect: QRectF, edge: float) -> None:
        assert self.session.plate is not None
        well = self.session.plate.wells.get(name)
        inner = rect.adjusted(0.1 * edge, 0.1 * edge, -0.1 * edge, -0.1 * edge)
        if well is None or not well.has_images:
            # nothing to open here: a mere dot, or a cross where the index promised images
            outline = pen_colour(self, "axis")
            painter.setPen(QPen(outline, 1))
            painter.setBrush(outline)
            if well is None:
                painter.drawEllipse(rect.center(), 1.2, 1.2)
            else:
                middle = rect.adjusted(0.33 * edge, 0.33 * edge, -0.33 * edge, -0.33 * edge)
                painter.drawLine(middle.topLeft(), middle.bottomRight())
                painter.drawLine(middle.topRight(), middle.bottomLeft())
            return
        colour = self.painted.colours.get(name)
        painter.setOpacity(FADED if name in self._aside else 1.0)
        painter.setPen(QPen(NO_VALUE, 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush if colour is None else QColor(colour))
        painter.drawEllipse(inner)
        painter.setOpacity(1.0)
        self._paint_progress(painter, name, inner)
        if name == self.session.well:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(pen_colour(self, "text"), 2))
            painter.drawEllipse(inner.adjusted(-0.5, -0.5, 0.5, 0.5))

    def _paint_progress(self, painter: QPainter, name: str, inner: QRectF) -> None:
        """A thick ring where the well is being scored, a stroke through it where it could not be, a dot where it is."""
        progress = self.session.progress
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if name == progress.running:
            painter.setPen(QPen(RUNNING, 2.5))
            painter.drawEllipse(inner)
        elif name in progress.failed:
            painter.setPen(QPen(FAILED, 2))
            painter.drawEllipse(inner)
            painter.drawLine(inner.bottomLeft(), inner.topRight())
        elif name in self.session.results:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(SCORED)
            radius = max(1.0, 0.09 * inner.width())
            painter.drawEllipse(inner.center(), radius, radius)

    # -- mouse and keys --------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Open the well that is clicked."""
        name = self.well_at(event.position().x(), event.position().y())
        if name is not None and event.button() == Qt.MouseButton.LeftButton and self.session.plate is not None:
            self.well_chosen.emit(name)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows move, Enter opens."""
        if event.key() in _ARROWS and self.session.plate is not None:
            row, column = self._cursor or (1, 1)
            down, right = _ARROWS[Qt.Key(event.key())]
            columns, rows = self._size()
            self._cursor = (min(max(row + down, 1), rows), min(max(column + right, 1), columns))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.cursor_well is not None:
            self.well_chosen.emit(self.cursor_well)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Show what is in the well under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            name = self.well_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), self.describe(name) if name else "", self)
            return True
        handled: bool = super().event(event)
        return handled

    def describe(self, name: str) -> str:
        """The tooltip of a well: name, compound and dose, score, cells."""
        plate = self.session.plate
        if plate is None:
            return ""
        well = plate.wells.get(name)
        if well is None:
            return f"{name}: not on the plate's index"
        lines = [" · ".join(filter(None, (name, condition_text(well.condition))))]
        result = self.session.results.get(name)
        if not well.has_images:
            lines.append("no images on disk")
        elif name == self.session.progress.running:
            lines.append("being scored")
        elif name in self.session.progress.failed:
            lines.append(f"could not be scored: {self.session.progress.failed[name]}")
        elif result is None:
            lines.append(f"{len(well.fields)} field" + ("" if len(well.fields) == 1 else "s") + ", not scored")
        else:
            lines += [score_text(result.score, result.score_low, result.score_high, result.call), cells_text(result.n_cells)]
        return "\n".join(lines)
