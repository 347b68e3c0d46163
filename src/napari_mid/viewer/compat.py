"""The differences between the napari releases we support (0.8 and 0.9), and the few private things we need."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

#: Occasions on which garbage collections were spared what was there.
_spared: set[str] = set()


def unwrapped(viewer: Any) -> Any:
    """The viewer itself, where napari handed a widget its proxy."""
    return getattr(viewer, "__wrapped__", viewer)


def camera(viewer: Any) -> Any:
    """The camera; 0.9 moved it into the scene."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def scale_bar(viewer: Any) -> Any:
    """The scale bar overlay; 0.9 moved it into the canvas."""
    return viewer.canvas.overlays.scale_bar if hasattr(viewer, "canvas") else viewer.scale_bar


def text_overlay(viewer: Any) -> Any:
    """The text overlay; 0.9 moved it into the canvas."""
    return viewer.canvas.overlays.text if hasattr(viewer, "canvas") else viewer.text_overlay


def batched(viewer: Any) -> AbstractContextManager[None]:
    """Several layers are removed as one: 0.9 collects Python's garbage, which takes long, for each removal by itself."""
    found: AbstractContextManager[None] = getattr(viewer.layers, "batched_update", nullcontext)()
    return found


@contextmanager
def at_once(points: Any) -> Iterator[None]:
    """Several properties of a Points layer change as one: napari would draw all points after each, some of them half changed."""
    features, limits = points.features, points.face_contrast_limits
    with ExitStack() as held:
        for events in (points.events, points._face.events, points._border.events):
            held.enter_context(events.blocker_all())
        held.enter_context(points._block_refresh())
        yield
    if not points.visible:  # a hidden layer is not refreshed, but asked for its points all the same
        points.set_view_slice()
        points._clear_extent()
    points.refresh()
    if points.face_contrast_limits != limits:
        points._face.events.contrast_limits(value=points.face_contrast_limits)
    if points.features is not features:
        points.events.features()


def spare_collections(occasion: str) -> None:
    """Keep what is loaded by now, a million objects of torch and others, out of Python's garbage collections, once an `occasion`.

    A collection takes a quarter of a second for so many, in which the window stands still. What lives now and refers to itself,
    as layers do, is not freed any more: there should be nothing large among it.
    """
    # to count what is frozen takes a tenth of a second; where others have frozen something before us, we leave it to them
    if occasion in _spared or (not _spared and gc.get_freeze_count()):
        return
    _spared.add(occasion)
    gc.freeze()


def is_open(viewer: Any) -> bool:
    """Whether the viewer still has its window; a closed one must not be touched."""
    return getattr(viewer.window, "_qt_window", None) is not None


def main_window(viewer: Any) -> Any:
    """The Qt main window."""
    return viewer.window._qt_window


def central_layout(viewer: Any) -> Any:
    """The Qt layout that holds the canvas, in a row."""
    return main_window(viewer).centralWidget().layout()


def qt_viewer(viewer: Any) -> Any:
    """The Qt widget of the canvas with what is around it; files are dropped on it."""
    return viewer.window._qt_viewer


def keep_llvm_apart() -> None:
    """Keep torch from loading Triton into a process whose OpenGL driver has brought its own LLVM: the two crash each other.

    Mesa draws with libLLVM (always without a GPU), Triton carries another copy, and importing timm loads Triton through
    torchvision, though nothing here compiles a model. torch does without Triton where it cannot be imported.
    """
    maps = Path("/proc/self/maps")
    if sys.platform == "linux" and "triton" not in sys.modules and maps.is_file() and "libLLVM" in maps.read_text():
        sys.modules["triton"] = None  # type: ignore[assignment]  # Python's own way to say that it cannot be imported


def let_notifications_fade() -> None:
    """Restart the timers of the notifications on the canvas: napari stops them when another comes, and they stay."""
    try:
        from napari._qt.dialogs.qt_notification import NapariQtNotification
    except ImportError:
        return
    for notification in getattr(NapariQtNotification, "_instances", []):
        notification.timer_start()


def canvas_size(viewer: Any) -> tuple[int, int]:
    """(height, width) of the canvas in its own pixels, those that the camera's zoom counts."""
    size = viewer.window._qt_viewer.canvas.size
    return int(size[0]), int(size[1])


def glyphs(qt_viewer: Any) -> Any | None:
    """The letters that the canvas of a QtViewer writes with: a mapping that draws what it is asked for; None where unknown."""
    try:
        font = qt_viewer.canvas.font_info()
        return font.font_manager.get_font(font.face)
    except AttributeError:
        return None


def canvas_widget(viewer: Any) -> Any:
    """The Qt widget of the canvas."""
    return viewer.window._qt_viewer.canvas.native
