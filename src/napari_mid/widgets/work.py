"""Runs `Steps` generators in napari's worker threads. Nothing else in the window starts a thread.

A job belongs to a lane; starting one cancels the job before it in the same lane. Results and errors come back on the main
thread, and not at all once the window is closed. A `MidError` is told to the user, any other exception is a bug and goes to
napari's error dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from napari.qt.threading import create_worker

from napari_mid.errors import MidError
from napari_mid.images.parallel import give_way
from napari_mid.progress import Progress, Steps
from napari_mid.session import Session, Work

T = TypeVar("T")

#: A lane whose progress is not shown: its work comes and goes while the user looks around.
QUIET_LANE = "preview"
#: Lanes whose progress is shown before that of the others, the most important first.
LANES = (
    "run",
    "exclude",
    "evidence",
    "cell",
    "plate",
    "model",
    "images",
    "overview",
    "controls",
    "export",
    "outlines",
    "intensity",
)


@dataclass(frozen=True)
class Partial(Generic[T]):
    """Something finished before the whole work is, such as one well of many."""

    value: T


@dataclass(frozen=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


@dataclass
class _Job:
    """One piece of work under way, and whom to tell."""

    what: str
    steps: Steps[Any]
    done: Callable[[Any], object]
    partial: Callable[[Any], object] | None
    failed: Callable[[MidError], object] | None
    on_cancel: Callable[[], object] | None
    worker: Any
    work: Work
    cancelled: bool = False


class Jobs:
    """The background work of one window.

    Parameters
    ----------
    session
        Gets the progress as `session.work` and the errors as messages.
    is_open
        Whether the window is still there to receive results.
    """

    def __init__(self, session: Session, is_open: Callable[[], bool]) -> None:
        self._session = session
        self._is_open = is_open
        self._running: dict[str, _Job] = {}
        self._closed = False

    def start(
        self,
        lane: str,
        what: str,
        steps: Steps[T] | Generator[Progress | Partial[Any], None, T],
        done: Callable[[T], object],
        *,
        partial: Callable[[Any], object] | None = None,
        failed: Callable[[MidError], object] | None = None,
        on_cancel: Callable[[], object] | None = None,
    ) -> None:
        """Run `steps` in the background and call `done` with its result on the main thread.

        Parameters
        ----------
        lane
            One of `LANES`, or another one, whose progress is not shown; the job that runs in it is cancelled.
        what
            For a person: ``"scoring B03"``.
        partial
            Called with each `Partial` that `steps` yields.
        failed
            Called after a `MidError`, which the user is told in any case.
        on_cancel
            Called when the job is cancelled.
        """
        if self._closed:
            return
        self.cancel(lane, quiet=True)
        worker = create_worker(_guarded, steps, _start_thread=False)
        job = _Job(what, steps, done, partial, failed, on_cancel, worker, Work(what))  # type: ignore[arg-type]
        self._running[lane] = job
        worker.yielded.connect(lambda item: self._on_yield(lane, job, item))
        worker.returned.connect(lambda outcome: self._on_return(lane, job, outcome))
        worker.finished.connect(lambda: self._on_finish(lane, job))
        self._show()
        worker.start()

    def running(self, lane: str) -> bool:
        """Whether a job of this lane is under way."""
        return lane in self._running

    @property
    def open(self) -> bool:
        """Whether the window is there to show what comes."""
        return not self._closed and self._is_open()

    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._running)

    def cancel(self, lane: str, *, quiet: bool = False) -> None:
        """Ask the job of `lane` to stop at its next yield; its result is dropped. `quiet` where another job follows at once."""
        job = self._running.pop(lane, None)
        if job is None:
            return
        job.cancelled = True
        job.worker.quit()
        if job.on_cancel is not None:
            job.on_cancel()
        if not quiet:
            self._show()

    def shutdown(self) -> None:
        """Stop everything; nothing is delivered any more."""
        self._closed = True
        for job in self._running.values():
            job.cancelled = True
            job.worker.quit()
        self._running.clear()

    def _on_yield(self, lane: str, job: _Job, item: Progress | Partial[Any]) -> None:
        if not self._current(lane, job):
            return
        if isinstance(item, Partial):
            if job.partial is not None:
                job.partial(item.value)
            return
        fraction = item.done / item.total if item.total else None
        job.work = Work(job.what, fraction, progress_text(job.what, item))
        self._show()

    def _on_return(self, lane: str, job: _Job, outcome: _Outcome) -> None:
        if not self._current(lane, job):
            return
        self._forget(lane, job)
        error = outcome.error
        if error is None:
            job.done(outcome.value)
            return
        known = error if isinstance(error, MidError) else MidError(f"{job.what} failed: {error}")
        if job.failed is not None:
            job.failed(known)
        if known is not error:
            raise error
        self._session.tell(str(error), "error")

    def _on_finish(self, lane: str, job: _Job) -> None:
        # after a cancel the generator still hangs at its last yield: close it, so that it releases what it holds
        job.steps.close()
        if self._current(lane, job):
            self._forget(lane, job)

    def _current(self, lane: str, job: _Job) -> bool:
        return not job.cancelled and self._running.get(lane) is job and self.open

    def _forget(self, lane: str, job: _Job) -> None:
        if self._running.get(lane) is job:
            del self._running[lane]
            self._show()

    def _show(self) -> None:
        jobs = [self._running[lane] for lane in LANES if lane in self._running]
        self._session.work = jobs[0].work if jobs else None


def progress_text(what: str, progress: Progress) -> str:
    """How far a job is, without saying again `what` it does."""
    return ", ".join(part for part in (progress.step, progress.detail) if part and part != what)


def _guarded(steps: Steps[Any]) -> Generator[Any, None, _Outcome]:
    """Run `steps` and give its result or its error as a value: napari's worker swallows a RuntimeError, torch's favourite."""
    give_way()
    while True:
        try:
            item = next(steps)
        except StopIteration as stop:
            return _Outcome(stop.value)
        except Exception as error:
            return _Outcome(error=error)
        yield item
