from __future__ import annotations

import pytest
import torch

from napari_mid.cells.device import available_devices, device_label, pick_device
from napari_mid.errors import MidError


def test_auto_takes_cuda_then_mps_then_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert available_devices() == ["cuda:0", "cuda:1", "mps", "cpu"]
    assert pick_device() == torch.device("cuda:0")
    assert pick_device("CUDA") == torch.device("cuda:0")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:7", "gpu", "", "cpu:3"])
def test_an_absent_device_is_an_error_that_names_those_there_are(name):
    with pytest.raises(MidError, match="cpu"):
        pick_device(name)


def test_label_of_the_cpu():
    assert device_label(torch.device("cpu")) == "cpu"
