"""A picture as wide as the panel."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy


class Picture(QLabel):
    """Fits a picture into the width that there is."""

    def __init__(self, largest_px: int = 10_000) -> None:
        super().__init__()
        self._original: QPixmap | None = None
        self._largest_px = largest_px
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(80)

    def show_picture(self, picture: QPixmap | None) -> None:
        """Show `picture`, or nothing."""
        self._original = picture
        self.setVisible(picture is not None)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Scale to the new width."""
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:  # noqa: N802
        """The width decides."""
        return QSize(300, self.height())

    def _fit(self) -> None:
        if self._original is None or not self.width():
            return
        width = min(self.width(), self._largest_px)
        scaled = self._original.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation)
        self.setPixmap(scaled)
        self.setFixedHeight(scaled.height())
