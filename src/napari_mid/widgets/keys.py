"""Keys that work while a panel of ours has the focus; napari's own keys stay as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from napari_mid.session import Session
from napari_mid.widgets.actions import Actions

#: Key and what it does, for the help text.
KEYS = {
    "N": "next well with images",
    "P": "previous well with images",
    "R": "run",
    "Esc": "cancel",
    "J": "next cell by relevance",
    "K": "previous cell by relevance",
}
#: Those that napari leaves free; they work on the canvas, too.
ON_CANVAS = ("N", "J", "K")


def bind_keys(panel: QWidget, session: Session, actions: Actions) -> None:
    """Bind `KEYS` on `panel` and what is in it."""
    handlers = _handlers(session, actions)
    for key in KEYS:
        shortcut = QShortcut(QKeySequence(key), panel)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(handlers[key])


def bind_canvas_keys(viewer: Any, session: Session, actions: Actions) -> None:
    """Bind `ON_CANVAS` on the viewer, where no other plugin has them."""
    handlers = _handlers(session, actions)
    for key in ON_CANVAS:
        with contextlib.suppress(ValueError):  # somebody else was first: ours still work in the panels
            viewer.bind_key(key, lambda _viewer, act=handlers[key]: act())


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
    }


def step_cell(session: Session, step: int) -> None:
    """Select the cell whose rank is `step` further; the most relevant one where none is selected."""
    result = session.result
    if result is None or not result.n_cells:
        return
    order = result.cells["rank"].to_numpy().argsort(kind="stable")
    if session.cell is None:
        session.cell = int(order[0])
        return
    place = int((order == session.cell).argmax()) + step
    if 0 <= place < len(order):
        session.cell = int(order[place])
