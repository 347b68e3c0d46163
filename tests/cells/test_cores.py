"""Tasks are spread over the cores, and come back in order."""

import threading
from collections.abc import Iterator

import pytest
import torch

from napari_mid.cells.cores import over_cores, stream_over_cores


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> int:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_and_threads_do_not_share_operations(threads: int) -> None:
    seen: list[tuple[str, int, bool]] = []

    def task(number: int) -> int:
        seen.append((threading.current_thread().name, torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return number**2

    assert over_cores(task, range(20)) == [number**2 for number in range(20)]
    assert torch.get_num_threads() == threads
    assert all(inference for _, _, inference in seen)
    assert {used for _, used, _ in seen} == {1}
    assert len({name for name, _, _ in seen}) <= threads


def test_an_error_is_passed_on_and_the_setting_of_threads_stays(threads: int) -> None:
    def task(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        over_cores(task, range(6))
    assert torch.get_num_threads() == threads


def test_nothing_to_do() -> None:
    assert over_cores(lambda number: number, []) == []


def test_items_are_taken_a_few_ahead_of_what_is_asked_for(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    results = stream_over_cores(lambda number: number**2, items())
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= 2 + 2 * threads
    results.close()
    assert len(taken) <= 2 + 2 * threads
    assert torch.get_num_threads() == threads


def test_no_more_cores_are_used_than_allowed(threads: int) -> None:
    names: set[str] = set()
    assert list(stream_over_cores(lambda number: names.add(threading.current_thread().name), range(9), 2)) == [None] * 9
    assert len(names) <= min(2, threads)
    assert torch.get_num_threads() == threads
