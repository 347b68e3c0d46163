"""A plate that is dropped on the window opens at once.

Without this napari asks which reader a dropped *folder* is for, since its own reader takes every folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QWidget

from napari_mid.viewer.reader import get_reader
from napari_mid.workflow.stored_results import is_results


class PlateDrops(QObject):
    """Takes drops of a single plate, or of a folder of results, from the widget `target` and leaves all others to napari.

    A folder of images whose names tell no well is a plate only for someone who has our docks open, as `is_wanted` says.
    With Alt held napari's own choice of readers opens, as for any other file.
    """

    def __init__(
        self,
        target: QWidget,
        open_plate: Callable[[str], None],
        open_results: Callable[[str], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        super().__init__(target)
        self._open_plate, self._open_results = open_plate, open_results
        self._is_wanted = is_wanted
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Open what is dropped if it is a plate."""
        if event.type() != QEvent.Type.Drop or not isinstance(event, QDropEvent):
            return False
        path = _dropped(event)
        if path is None:
            return False
        if is_results(path):
            event.acceptProposedAction()
            self._open_results(path)
            return True
        if not (get_reader(path) or (self._is_wanted() and _has_images(path))):
            return False
        event.acceptProposedAction()
        self._open_plate(path)
        return True


def _has_images(path: str) -> bool:
    from napari_mid.plates.formats.file_names import loose_images

    return Path(path).is_dir() and bool(loose_images(Path(path)))


def _dropped(event: QDropEvent) -> str | None:
    """The one local path that is dropped, or None."""
    mime = event.mimeData()
    if mime is None or len(mime.urls()) != 1 or event.modifiers() & Qt.KeyboardModifier.AltModifier:
        return None
    path: str = mime.urls()[0].toLocalFile()
    return path or None
