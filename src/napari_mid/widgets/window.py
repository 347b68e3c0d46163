"""One session, one presenter and one set of jobs for each viewer, whichever dock is opened first."""

from __future__ import annotations

import sys
import weakref
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_mid.session import Message, Session
from napari_mid.viewer.compat import (
    central_layout,
    is_open,
    keep_llvm_apart,
    let_notifications_fade,
    main_window,
    qt_viewer,
    unwrapped,
)
from napari_mid.viewer.presenter import Presenter
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.beside_panel import BesidePanel
from napari_mid.widgets.colour_bar import ColourBar
from napari_mid.widgets.drops import PlateDrops
from napari_mid.widgets.kept_fit import KeptFit
from napari_mid.widgets.keys import bind_canvas_keys
from napari_mid.widgets.mid_panel import WIDTH_PX, MidPanel
from napari_mid.widgets.parts import disconnect_all
from napari_mid.widgets.train_panel import TrainPanel
from napari_mid.widgets.work import Jobs

_TELL = {"info": show_info, "warning": show_warning, "error": show_error}
#: Names of the docks, as in the manifest; napari adds the plugin's name.
MID, PLATE = "MID", "Plate"
#: Height of the plate's dock in the usual layout, in pixels, and at most as a part of the window's.
PLATE_HEIGHT_PX, PLATE_PART = 280, 0.3

#: Messages in one notification.
MAX_TOLD = 5
#: How long to wait before the demo model is loaded, in milliseconds.
IDLE_MS = 400
#: Python lets a thread go on for so long before another one gets its turn, in seconds; it is 5 ms by itself, and the thread that
#: draws waits as long for each of those that work, hundreds of times while a layer is made.
SWITCH_SECONDS = 0.001

_windows: weakref.WeakKeyDictionary[Any, Window] = weakref.WeakKeyDictionary()


class Window:
    """What belongs to one viewer."""

    def __init__(self, viewer: Any) -> None:
        keep_llvm_apart()
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        self._viewer = weakref.ref(viewer)
        self.session = Session()
        self.jobs = Jobs(self.session, self._is_open)
        self.presenter = Presenter(viewer, self.session)
        self.actions = Actions(self.session, self.jobs, self.presenter)
        #: the panels that are open, by name; docks put themselves here
        self.panels: dict[str, QWidget] = {}
        #: another well beside the open one, while it is wanted
        self.beside: BesidePanel | None = None
        self.actions.compare.connect(self._compare)
        self.session.events.told.connect(self._tell)
        self._drops = PlateDrops(qt_viewer(viewer), self._drop, self._drop_results, lambda: bool(self.panels))
        self._untold: list[Message] = []
        bind_canvas_keys(viewer, self.session, self.actions)
        self.colour_bar, self.fit = ColourBar(self.presenter), KeptFit(self.presenter)
        main_window(viewer).destroyed.connect(self._on_destroyed)
        self._load_model_when_idle()

    @property
    def viewer(self) -> Any:
        """The viewer; None once it is gone."""
        return self._viewer()

    def open_layout(self) -> None:
        """Open the usual layout: MID to the right, Plate at the bottom."""
        window = self.viewer.window
        qt_window = main_window(self.viewer)
        _, mid = window.add_plugin_dock_widget("napari-mid", MID)
        _, plate = window.add_plugin_dock_widget("napari-mid", PLATE)
        mid_dock, plate_dock = _dock_of(mid), _dock_of(plate)
        qt_window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        if qt_window.dockWidgetArea(plate_dock) != Qt.DockWidgetArea.BottomDockWidgetArea:
            qt_window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, plate_dock)
        for dock in (mid_dock, plate_dock):
            dock.show()
            dock.raise_()
        qt_window.resizeDocks([mid_dock], [WIDTH_PX], Qt.Orientation.Horizontal)
        height = min(PLATE_HEIGHT_PX, int(PLATE_PART * qt_window.height()))
        qt_window.resizeDocks([plate_dock], [height], Qt.Orientation.Vertical)

    def share_place(self, front: MidPanel | TrainPanel) -> None:
        """Make tabs of `MID` and `Train model` where both are at one side, `front` before: below each other neither had room."""
        if not self._is_open():
            return
        window = main_window(self.viewer)
        docks = [dock for dock in window.findChildren(QDockWidget) if not (dock.isFloating() or dock.isHidden())]
        pair = [dock for kind in (MidPanel, TrainPanel) for dock in docks if dock.findChild(kind)]
        if len(pair) == 2 and window.dockWidgetArea(pair[0]) == window.dockWidgetArea(pair[1]):
            window.tabifyDockWidget(*pair)
            _dock_of(front).raise_()

    def _compare(self, on: bool) -> None:
        """Show another well beside the canvas, or do not any more."""
        if on == (self.beside is not None) or not self._is_open():
            return
        self.presenter.narrow = on
        self.colour_bar.refresh()
        if self.beside is not None:
            gone, self.beside = self.beside, None
            central_layout(self.viewer).removeWidget(gone)
            gone.close()
            return
        # no dock: those at the right would take the room of the plate's below
        self.beside = BesidePanel(self.session, self.actions)
        layout = central_layout(self.viewer)
        layout.addWidget(self.beside, 1)
        layout.setStretch(0, 1)

    def _drop(self, path: str) -> None:
        """Open the plate that was dropped, with the docks in which it is shown."""
        if not self.panels:
            self.open_layout()
        self.actions.open_plate(path)

    def _drop_results(self, path: str) -> None:
        """Show the results that were dropped."""
        if not self.panels:
            self.open_layout()
        self.actions.open_results(Path(path))

    def _load_model_when_idle(self) -> None:
        """Take the demo model, but let a plate that is being opened go first: importing torch takes seconds."""
        if not self._is_open() or self.session.model is not None or self.jobs.running("model"):
            return
        if self.jobs.running("plate") or self.jobs.running("images") or not self.panels:
            QTimer.singleShot(IDLE_MS, self._load_model_when_idle)
        else:
            self.actions.load_model()

    def _tell(self, message: Message) -> None:
        """Tell it when whatever runs now is through: what it had to say then stands in one notification."""
        self._untold.append(message)
        if len(self._untold) == 1:
            QTimer.singleShot(0, self._tell_all)

    def _tell_all(self) -> None:
        told, self._untold = self._untold, []
        if not self._is_open():
            return
        level = max((message.level for message in told), key=list(_TELL).index)
        texts = list(dict.fromkeys(message.text for message in sorted(told, key=lambda message: message.level != level)))
        more = [f"... and {len(texts) - MAX_TOLD} more"] if len(texts) > MAX_TOLD else []
        _TELL[level]("\n".join(texts[:MAX_TOLD] + more))
        let_notifications_fade()

    def _is_open(self) -> bool:
        viewer = self._viewer()
        return viewer is not None and is_open(viewer)

    def _on_destroyed(self) -> None:
        self.beside = None
        self.actions.keeper.stop()
        self.jobs.shutdown()
        disconnect_all(self.session.events)


def window_of(viewer: Any) -> Window:
    """The window of `viewer`, or of the proxy of it that napari hands to widgets."""
    viewer = unwrapped(viewer)
    if viewer not in _windows:
        _windows[viewer] = Window(viewer)
    return _windows[viewer]


def _dock_of(widget: QWidget) -> QDockWidget:
    parent = widget.parent()
    while not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
