"""Keys that work while a panel of ours has the focus; napari's own keys stay as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from napari_mid.session import N_CLASSES, Session
from napari_mid.viewer.cells import ranks_shown
from napari_mid.viewer.layers import is_ours
from napari_mid.widgets.actions import Actions

#: Key and what it does, for the help text.
KEYS = {
    "N": "next well with images",
    "P": "previous well with images",
    "R": "run",
    "Esc": "cancel",
    "J": "next cell by relevance",
    "K": "previous cell by relevance",
    "X": "leave the selected cells out, or take them back",
    "1": "to 9: sort the selected cells into a class",
    "E": "screenshot",
    "G": "more slices in the galleries",
    "B": "a negative-control well beside this one",
    "Ctrl+Z": "undo that",
}
#: Those that napari leaves free, under its names for them; they work on the canvas, too.
ON_CANVAS = {"N": "N", "J": "J", "K": "K", "X": "X", "Ctrl+Z": "Control-Z"}


def bind_keys(panel: QWidget, session: Session, actions: Actions) -> None:
    """Bind `KEYS` on `panel` and what is in it."""
    handlers = _handlers(session, actions)
    for key in handlers:
        shortcut = QShortcut(QKeySequence(key), panel)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(handlers[key])


def bind_canvas_keys(viewer: Any, session: Session, actions: Actions) -> None:
    """Bind `ON_CANVAS` on the viewer, where no other plugin has them, and on our image layers.

    The layer that is selected gets keys before the viewer, and napari turns the view of images with X.
    """
    handlers = _handlers(session, actions)
    for key, its_name in ON_CANVAS.items():
        with contextlib.suppress(ValueError):  # somebody else was first: ours still work in the panels
            viewer.bind_key(its_name, lambda _viewer, act=handlers[key]: act())

    def bind(event: Any) -> None:
        for key, its_name in ON_CANVAS.items() if is_ours(event.value) else ():
            event.value.bind_key(its_name, lambda _layer, act=handlers[key]: act(), overwrite=True)

    viewer.layers.events.inserted.connect(bind)


def help_text() -> str:
    """The keys in one line."""
    return "Keys: " + " · ".join(f"<b>{key}</b> {what}" for key, what in KEYS.items())


def _handlers(session: Session, actions: Actions) -> dict[str, Callable[[], None]]:
    return {
        "N": lambda: actions.step_well(1),
        "P": lambda: actions.step_well(-1),
        "R": actions.run,
        "Esc": actions.cancel,
        "J": lambda: step_cell(session, 1),
        "K": lambda: step_cell(session, -1),
        "X": actions.leave_out,
        "Ctrl+Z": actions.undo,
        "E": actions.screenshot.emit,
        "G": actions.grow.emit,
        "B": actions.toggle_compare,
        **{str(number): partial(actions.mark, number) for number in range(1, N_CLASSES + 1)},
    }


def step_cell(session: Session, step: int) -> None:
    """Select the cell whose rank is `step` further; the most relevant one where none is selected."""
    result = session.result
    if result is None or not result.n_cells:
        return
    ranks = ranks_shown(result)
    order = ranks.argsort(kind="stable")[int((ranks < 1).sum()) :]
    if not len(order):
        return
    if session.cell is None:
        session.cell = int(order[0])
        return
    here = np.flatnonzero(order == session.cell)
    # where the cell was left out the next one has moved up into its place
    place = int(here[0]) + step if len(here) else session.last_rank - (1 if step > 0 else 2)
    if 0 <= place < len(order):
        session.cell = int(order[place])
