"""The card of a model, with its figures as wide as there is room for."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QImageReader, QResizeEvent
from qtpy.QtWidgets import QTextBrowser

#: What stands for a figure in the text of a Qt document, and what lists and margins take from its room, in pixels.
FIGURE, INDENT_PX = "\ufffc", 60


class CardView(QTextBrowser):
    """Shows a card; links open in the browser."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenExternalLinks(True)
        self._folder: Path | None = None

    def show_card(self, text: str, folder: Path | None) -> None:
        """Show the markdown `text`, whose figures are in `folder`."""
        self._folder = folder
        self.setSearchPaths([str(folder)] if folder else [])
        self.setMarkdown(text)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  (Qt's name)
        """Fit the figures to the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._folder is None:
            return
        room = max(1, self.viewport().width() - INDENT_PX)
        cursor = self.document().find(FIGURE)
        while not cursor.isNull():
            figure = cursor.charFormat().toImageFormat()
            width = min(room, QImageReader(str(self._folder / figure.name())).size().width())
            if width > 0 and figure.width() != width:
                figure.setWidth(width)
                cursor.setCharFormat(figure)
            cursor = self.document().find(FIGURE, cursor)
