"""``napari-mid doctor``: what this machine has, and what to do about what is missing. It must run where everything else fails."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from napari_mid.cli.common import print_facts

EXAMPLE = "napari-mid doctor --json"

#: Qt bindings that qtpy can use, in its order.
QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
PACKAGES = ("torch", "timm", "napari", "numpy", "pandas", "scikit-image", "matplotlib", "tifffile", "imagecodecs")
#: A well of a few thousand cells with four channels needs about this much.
LEAST_MEMORY_GIB = 4.0
LEAST_DISK_GIB = 2.0
GIB = 2**30
#: Seconds after which the window system is given up on.
PROBE_TIMEOUT_S = 60

#: Run in another process: where drivers or display are broken, Qt ends the process instead of raising.
OPENGL_PROBE = """
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
application = QGuiApplication([])
context = QOpenGLContext()
surface = QOffscreenSurface()
surface.create()
if not context.create() or not context.makeCurrent(surface):
    raise SystemExit("Qt could not make an OpenGL context on the platform " + application.platformName())
from OpenGL import GL
strings = [GL.glGetString(name) for name in (GL.GL_VERSION, GL.GL_RENDERER)]
print(", ".join(string.decode() if string else "unknown" for string in strings))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Parameters
    ----------
    name
        What it is.
    status
        ``"ok"``; ``"note"``: works, but slower or without a part; ``"missing"``: something will not work.
    found
        What was found.
    advice
        What to do; empty where all is well.
    """

    name: str
    status: Literal["ok", "note", "missing"]
    found: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``doctor``."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> None:
    """Look at everything and say what was found."""
    findings = examine()
    missing = [finding.name for finding in findings if finding.status == "missing"]
    if options.json:
        checks: dict[str, Any] = {finding.name: asdict(finding) for finding in findings}
        print_facts({"ok": not missing, "missing": missing, "checks": checks}, as_json=True)
        return
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{finding.status:8}{finding.name:{width}}  {finding.found}")
        if finding.advice:
            print(f"{'':{width + 10}}-> {finding.advice}")
    print(f"missing: {', '.join(missing)}" if missing else "everything that is needed is here")


def examine() -> list[Finding]:
    """Look at everything; a check that fails in a way nobody foresaw becomes a finding itself."""
    return [_guarded(name, check) for name, check in CHECKS.items()]


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a doctor that dies of what it finds is of no use
        reason = " ".join(str(error).split()) or "no reason given"
        return Finding(name, "missing", f"could not be checked: {type(error).__name__}: {reason}", "install napari-mid again")


def check_version() -> Finding:
    """Our version, Python's and the system's."""
    from napari_mid import __version__

    return Finding("napari-mid", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")


def check_packages() -> Finding:
    """Versions of what we build on."""
    versions, absent = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    found = ", ".join(versions)
    if absent:
        return Finding("packages", "missing", f"{found}; not installed: {', '.join(absent)}", f"pip install {' '.join(absent)}")
    return Finding("packages", "ok", found)


def check_device() -> Finding:
    """The device that ``--device auto`` takes, and why there is no faster one."""
    import torch

    from napari_mid.cells.device import device_label, pick_device

    device = pick_device()
    label = f"{device_label(device)}, {torch.get_num_threads()} CPU threads"
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return Finding("device", "ok", f"{label}, {free / GIB:.1f} of {total / GIB:.1f} GiB free")
    if device.type == "mps":
        return Finding("device", "ok", label)
    reason, advice = _why_no_cuda(torch.version.cuda)
    return Finding("device", "note", f"{label}; {reason}", advice)


def _why_no_cuda(built_for: str | None) -> tuple[str, str]:
    if sys.platform == "darwin":
        return "no Apple GPU that torch can use", "a Mac with an M chip and macOS 12.3 or newer is several times faster"
    driver = shutil.which("nvidia-smi") is not None
    if built_for is None:
        reason = "this torch is built for the CPU only"
        return (
            reason,
            "install a CUDA build of torch (pytorch.org, Get started)" if driver else "nothing to do without an NVIDIA GPU",
        )
    if not driver:
        return "no NVIDIA driver found", "nothing to do without an NVIDIA GPU; with one, install its driver"
    return (
        f"an NVIDIA driver is here, but torch (CUDA {built_for}) cannot use it",
        "run nvidia-smi; update the driver, or install a torch built for its CUDA version",
    )


def check_qt() -> Finding:
    """The Qt binding that the window would use."""
    found = [name for name in QT_BINDINGS if importlib.util.find_spec(name) is not None]
    if not found:
        return Finding(
            "Qt binding", "missing", "none: the command line works, the window does not", 'pip install "napari-mid[all]"'
        )
    chosen = os.environ.get("QT_API", "").lower()
    wanted = next((name for name in found if name.lower() == chosen), found[0])
    others = f", also {', '.join(name for name in found if name != wanted)}" if len(found) > 1 else ""
    advice = "two Qt bindings in one environment may clash: uninstall one" if len(found) > 1 else ""
    return Finding("Qt binding", "note" if advice else "ok", f"{wanted} {_version(wanted)}{others}", advice)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _has_display() -> bool:
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def check_display() -> Finding:
    """A screen, or a program that makes a virtual one."""
    if _has_display():
        name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or sys.platform
        return Finding("display", "ok", name)
    if shutil.which("xvfb-run"):
        return Finding("display", "note", "none, but a virtual one can be made", "xvfb-run -a napari-mid demo")
    return Finding(
        "display",
        "missing",
        "none",
        "log in at a desktop, or make a virtual one (Debian: apt install xvfb xauth libgl1-mesa-dri)",
    )


def check_opengl() -> Finding:
    """OpenGL as napari's canvas needs it, tried in another process."""
    if not any(importlib.util.find_spec(name) for name in QT_BINDINGS):
        return Finding("OpenGL", "missing", "not tried: it needs a Qt binding", 'pip install "napari-mid[all]"')
    command = [sys.executable, "-c", OPENGL_PROBE]
    environment = {**os.environ}
    if not _has_display():
        if not shutil.which("xvfb-run"):
            return Finding("OpenGL", "missing", "not tried: it needs a display", "see display")
        command = ["xvfb-run", "-a", *command]
        # left from a test run, it would keep Qt from the virtual display
        environment.pop("QT_QPA_PLATFORM", None)
    return _opengl_finding(command, environment)


