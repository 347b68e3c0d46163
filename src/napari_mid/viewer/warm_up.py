"""What napari takes long for the first time is done in small pieces while the window is idle: units, a layer, letters."""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_mid.viewer.compat import glyphs

#: What nearly every word, number and axis on the canvas is made of. napari has room for some 130 letters: others need theirs.
CHARACTERS = string.ascii_letters + string.digits + " .,:-%()=µ"
#: Milliseconds between two pieces.
INTERVAL_MS = 15


def warm_up(qt_viewer: Any) -> None:
    """Do a piece in each of the next turns of the event loop, for the canvas of a QtViewer, as long as that is there."""
    letters = glyphs(qt_viewer)
    left: list[Callable[[], object]] = [partial(_layer, None), partial(_layer, "um")]
    left += [partial(letters.__getitem__, letter) for letter in CHARACTERS] if letters is not None else []
    timer = QTimer(qt_viewer)

    def next_piece() -> None:
        if left:
            left.pop(0)()
        else:
            timer.stop()
            timer.deleteLater()

    timer.timeout.connect(next_piece)
    timer.start(INTERVAL_MS)


def _layer(unit: str | None) -> None:
    """Make a layer that is shown nowhere: the first one, and the first with a unit, take a tenth of a second each."""
    from napari.layers import Image

    Image(np.zeros((2, 2), dtype=np.uint16), contrast_limits=(0, 1), units=None if unit is None else (unit, unit))
