"""A timer that calls once, a while after it was last started."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


def one_shot(parent: QObject, call: Callable[[], object], wait_ms: int = 0) -> QTimer:
    """A timer of `parent`, gone with it, that calls `call` once, `wait_ms` after every start; a start meanwhile begins anew."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(wait_ms)
    timer.timeout.connect(call)
    return timer
