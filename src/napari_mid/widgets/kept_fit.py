"""Keeps a well that fills the canvas filling it, whatever size that takes on, until the user moves it."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QObject

from napari_mid.viewer.compat import camera, canvas_widget, is_open
from napari_mid.viewer.one_shot import one_shot
from napari_mid.viewer.presenter import Presenter
from napari_mid.widgets.parts import listen

#: The canvas is resized many times while a border is dragged: the well follows a moment after the last one.
WAIT_MS = 60


class KeptFit(QObject):
    """Fits the well again after the canvas was resized, unless the user has moved it.

    Parameters
    ----------
    presenter
        Says when it has fitted a well, or the overview.
    """

    def __init__(self, presenter: Presenter) -> None:
        canvas = canvas_widget(presenter.viewer)
        super().__init__(canvas)
        self.viewer = presenter.viewer
        self._fitted: tuple[float, ...] | None = None
        self._timer = one_shot(self, self._fit, WAIT_MS)
        canvas.installEventFilter(self)
        listen(self, self._on_fitted, presenter.fitted)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """The canvas has another size."""
        if event.type() == QEvent.Type.Resize and not self._timer.isActive() and self._fitted == self._view():
            self._timer.start()
        return False

    def _view(self) -> tuple[float, ...]:
        view = camera(self.viewer)
        return (*np.round(np.asarray(view.center, dtype=float)[-2:], 6).tolist(), round(float(view.zoom), 9))

    def _on_fitted(self) -> None:
        self._fitted = self._view()

    def _fit(self) -> None:
        # the user may have moved it in the meantime
        if is_open(self.viewer) and self._fitted == self._view():
            self.viewer.reset_view()
            self._fitted = self._view()
