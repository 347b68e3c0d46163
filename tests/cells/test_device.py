from __future__ import annotations

import pytest
import torch

from napari_mid.cells.device import available_devices, device_label, has_fast_bfloat16, pick_device
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


@pytest.mark.parametrize(
    ("amx", "avx512", "forwards", "backwards"),
    [(True, True, True, True), (False, True, True, False), (False, False, False, False)],
)
def test_bfloat16_is_for_cpus_that_are_fast_with_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, forwards: bool, backwards: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    cpu = torch.device("cpu")
    assert (has_fast_bfloat16(cpu), has_fast_bfloat16(cpu, training=True)) == (forwards, backwards)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert not has_fast_bfloat16(cpu)
