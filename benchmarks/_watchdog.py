"""How long the event loop of a window is held up, and by whom: our own code, or napari and what it stands on."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import numpy as np

#: The timer's interval, how often the main thread is looked at, and the longest that our code may hold it up; milliseconds.
TICK_MS, SAMPLE_MS, LONGEST_MS = 5, 2, 100
#: Whose work it is: ours, a layer that is made or removed, all else of napari and vispy, Qt alone, Python's garbage collector's.
OURS, LAYERS, NAPARI, OTHER, GARBAGE = "ours", "napari's layers", "napari and vispy, otherwise", "Qt alone", "garbage"
PARTS = (OURS, LAYERS, NAPARI, OTHER, GARBAGE)
#: Packages whose work napari's is, and functions of theirs that make or remove a layer.
THEIRS = ("napari", "vispy", "app_model", "npe2", "psygnal")
MAKING = frozenset(("add_image", "add_points", "add_vectors", "_add_layer", "_remove_layer", "insert", "append", "remove"))
#: Stalls of each kind that are told in full, and frames of each.
TOLD, DEPTH = 3, 14


@dataclass
class Turn:
    """From one tick of the timer to the next.

    Parameters
    ----------
    late_ms
        How late the tick came: wall clock.
    cpu_ms
        CPU time that the main thread spent.
    parts
        The same by whose work it was.
    """

    late_ms: float
    cpu_ms: float
    parts: dict[str, float]
    stacks: Counter[str] = field(default_factory=Counter)


class Watchdog:
    """A timer of the event loop that notes how late it fires, and a signal that looks at what the main thread does meanwhile.

    The signal's handler runs in the main thread itself. A thread that looked at it would hold its frames, and with them painters
    that Qt wants gone at the end of a paint event. Needs a system with ``setitimer``: not Windows.
    """

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.turns: dict[str, list[Turn]] = {}
        self._what = ""
        self._begin("")
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        self._main, self._collecting = threading.get_ident(), 0.0
        gc.callbacks.append(self._collect)
        signal.signal(signal.SIGALRM, self._look)
        signal.siginterrupt(signal.SIGALRM, False)
        signal.setitimer(signal.ITIMER_REAL, SAMPLE_MS / 1000, SAMPLE_MS / 1000)

    def close(self) -> None:
        """Stop watching."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.callbacks.remove(self._collect)
        self._timer.stop()

    @contextmanager
    def watch(self, what: str) -> Iterator[None]:
        """Note it under `what`."""
        self._begin(what)
        try:
            yield
        finally:
            self._tick()
            self._begin("")

    def _begin(self, what: str) -> None:
        self._what = what
        self._last, self._spent = time.perf_counter(), time.thread_time()
        self._looked, self._parts, self._stacks = self._spent, Counter[str](), Counter[str]()

    def _tick(self) -> None:
        what, parts, stacks = self._what, self._parts, self._stacks
        late, cpu = 1000 * (time.perf_counter() - self._last) - TICK_MS, 1000 * (time.thread_time() - self._spent)
        self._begin(what)
        if what:
            seen = sum(parts.values())
            # what was spent since the last look goes to all alike
            shares = {name: part * cpu / seen for name, part in parts.items()} if seen > 0 else {}
            self.turns.setdefault(what, []).append(Turn(late, cpu, shares, stacks if cpu > LONGEST_MS / 2 else Counter()))

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        """Give the CPU time since the last look to what the main thread is at."""
        if not self._what:
            return
        now = time.thread_time()
        spent, self._looked = 1000 * (now - self._looked), now
        stack = stack_of(frame)
        whose = whose_work(stack)
        self._parts[whose] += spent
        self._stacks[f"{whose}: {told(stack)}"] += spent

    def _collect(self, phase: str, info: dict[str, int]) -> None:
        """Python begins to collect garbage, or is through: it does so in the midst of whatever makes an object."""
        if threading.get_ident() != self._main:
            return
        now = time.thread_time()
        if phase == "start":
            self._collecting = now
        elif self._what:
            self._parts[GARBAGE] += 1000 * (now - self._collecting)
            self._stacks[f"{GARBAGE}: generation {info['generation']}"] += 1000 * (now - self._collecting)
            self._looked += now - self._collecting

    def table(self) -> dict[str, dict[str, object]]:
        """Per what was going on: the longest turns, in all and of each part, and how often they were above the limit."""
        found: dict[str, dict[str, object]] = {}
        for what, turns in self.turns.items():
            late, cpu = [turn.late_ms for turn in turns], [turn.cpu_ms for turn in turns]
            found[what] = {
                "longest_ms": round(max(late), 1),
                "p99_ms": round(float(np.percentile(late, 99)), 1),
                "longest_cpu_ms": round(max(cpu), 1),
                "cpu_above_limit": sum(each > LONGEST_MS for each in cpu),
                **{f"longest_cpu_ms, {part}": round(max(turn.parts.get(part, 0.0) for turn in turns), 1) for part in PARTS},
                "ours_above_limit": sum(turn.parts.get(OURS, 0.0) > LONGEST_MS for turn in turns),
                "ticks": len(turns),
            }
        return found

    def stalls(self) -> dict[str, list[str]]:
        """Per what was going on: where the longest turns spent their time."""
        found = {}
        for what, turns in self.turns.items():
            worst = sorted(turns, key=lambda turn: -turn.cpu_ms)[:TOLD]
            found[what] = [
                f"{turn.cpu_ms:.0f} ms = "
                + ", ".join(f"{part} {ms:.0f}" for part, ms in turn.parts.items())
                + "".join(f"\n    {ms:5.0f}  {stack}" for stack, ms in turn.stacks.most_common(DEPTH))
                for turn in worst
                if turn.cpu_ms > LONGEST_MS / 2
            ]
        return found


def stack_of(frame: FrameType | None) -> list[tuple[str, str]]:
    """(module, function) from the outermost to the innermost frame."""
    stack = []
    while frame is not None:
        stack.append((str(frame.f_globals.get("__name__", "?")), frame.f_code.co_qualname))
        frame = frame.f_back
    return stack[::-1]


def whose_work(stack: list[tuple[str, str]]) -> str:
    """Whose work a stack is: of the last of our frames and napari's, and of which kind where it is napari's.

    Other libraries (NumPy, pandas, Qt) work for whoever called them.
    """
    for module, _ in reversed(stack):
        package = module.partition(".")[0]
        if package == "napari_mid":
            return OURS
        if package in THEIRS:
            making = any(name.rpartition(".")[2] in MAKING and each.partition(".")[0] in THEIRS for each, name in stack)
            return LAYERS if making else NAPARI
    return OTHER


def told(stack: list[tuple[str, str]]) -> str:
    """A stack in a line: the last of our frames, and where napari is from there."""
    ours = max((index for index, (module, _) in enumerate(stack) if module.partition(".")[0] == "napari_mid"), default=None)
    shown = stack[-4:] if ours is None else stack[max(0, ours - 2) :]
    if len(shown) > 7:
        shown = [*shown[:5], ("", "…"), *shown[-2:]]
    return " > ".join(f"{module.rpartition('.')[2]}.{name}".strip(".") for module, name in shown)
