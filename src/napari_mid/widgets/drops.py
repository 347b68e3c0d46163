"""A plate that is dropped on the window opens at once.

Without this napari asks which reader a dropped *folder* is for, since its own reader takes every folder.
"""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QWidget

from napari_mid.viewer.reader import get_reader


class PlateDrops(QObject):
    """Takes drops of a single plate from the widget `target` and leaves all others to napari.

    With Alt held napari's own choice of readers opens, as for any other file.
    """

    def __init__(self, target: QWidget, open_plate: Callable[[str], None]) -> None:
        super().__init__(target)
        self._open_plate = open_plate
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Open what is dropped if it is a plate."""
        if event.type() != QEvent.Type.Drop or not isinstance(event, QDropEvent):
            return False
        path = _dropped(event)
        if path is None or get_reader(path) is None:
            return False
        event.acceptProposedAction()
        self._open_plate(path)
        return True


def _dropped(event: QDropEvent) -> str | None:
    """The one local path that is dropped, or None."""
    mime = event.mimeData()
    if mime is None or len(mime.urls()) != 1 or event.modifiers() & Qt.KeyboardModifier.AltModifier:
        return None
    path: str = mime.urls()[0].toLocalFile()
    return path or None
