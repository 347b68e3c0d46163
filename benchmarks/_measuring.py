"""How the benchmarks measure: rows of a table, tasks that take turns, and memory in processes of their own."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Row:
    """One line of the result.

    Parameters
    ----------
    section, name
        What was measured.
    value, unit
        How much; the unit ``x`` is a ratio.
    limit
        At most so much is allowed, where there is a limit.
    note
        What the value comes from.
    """

    section: str
    name: str
    value: float
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def within(self) -> bool | None:
        """Whether the limit holds; None where there is none."""
        return None if self.limit is None else self.value <= self.limit


@dataclass(frozen=True)
class Times:
    """Seconds of the repetitions of one task."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return median(self.seconds)


def take_turns(tasks: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    """Run `tasks` in turns, once unmeasured and then `repeats` times; what one gives is dropped before the next starts.

    The machine is shared: what slows one task down for a while slows the others down, too.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            gc.collect()
            start = time.perf_counter()
            result = task()
            spent = time.perf_counter() - start
            del result
            if turn:
                seconds[name].append(spent)
    return {name: Times(tuple(spent)) for name, spent in seconds.items()}


@dataclass(frozen=True)
class Peak:
    """What a process of its own needed.

    Parameters
    ----------
    start_mb, peak_mb
        Memory once `imports` were there, and the most at any time.
    seconds
        Of the code, without starting Python and the imports.
    result
        What the code left in ``result``, ready for JSON.
    """

    start_mb: float
    peak_mb: float
    seconds: float
    result: object = None

    @property
    def above_start_mb(self) -> float:
        return self.peak_mb - self.start_mb


#: ``ru_maxrss`` of a child that was forked holds what its parent had then; VmHWM, where the system has it, starts anew with exec.
_RUNNER = """
import json, os, sys, time

def peak_mb():
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    except OSError:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 1024)

imports, code = json.loads(sys.argv[1])
names = {"arguments": sys.argv[2:]}
exec(imports, names)
start_mb, start = peak_mb(), time.perf_counter()
exec(code, names)
facts = {"start_mb": start_mb, "peak_mb": peak_mb(), "seconds": time.perf_counter() - start, "result": names.get("result")}
print("\\n" + json.dumps(facts))
"""


def in_own_process(imports: str, code: str, *arguments: object) -> Peak:
    """Run `code` in a fresh Python after `imports`; it finds `arguments` as texts in a list of that name."""
    command = [sys.executable, "-c", _RUNNER, json.dumps([imports, code]), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the measured process failed:\n{done.stderr[-2000:]}")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


#: For `in_own_process`: run ``napari-mid`` with the arguments, as from a shell.
COMMAND_LINE = "import contextlib, io\nfrom napari_mid.cli import main"
RUN_COMMAND = """
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    status = main(arguments)
assert status == 0, said.getvalue()
"""


class Opened:
    """Counts how often files below a folder are opened, by whom ever, while it is on."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}{os.sep}"
        self.counts: Counter[str] = Counter()
        self._on = False
        sys.addaudithook(self._note)

    def __enter__(self) -> Counter[str]:
        self._on = True
        return self.counts

    def __exit__(self, *_: object) -> None:
        self._on = False  # an audit hook cannot be taken back

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._on and event == "open" and str(arguments[0]).startswith(self._folder):
            self.counts[str(arguments[0])] += 1


def machine() -> dict[str, object]:
    """What the numbers depend on beside the code."""
    facts: dict[str, object] = {"cpus": os.cpu_count(), "python": sys.version.split()[0]}
    if hasattr(os, "getloadavg"):
        facts |= {"load": [round(value, 2) for value in os.getloadavg()], "nice": os.nice(0)}
    # where the kernel groups processes by session, `nice` only counts among those of the same session
    group = Path("/proc/self/autogroup")
    if group.is_file():
        facts["nice of the session"] = int(group.read_text().split()[-1])
    return facts
