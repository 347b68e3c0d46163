"""Opens the docks from below: they are Qt and stand above this room, so napari's own command does it."""

from __future__ import annotations

from typing import Any


def open_layout(viewer: Any) -> Any:
    """Open both docks of `viewer` where they usually are; gives the `widgets.window.Window`."""
    from npe2 import PluginManager

    return PluginManager.instance().commands.execute("napari-mid.open_layout", args=(viewer,))
