"""Folded networks give what the network gives."""

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


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050"])
def test_folding_changes_nothing_and_leaves_no_batch_norm(name: str) -> None:
    network = trained_a_little(name)
    slices = torch.rand(4, 3, 48, 48)
    with torch.inference_mode():
        expected, found = network(slices), folded(network)(slices)
    assert float(expected.std()) > 0
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert any(isinstance(part, nn.BatchNorm2d) for part in network.modules()), "the network itself is not touched"
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded(network).modules())


def test_a_network_that_cannot_be_traced_is_copied() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 2, 3)
            self.norm = nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found = self.norm(self.convolution(x))
            return found if float(found.mean()) > 0 else -found

    network = Branching().eval()
    slices = torch.rand(2, 1, 8, 8)
    with torch.inference_mode():
        assert torch.equal(folded(network)(slices), network(slices))
