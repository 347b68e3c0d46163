from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from napari_mid.errors import TrainingError
from napari_mid.model.network import MidModel
from napari_mid.training import pretrained
from napari_mid.training.pretrained import load_pretrained


def test_weights_that_cannot_be_had_are_one_line(small_model: MidModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise OSError("We couldn't connect\n to the hub")

    monkeypatch.setattr(pretrained.timm, "create_model", unreachable)
    with pytest.raises(TrainingError, match=r"test_resnet cannot be had \(We couldn't connect to the hub\).*--pretrained"):
        load_pretrained(small_model)


def test_weights_are_fitted_to_the_channels(small_model: MidModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = timm.create_model
    theirs = make("test_resnet")
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")

    def from_file(name: str, **options: Any) -> torch.nn.Module:
        network: torch.nn.Module = make(name, pretrained_cfg_overlay={"file": str(tmp_path / "theirs.pth")}, **options)
        return network

    monkeypatch.setattr(pretrained.timm, "create_model", from_file)
    load_pretrained(small_model)
    ours, given = small_model.encoder.state_dict(), theirs.state_dict()
    inner = next(name for name in given if name.startswith("layer1") and given[name].ndim == 4)
    assert torch.equal(ours[inner], given[inner])
    assert ours["conv1.0.weight" if "conv1.0.weight" in ours else "conv1.weight"].shape[1] == 2
