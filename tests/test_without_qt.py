"""The core and the command line run where there is no Qt, no napari and no screen, such as on a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import napari_mid
from napari_mid.cli.main import COMMANDS

PACKAGE = Path(napari_mid.__file__).parent
EDGES = {"viewer", "widgets"}

#: Put before the code under test: whatever needs a window cannot be imported, even where it is installed.
BLOCK = """
import sys
BLOCKED = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "napari", "superqt", "magicgui", "vispy"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked in this test", name=name)

sys.meta_path.insert(0, Blocker())
"""

IMPORT_ALL = """
import importlib, json
failures = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except Exception as error:
        failures[name] = repr(error)
print(json.dumps(failures))
"""


def core_modules() -> list[str]:
    """Every module of the package outside the rooms that need a window."""
    paths = [path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py")]
    return sorted(
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if path.parts[1] not in EDGES and path.stem != "__main__"
    )


def run_blocked(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a Python of its own, without a display."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_API"}}
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )


def test_the_block_holds() -> None:
    """Else the tests below would prove nothing."""
    done = run_blocked("import qtpy")
    assert "blocked in this test" in done.stderr


def test_every_module_of_the_core_imports() -> None:
    modules = core_modules()
    assert {"napari_mid.session", "napari_mid.cli.main", "napari_mid.plates.plate"} <= set(modules)
    done = run_blocked(IMPORT_ALL, json.dumps(modules))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_of_every_command(command: str | None) -> None:
    arguments = [command, "--help"] if command else ["--help"]
    done = run_blocked("from napari_mid.cli import main; sys.exit(main(sys.argv[1:]))", *arguments)
    assert done.returncode == 0, done.stderr
    assert "usage: napari-mid" in done.stdout
    assert command is None or "example:" in done.stdout