def _opengl_finding(command: list[str], environment: dict[str, str]) -> Finding:
    advice = "install the graphics driver, or Mesa's software one (Debian: apt install libgl1 libegl1 libopengl0 libgl1-mesa-dri)"
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return Finding("OpenGL", "missing", f"no answer within {PROBE_TIMEOUT_S} s", advice)
    if done.returncode == 0:
        return Finding("OpenGL", "ok", " ".join(done.stdout.split()))
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = lines[-1] if lines else f"the process ended with status {done.returncode}"
    missing_library = next((line for line in lines if "cannot open shared object file" in line or "xcb" in line), None)
    return Finding("OpenGL", "missing", missing_library or reason, advice)


def check_formats() -> Finding:
    """Whether compressed TIFFs and PNGs can be read, by writing and reading one of each."""
    import io

    import imageio.v3 as iio
    import numpy as np
    import tifffile

    image = np.arange(256, dtype=np.uint16).reshape(16, 16)
    unreadable = []
    for compression in (None, "lzw", "deflate", "zstd", "jpeg2000"):
        buffer = io.BytesIO()
        try:
            tifffile.imwrite(buffer, image, compression=compression)
            buffer.seek(0)
            if not np.array_equal(tifffile.imread(buffer), image):
                unreadable.append(f"TIFF {compression}")
        except Exception:  # each codec has errors of its own
            unreadable.append(f"TIFF {compression or 'plain'}")
    if not np.array_equal(iio.imread(iio.imwrite("<bytes>", image, extension=".png"), extension=".png"), image):
        unreadable.append("PNG")
    if unreadable:
        return Finding(
            "formats", "missing", f"cannot be read: {', '.join(unreadable)}", "pip install --upgrade imagecodecs tifffile"
        )
    return Finding("formats", "ok", "TIFF (plain, LZW, deflate, zstd, JPEG 2000), PNG")


def check_memory() -> Finding:
    """Free memory."""
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    if memory.available < LEAST_MEMORY_GIB * GIB:
        return Finding("memory", "note", found, "close other programs; large wells may not fit")
    return Finding("memory", "ok", found)


def check_disk() -> Finding:
    """Free space where results would be written."""
    usage = shutil.disk_usage(Path.cwd())
    found = f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free in {Path.cwd()}"
    if not os.access(Path.cwd(), os.W_OK):
        return Finding("disk", "note", f"{found}, which cannot be written to", "give --out a folder that can be written to")
    if usage.free < LEAST_DISK_GIB * GIB:
        return Finding("disk", "note", found, "make room before training or simulating")
    return Finding("disk", "ok", found)


def check_demo_model() -> Finding:
    """The models that ship with the package."""
    from napari_mid.errors import ModelError
    from napari_mid.model.folder import DEMO_MODELS, load_model

    try:
        models = [load_model(path) for path in DEMO_MODELS.values()]
    except ModelError as error:
        return Finding("demo model", "missing", str(error), "install napari-mid again")
    return Finding("demo model", "ok", ", ".join(f"{model.config.name} ({model.hash})" for model in models))


#: What is looked at, in the order shown.
CHECKS: dict[str, Callable[[], Finding]] = {
    "napari-mid": check_version,
    "packages": check_packages,
    "device": check_device,
    "Qt binding": check_qt,
    "display": check_display,
    "OpenGL": check_opengl,
    "formats": check_formats,
    "memory": check_memory,
    "disk": check_disk,
    "demo model": check_demo_model,
}
