"""Folded networks give what the network gives."""

from threading import Event, Thread

import pytest
import timm
import torch
from torch import nn

from napari_mid.model.folding import folded


def trained_a_little(name: str) -> nn.Module:
    """A backbone whose batch norms have seen images, so that folding them wrongly shows."""
    torch.manual_seed(0)
    network = timm.create_model(name, in_chans=3, num_classes=16)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(8, 3, 32, 32))
        for parameter in network.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return network.eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "efficientnet_b0"])
def test_folding_changes_nothing_and_leaves_no_batch_norm(name: str) -> None:
    network = trained_a_little(name)
    slices = torch.rand(4, 3, 48, 48)
    with torch.inference_mode():
        expected, found = network(slices), folded(network, (3, 48, 48))(slices)
    assert float(expected.std()) > 0
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert any(isinstance(part, nn.BatchNorm2d) for part in network.modules()), "the network itself is not touched"
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded(network, (3, 48, 48)).modules())


class Odd(nn.Module):
    """Convolutions before a batch norm that must stay: one whose output something else needs, one that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.needed, self.twice, self.once = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(2) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.needed(x)
        found = torch.cat([found[:, :1], self.norms[0](found)[:, 1:]], dim=1)
        found = self.norms[2](self.twice(self.norms[1](self.twice(found))))
        return self.norms[3](self.once(found)) if float(found.mean()) > 0 else -self.norms[3](self.once(found))


def test_only_what_nothing_else_needs_is_folded() -> None:
    network = Odd()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(8, 1, 8, 8))
    network.eval()
    slices = torch.rand(2, 1, 8, 8)
    small = folded(network, (1, 8, 8))
    with torch.inference_mode():
        assert torch.allclose(small(slices), network(slices), atol=1e-6)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in small.modules()) == 3


def test_another_thread_may_run_networks_meanwhile() -> None:
    network, other = trained_a_little("resnet18"), nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()
    done, failures = Event(), []

    def run() -> None:
        while not done.is_set():
            try:
                other(torch.rand(1, 1, 8, 8))
            except Exception as error:  # whatever it is, it is the failure
                failures.append(error)
                return

    beside = Thread(target=run)
    beside.start()
    try:
        for _ in range(3):
            small = folded(network, (3, 32, 32))
    finally:
        done.set()
        beside.join()
    assert failures == []
    assert not any(isinstance(part, nn.BatchNorm2d) for part in small.modules())
