"""Threads that read images, and how much of the processor they ask for."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from napari_mid.images.parallel import NICE, give_way, in_parallel


def asked_for(_key: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_reading_behind_a_window_gives_way_and_other_reading_does_not() -> None:
    def behind_a_window() -> list[int]:
        give_way()
        return [future.result() for _, future in in_parallel(asked_for, range(4))]

    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(behind_a_window).result()) == {min(19, max(usual, NICE))}
    assert {future.result() for _, future in in_parallel(asked_for, range(4))} == {usual}


def test_results_come_in_the_order_of_their_keys() -> None:
    assert [(key, future.result()) for key, future in in_parallel(lambda key: key * key, range(20), 3)] == [
        (key, key * key) for key in range(20)
    ]
