"""Write constraints.txt: one version of every package that the extras bring, for Linux, macOS and Windows alike."""

from __future__ import annotations

import re
import subprocess
import sys
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
        *("--extra", "all", "--extra", "test", "--extra", "dev"),
        *("--universal", "--python-version", "3.11", "--upgrade"),
        *("--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "==" in line]


def tidy(line: str) -> str | None:
    """The pin of `line`; a constraint needs a marker only where the package exists for one system alone."""
    pin, _, marker = (part.strip() for part in line.partition(";"))
    if pin.partition("==")[0] in NOT_OURS or ELSEWHERE.search(marker):
        return None
    return f'{pin} ; sys_platform == "linux"' if LINUX_ONLY.match(pin) else pin


def main() -> None:
    """Resolve, tidy and write."""
    pins = [pin for pin in map(tidy, resolved()) if pin]
    (ROOT / "constraints.txt").write_text(HEADER + "".join(f"{pin}\n" for pin in pins), encoding="utf-8")


if __name__ == "__main__":
    main()
