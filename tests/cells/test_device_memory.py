"""A GPU whose memory is full is the user's to mend."""

import pytest
import torch

from napari_mid.cells.device import memory_told
from napari_mid.errors import DeviceMemoryError

CPU = torch.device("cpu")


def test_a_full_memory_is_told_with_what_to_do() -> None:
    with pytest.raises(DeviceMemoryError, match=r"cpu is full .*2 GiB.*--device cpu") as raised, memory_told(CPU):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore words")
    assert "\n" not in str(raised.value)


def test_other_errors_stay_loud() -> None:
    with pytest.raises(RuntimeError, match="bug"), memory_told(CPU):
        raise RuntimeError("bug")
