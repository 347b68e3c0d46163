"""Find the system libraries that the window needs and that are not here; install them where that is possible.

Run by `make` before anything is installed, so it needs nothing but Python itself. It ends with status 0 when nothing is lacking
(any more). On Debian and its children, run as root, it installs what lacks; elsewhere it prints the one command to run.

    python3 scripts/system_libraries.py [--window-only]
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

#: What Qt and OpenGL load at run time, and the Debian package that holds it.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libOpenGL.so.0": "libopengl0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
}
#: Needed where there is no screen.
VIRTUAL_DISPLAY = {"xvfb-run": "xvfb", "xauth": "xauth"}
MESA = "libgl1-mesa-dri"
#: The packages' names where Fedora's differ from "the file itself", which its package manager understands.
FEDORA = {"xvfb": "xorg-x11-server-Xvfb", "xauth": "xorg-x11-xauth", MESA: "mesa-dri-drivers"}


def loads(library: str) -> bool:
    """Whether the dynamic linker finds `library`."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def lacking(*, window_only: bool) -> dict[str, str]:
    """What is not on this machine: what was looked for, and its Debian package."""
    absent = {library: package for library, package in LIBRARIES.items() if not loads(library)}
    if not window_only:
        absent |= {program: package for program, package in VIRTUAL_DISPLAY.items() if not shutil.which(program)}
        drivers = [Path("/usr/lib/dri"), Path("/usr/lib64/dri"), *Path("/usr/lib").glob("*/dri")]
        if not any((folder / "swrast_dri.so").exists() for folder in drivers):
            absent["swrast_dri.so"] = MESA
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        absent["ensurepip"] = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    return absent


def command_for(absent: dict[str, str]) -> list[str]:
    """The one command that installs `absent` on this system; empty where its package manager is not known."""
    packages = sorted(set(absent.values()))
    if shutil.which("apt-get"):
        return ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if shutil.which("dnf"):
        files = (FEDORA.get(package, f"{name}()(64bit)") for name, package in absent.items() if name != "ensurepip")
        return ["dnf", "install", "-y", *sorted(set(files))]
    return []


def install(command: list[str]) -> None:
    """Run `command` of apt-get with fresh package lists."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update"], env=environment, stdin=subprocess.DEVNULL, check=False)  # old lists may still do
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)  # the caller looks again at what lacks


def main() -> int:
    """Install or name what lacks; 0 when nothing does, else 1."""
    window_only = "--window-only" in sys.argv[1:]
    absent = lacking(window_only=window_only) if sys.platform == "linux" else {}
    command = command_for(absent)
    if absent and command and command[0] == "apt-get" and os.geteuid() == 0:
        print(f"Installing what this machine lacks: {' '.join(sorted(set(absent.values())))}", flush=True)
        install(command)
        absent = lacking(window_only=window_only)
        command = command_for(absent)
    if not absent:
        return 0
    print(f"\nThis machine lacks {', '.join(absent)}.", file=sys.stderr)
    if command:
        print(f"Run this, then `make` again:\n\n    sudo {shlex.join(command)}\n", file=sys.stderr)
    else:
        print(
            f"Install them with your package manager, then run `make` again. Debian calls them:\n\n"
            f"    {' '.join(sorted(set(absent.values())))}\n",
            file=sys.stderr,
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
