"""Keeps a well that fills the canvas filling it, whatever size that takes on, until the user moves it."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QTimer

from napari_mid.session import Session
from napari_mid.viewer.compat import camera, canvas_widget, is_open
from napari_mid.widgets.parts import listen

#: The canvas is resized many times while a border is dragged: the well follows a moment after the last one.
WAIT_MS = 60


class KeptFit(QObject):
    """Fits the well again after the canvas was resized, unless the user has moved it.

    Parameters
    ----------
    viewer
        The napari viewer itself.
    session
        Whose wells are fitted when they open; a listener of it must have done so before this one is made.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        canvas = canvas_widget(viewer)
        super().__init__(canvas)
        self.viewer = viewer
        self.session = session
        self._fitted: tuple[float, ...] | None = None
        self._well: tuple[object, ...] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._fit)
        canvas.installEventFilter(self)
        events = session.events
        listen(self, self._on_shown, events.images_changed, events.preview_changed, events.overview_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """The canvas has another size."""
        if event.type() == QEvent.Type.Resize and not self._timer.isActive() and self._fitted == self._view():
            self._timer.start()
        return False

    def _view(self) -> tuple[float, ...]:
        view = camera(self.viewer)
        return (*np.round(np.asarray(view.center, dtype=float)[-2:], 6).tolist(), round(float(view.zoom), 9))

    def _on_shown(self) -> None:
        """Another well, or the overview, was fitted; a cell that was chosen before its well opened is gone to instead."""
        session = self.session
        images = session.images or session.preview
        shown = (session.plate_key(), images.well if images is not None else "", session.overview is not None)
        if shown != self._well:
            self._well = shown
            self._fitted = self._view() if len(session.chosen) != 1 else None

    def _fit(self) -> None:
        # the user may have moved it in the meantime
        if is_open(self.viewer) and self._fitted == self._view():
            self.viewer.reset_view()
            self._fitted = self._view()
