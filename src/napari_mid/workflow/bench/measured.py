"""How the bench measures: lines with a limit, tasks that take turns, and memory in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from napari_mid.errors import MidError


@dataclass(frozen=True)
class Measured:
    """One line of the result.

    Parameters
    ----------
    name
        What was measured.
    value, unit
        A ratio has the unit ``"x"``.
    limit, at_most
        The value must be at most, or else at least, this; None where the line only informs.
    note
        What the value was made from.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_most: bool = True
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the limit holds; None where there is none."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def take_turns(tasks: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The shortest seconds of each task, run in turns so that they share whatever else the machine does; once unmeasured."""
    best = dict.fromkeys(tasks, float("inf"))
    for task in tasks.values():
        task()
    for _ in range(repeats):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


#: The most memory that a process had, in MB. VmHWM starts anew with a program, ``ru_maxrss`` of a forked one does not.
_PEAK = """
import json, sys
def peak_mb():
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
"""


def peak_above_start_mb(imports: str, code: str, *arguments: str) -> float:
    """Memory that `code` needs in a fresh Python above what there is after `imports`; both find `arguments` as a list of texts.

    Raises
    ------
    MidError
        If the code fails.
    """
    script = f"{_PEAK}\narguments = sys.argv[1:]\n{imports}\nstart = peak_mb()\n{code}\nprint(json.dumps(peak_mb() - start))"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MidError(f"The process whose memory was measured failed: {' '.join(done.stderr.split())[-300:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))
