"""Reading several images at once: decoding releases Python's lock, and disks and servers answer better when asked together."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

#: Images read at once. A server far away answers eight requests in nearly the time of one, whatever the number of cores.
AT_ONCE = max(4, min(8, os.cpu_count() or 1))
#: How much less of the processor threads ask for that give way (`nice`): a tenth of what the one asks for that draws the window.
NICE = 10
_here = threading.local()


def give_way() -> None:
    """Let the threads in which the calling thread reads images ask for less of the processor: for work behind a window.

    Decoding keeps every core busy, and the thread that draws would get as little of them as each of these. Linux alone lets
    threads of one program differ in this without special rights; elsewhere nothing changes.
    """
    _here.gives_way = True


def _step_back() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def reading_pool(at_once: int) -> ThreadPoolExecutor:
    """`at_once` threads that read images; they give way where the calling thread was told to."""
    initializer = _step_back if getattr(_here, "gives_way", False) else None
    return ThreadPoolExecutor(at_once, thread_name_prefix="napari-mid read", initializer=initializer)


def in_parallel(read: Callable[[K], T], keys: Iterable[K], at_once: int = AT_ONCE) -> Generator[tuple[K, Future[T]], None, None]:
    """Call `read` for each of `keys` in threads; yields (key, finished future) in the order of `keys`.

    At most twice `at_once` results wait to be fetched, so that memory stays bounded. Closing the generator drops what has not
    started.
    """
    pool = reading_pool(at_once)
    waiting: list[tuple[K, Future[T]]] = []
    remaining = iter(keys)
    try:
        while True:
            while len(waiting) < 2 * at_once:
                key = next(remaining, None)
                if key is None:
                    break
                waiting.append((key, pool.submit(read, key)))
            if not waiting:
                return
            key, future = waiting.pop(0)
            future.exception()  # waits
            yield key, future
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
