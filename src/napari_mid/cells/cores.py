"""The cores of the CPU, each with a task of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def over_cores(task: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Give `task` of each of `items`, in their order; on each core that torch may use a thread works through some of them.

    Torch itself shares every single operation among the cores, which then wait for each other thousands of times a second; with
    small operations, or when the machine has other work, that takes longer than the operations. The task is called in inference
    mode, and must not call torch on a GPU.
    """
    if len(items) < 2:  # then torch may share its operations
        return [_run(task, item) for item in items]
    return list(stream_over_cores(task, items))


def stream_over_cores(task: Callable[[T], R], items: Iterable[T], most: int | None = None) -> Generator[R, None, None]:
    """Like `over_cores`, for items that come one after the other: no core waits for the others, nor all for the last one.

    Parameters
    ----------
    task, items
        As of `over_cores`. At most two items for each core are taken before the result of the first is asked for, so that memory
        stays bounded where these are made on the way.
    most
        Use no more cores than this.

    Yields
    ------
    R
        The results in the order of the items. Closing the generator drops what has not started.
    """
    import torch

    threads = torch.get_num_threads()
    cores = threads if most is None else min(threads, most)
    if cores == 1:
        for item in items:
            yield _run(task, item)
        return
    pool = ThreadPoolExecutor(cores, "napari-mid core", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(_run, task, item))
            if len(waiting) >= 2 * cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # a part of the setting holds for the whole process


def _run(task: Callable[[T], R], item: T) -> R:
    import torch

    with torch.inference_mode():  # a setting of the thread
        return task(item)
