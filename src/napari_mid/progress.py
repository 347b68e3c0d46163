"""Long work is a generator that yields `Progress` and returns its result.

The command line wraps it with tqdm, the window with a napari worker, tests iterate it. Cancelling means not asking for the next
item: the generator is closed at its next ``yield``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long piece of work.

    Parameters
    ----------
    step
        What is being done, for a person: ``"detecting nuclei"``.
    done, total
        How many units of this step are finished, and of how many.
    detail
        What the current unit is, for example the well.
    """

    step: str
    done: int
    total: int
    detail: str = ""


Steps = Generator[Progress, None, T]


def said_as(progress: Progress, steps: Steps[T]) -> Steps[T]:
    """Run `steps` as a part of larger work, which is at `progress` meanwhile."""
    with closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield progress


def finish(steps: Steps[T], report: Callable[[Progress], None] | None = None) -> T:
    """Run `steps` to its end and give its result, passing each progress to `report`."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if report is not None:
            report(progress)
