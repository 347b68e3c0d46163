"""Write constraints.txt: one version of every package that the extras bring, for Linux, macOS and Windows alike."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = "# The versions that the tests run with. Written by `make constraints`; used by the Makefile and by CI.\n"
NOT_OURS = {"pip", "setuptools", "uv"}
ELSEWHERE = re.compile(r"implementation_name == 'pypy'|sys_platform == 'emscripten'")
LINUX_ONLY = re.compile(r"(nvidia-|cuda-|triton)")


def resolved() -> list[str]:
    """The lines ``name==version`` or ``name==version ; marker`` of every package, on any system."""
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml"),
        *("--extra", "all", "--extra", "test", "--extra", "dev", "--extra", "evaluate", "--extra", "anndata"),
        *("--universal", "--python-version", "3.11", "--upgrade"),
        *("--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "==" in line]


def tidy(lines: Sequence[str]) -> list[str]:
    """The pins of `lines`; one needs a marker only where the package exists for one system, or differs between Pythons."""
    parts = [[part.strip() for part in line.partition(";")] for line in lines]
    parts = [part for part in parts if part[0].partition("==")[0] not in NOT_OURS and not ELSEWHERE.search(part[2])]
    versions = Counter(pin.partition("==")[0] for pin, _, _ in parts)
    markers = {
        pin: 'sys_platform == "linux"' if LINUX_ONLY.match(pin) else marker if versions[pin.partition("==")[0]] > 1 else ""
        for pin, _, marker in parts
    }
    return [f"{pin} ; {marker}" if marker else pin for pin, marker in markers.items()]


def main() -> None:
    """Resolve, tidy and write."""
    (ROOT / "constraints.txt").write_text(HEADER + "".join(f"{pin}\n" for pin in tidy(resolved())), encoding="utf-8")


if __name__ == "__main__":
    main()
