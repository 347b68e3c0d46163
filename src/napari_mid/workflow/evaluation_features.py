"""Features of the cells of many fields, measured in processes side by side: a field takes seconds and holds Python's lock."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.cell_features import cell_features
from napari_mid.evaluation.units import EvaluationError


class Measured(Protocol):
    """Features of a field that are there, or will be."""

    def result(self) -> NDArray[np.float64]:
        """(M, F), waited for."""
        ...


class Measuring(Protocol):
    """Begins to measure a field."""

    def __call__(self, pixels: NDArray[Any], nucleus: int, diameter_px: float) -> Measured:
        """As `cell_features`."""
        ...


@contextmanager
def measuring(workers: int | None) -> Iterator[Measuring]:
    """Processes that measure fields, `workers` of them or one a core; with one, fields are measured in this process."""
    n = workers or os.cpu_count() or 1
    if n == 1:
        yield _now
        return
    # a fork would copy locks that other threads of this process hold
    with ProcessPoolExecutor(n, multiprocessing.get_context("spawn"), initializer=_alone) as pool:
        try:
            yield lambda pixels, nucleus, diameter_px: pool.submit(cell_features, pixels, nucleus, diameter_px)
        except BrokenProcessPool as error:
            raise EvaluationError(
                f"One of {n} processes that measure cells was killed, maybe since memory ran out; give fewer with --workers."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _alone() -> None:
    """There is a process for every core already."""
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    torch.set_num_threads(1)


def _now(pixels: NDArray[Any], nucleus: int, diameter_px: float) -> Measured:
    done: Future[NDArray[np.float64]] = Future()
    done.set_result(cell_features(pixels, nucleus, diameter_px))
    return done
