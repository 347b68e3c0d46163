"""The cores of the CPU, each with a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def over_cores(task: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Give `task` of each of `items`, in their order; on each core that torch may use a thread works through some of them.

    Torch itself shares every single operation among the cores, which then wait for each other thousands of times a second; with
    small operations, or when the machine has other work, that takes longer than the operations. The task is called in inference
    mode, and must not call torch on a GPU.
    """
    import torch

    threads = torch.get_num_threads()

    def run(item: T) -> R:
        with torch.inference_mode():  # a setting of the thread
            return task(item)

    if threads == 1 or len(items) < 2:
        return [run(item) for item in items]
    try:
        with ThreadPoolExecutor(threads, "napari-mid core", initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(run, items))
    finally:
        torch.set_num_threads(threads)  # a part of the setting holds for the whole process
