"""The command ``napari-mid train`` beside the window: started, followed, stopped.

It is a process of its own, not a thread: the window stays quick, a crash of one leaves the other alone, and what is shown is the
command that a person can run again. What it tells goes through a file, not a pipe, so that it can still end in good order when
the window has gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_mid.progress import Progress

#: Milliseconds between two looks at what the command told.
LOOK_MS = 300
#: Exit status of a command that was stopped, as `napari_mid.cli.train` has it.
STOPPED = 130
#: How the command begins its error and its warnings.
ERROR, WARNING = "napari-mid train: ", "warning: "
#: Steps of a stage from which the time that is left can be told.
TELLING = 2


@dataclass(frozen=True)
class Ended:
    """How the command ended.

    Parameters
    ----------
    how
        ``"done"``, ``"stopped"`` or ``"failed"``.
    sentence
        For a person.
    details
        All that it told, but for the progress.
    warnings
        One sentence each.
    """

    how: str
    sentence: str
    details: str
    warnings: tuple[str, ...] = ()


class Command:
    """One process; no Qt object, so that it can be stopped when those are gone.

    Parameters
    ----------
    arguments
        Of ``napari-mid``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        handle, told = tempfile.mkstemp(prefix="napari-mid-train-", suffix=".txt")
        self._told = Path(told)
        # Windows opens no console window for it
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "napari_mid.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUTF8": "1"},
                creationflags=flags,
            )
        except OSError:
            self._forget()
            raise
        finally:
            os.close(handle)
        self._read_to = 0
        self._rest = b""
        self.asked_to_stop = False

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def told(self) -> list[str]:
        """The whole lines that were told since the last call."""
        try:
            with self._told.open("rb") as file:
                file.seek(self._read_to)
                new = file.read()
        except OSError:
            return []
        self._read_to += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]

    def stop(self) -> None:
        """Ask it to end.

        On Linux and macOS that is SIGTERM: it keeps a checkpoint after its step, and ends. Windows knows no such request for a
        program without a window, so there it ends at once, and the checkpoint is the last one, at most five minutes old.
        """
        if self.status is None and not self.asked_to_stop:
            self.asked_to_stop = True
            self._process.terminate()

    def leave(self) -> None:
        """Ask it to end and look at it no more: the window is closing."""
        self.stop()
        self._forget()

    def close(self) -> None:
        """Forget what an ended command told."""
        self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(OSError):  # Windows does not delete what is still written to; it clears that folder itself
            self._told.unlink(missing_ok=True)


class Training(QObject):
    """Follows the command for a panel.

    Closing the panel or napari stops the command and waits for nothing.
    """

    #: a `Progress`, and the seconds that its stage needs still, or None where that is not known
    progressed = Signal(object, object)
    #: an `Ended`
    ended = Signal(object)

    def __init__(self, parent: QObject, command: Callable[[Sequence[str]], Command] = Command) -> None:
        super().__init__(parent)
        self._make = command
        self._command: Command | None = None
        self._lines: list[str] = []
        self._stage = ("", 0, 0.0)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.leave)

    @property
    def running(self) -> bool:
        """Whether the command is under way."""
        return self._command is not None

    @property
    def stopping(self) -> bool:
        """Whether it was asked to end and has not yet."""
        return self._command is not None and self._command.asked_to_stop

    def start(self, arguments: Sequence[str]) -> None:
        """Start the command; OSError where the system refuses."""
        self._command = self._make([*arguments, "--progress", "json"])
        self._lines, self._stage = [], ("", 0, 0.0)
        # the panel may be deleted without being asked: what is called then must not need it
        command = self._command
        parent = self.parent()
        if parent is not None:
            parent.destroyed.connect(lambda: command.leave() if command.status is None else None)
        self._timer.start()

    def stop(self) -> None:
        """Ask the command to end."""
        if self._command is not None:
            self._command.stop()

    def leave(self) -> None:
        """Ask the command to end, and look at it no more."""
        if self._command is not None:
            self._command.leave()
            self._command = None
            self._timer.stop()

    def _look(self) -> None:
        command = self._command
        if command is None:
            return
        status = command.status  # before the lines: what was told before the end is then all there
        latest = None
        for line in command.told():
            progress = progress_of(line)
            if progress is None:
                self._lines.append(line)
            else:
                latest = progress
        if latest is not None:
            self.progressed.emit(latest, self._seconds_left(latest))
        if status is not None:
            self._timer.stop()
            self._command = None
            command.close()
            self.ended.emit(ending(status, self._lines, asked=command.asked_to_stop))

    def _seconds_left(self, progress: Progress) -> float | None:
        stage, first, began = self._stage
        now = time.monotonic()
        if stage != progress.step or progress.done < first:
            self._stage = (progress.step, progress.done, now)
            return None
        steps = progress.done - first
        return (now - began) / steps * (progress.total - progress.done) if steps >= TELLING else None


def progress_of(line: str) -> Progress | None:
    """The progress that a line of ``--progress json`` tells; None where it tells something else."""
    if not line.startswith("{"):
        return None
    try:
        event: Any = json.loads(line)
        return Progress(str(event["stage"]), int(event["done"]), int(event["total"]), str(event["detail"]))
    except (ValueError, KeyError, TypeError):
        return None


def ending(status: int, lines: Sequence[str], *, asked: bool) -> Ended:
    """How a command ended that gave `status` and told `lines`, and whether it was `asked` to end."""
    kept = [line for line in lines if line.strip()]
    details = "\n".join(kept)
    warnings = tuple(line.removeprefix(WARNING) for line in kept if line.startswith(WARNING))
    if status == 0:
        said = [line for line in kept if line.startswith(("validation on", "trained in"))]
        return Ended("done", said[0] if said else "The model is trained.", details, warnings)
    if status == STOPPED or asked:
        return Ended("stopped", "Stopped; starting it again goes on from what was kept.", details, warnings)
    if status < 0:
        why = " by the system, perhaps for want of memory" if -status == getattr(signal, "SIGKILL", 9) else ""
        return Ended("failed", f"The training was ended{why} (signal {-status}); starting it again goes on.", details, warnings)
    told = next((line.removeprefix(ERROR) for line in reversed(kept) if line.startswith(ERROR)), "")
    if told:
        return Ended("failed", told.removeprefix("error: "), details, warnings)
    last = kept[-1] if kept else f"exit status {status}"
    return Ended("failed", f"The training failed: {last}", details, warnings)
