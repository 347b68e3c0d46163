"""Tasks are spread over the cores, and come back in order."""

import threading

import pytest
import torch

from napari_mid.cells.cores import over_cores


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
