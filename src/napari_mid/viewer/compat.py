"""The differences between the napari releases we support (0.8 and 0.9), and the few private things we need."""

from __future__ import annotations

import gc
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any


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


def spare_collections() -> None:
    """Keep what is loaded by now, a million objects of torch and others, out of Python's garbage collections, once a process.

    napari collects garbage whenever layers are removed, so at every change of the well, and the window stands still meanwhile.
    """
    if not gc.get_freeze_count():
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


def drop_target(viewer: Any) -> Any:
    """The Qt widget on which files are dropped."""
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


def canvas_widget(viewer: Any) -> Any:
    """The Qt widget of the canvas."""
    return viewer.window._qt_viewer.canvas.native
