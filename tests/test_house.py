"""Rules of the house that no linter knows; CONTRIBUTING.md gives the reasons."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_mid"
LONGEST = 400
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".csv", ".json", ".cfg", ".html", ".jinja", ".css", ""}
#: Extras that the Makefile installs.
INSTALLED = ("all", "anndata", "evaluate", "test", "dev")
#: Folders that exist on one developer's machine only.
MACHINE_PATH = re.compile(r"(?<![\w.<])/(?:work|tmp|root|home|Users|mnt|scratch)/[\w.-]+")


def python_files(*folders: str) -> list[Path]:
    """The Python files below `folders` of the checkout."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def committed_files() -> list[Path]:
    """What git tracks, so that the build's own output is left out."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def name_of(path: Path) -> str:
    """The path as an error message shows it."""
    return path.relative_to(ROOT).as_posix()


def test_files_stay_short() -> None:
    files = python_files("src", "tests", "scripts", "benchmarks")
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lengths) > 50
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_only_the_command_line_prints() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files("src/napari_mid")
        if path.relative_to(PACKAGE).parts[0] != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in python_files("src", "scripts")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError", line)
    ]
    assert found == []


def test_no_path_of_a_machine_is_committed() -> None:
    found = []
    for path in committed_files():
        if path.suffix in TEXT and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{name_of(path)}: {match.group()}" for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_constraints_hold_names_and_versions_only() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    pin = re.compile(r"""[a-z0-9-]+==[\w.+!]+( ; (sys_platform|python_full_version) [=<>]+ ['"][\w.]+['"])?""")
    assert [line for line in lines if not pin.fullmatch(line)] == []


def test_every_direct_dependency_is_constrained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        re.match(r"[A-Za-z0-9-]+", requirement)[0].lower()  # type: ignore[index]
        for requirement in chain(project["dependencies"], *(extras[name] for name in INSTALLED))
    }
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert wanted - pinned == set()


def test_every_room_is_in_the_picture() -> None:
    """CONTRIBUTING.md shows the house as it stands: every room, and no room that is not there."""
    picture = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("```")[1]
    shown = set(re.findall(r"\b([a-z_]+)/", picture))
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    inner = {path.parent.name for path in PACKAGE.glob("*/*/__init__.py")}
    assert rooms | inner == shown
