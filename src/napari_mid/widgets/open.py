"""What the manifest names: the docks and the command that opens the usual layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mid.viewer.one_shot import one_shot
from napari_mid.widgets.mid_panel import MidPanel
from napari_mid.widgets.plate_panel import PlatePanel
from napari_mid.widgets.train_panel import TrainPanel
from napari_mid.widgets.window import MID, PLATE, Window, window_of

if TYPE_CHECKING:
    import napari

#: Name of the dock, as in the manifest.
TRAIN = "Train model"


class MidDock(MidPanel):
    """The panel `MID` of a viewer; napari passes the viewer by the parameter's name."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        window = window_of(napari_viewer)
        super().__init__(window.session, window.actions)
        window.panels[MID] = self
        _share_place(window, self)


class PlateDock(PlatePanel):
    """The panel `Plate` of a viewer."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        window = window_of(napari_viewer)
        super().__init__(window.session, window.actions)
        window.panels[PLATE] = self


class TrainDock(TrainPanel):
    """The panel `Train model` of a viewer."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        window = window_of(napari_viewer)
        super().__init__(window.session, window.actions)
        window.panels[TRAIN] = self
        _share_place(window, self)


def open_layout(viewer: napari.viewer.Viewer) -> Window:
    """Open both docks where they usually are."""
    window = window_of(viewer)
    window.open_layout()
    return window


def _share_place(window: Window, panel: MidPanel | TrainPanel) -> None:
    """Let `panel` share its place once napari has docked it, which it does after the panel is made."""
    one_shot(panel, lambda: window.share_place(panel)).start()
