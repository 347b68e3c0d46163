"""Several MID networks of one shape, trained from different seeds, that are read as one model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_mid.errors import ModelError
from napari_mid.model.config import ModelConfig
from napari_mid.model.network import MidModel


class Ensemble(MidModel):
    """The mean of what its networks say (Lakshminarayanan et al., Simple and scalable predictive uncertainty, NeurIPS 2017).

    An embedding is those of the networks side by side, so that whatever works with a model's embeddings works with these; the
    probabilities of a set are the means of the networks', and each of their attention heads is one of the ensemble's.

    Parameters
    ----------
    networks
        M of them, one at least, that differ in nothing but their weights.

    Raises
    ------
    ModelError
        If their configs differ.
    """

    def __init__(self, networks: Sequence[MidModel]) -> None:
        nn.Module.__init__(self)
        configs = [dataclasses.replace(network.config, name="", temperature=1.0) for network in networks]
        if any(config != configs[0] for config in configs):
            raise ModelError("Networks of an ensemble must be of one shape and look at the same channels; these differ.")
        one = networks[0].config
        width = len(networks) * one.width
        self.config = dataclasses.replace(one, networks=len(networks), width=width, temperature=1.0)
        self.card = ""
        self.hash = ""
        self.path = None
        self.reference = None
        self.networks = nn.ModuleList(networks)
        # no submodule of its own: its weights are those of the networks, and are kept once
        self.__dict__["encoder"] = _SideBySide([network.encoder for network in networks])

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return networks_of(self)[0].device

    def read_sets(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As of `MidModel`, see `together`."""
        return together([network.read_sets(part) for network, part in parts_of(self, embeddings)])


class _SideBySide(nn.Module):
    """The embeddings (M, D) of several networks in one row."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, slices: Tensor) -> Tensor:
        return torch.cat([part(slices) for part in self.parts], dim=1)


def networks_of(model: MidModel) -> list[MidModel]:
    """The networks that `model` is made of: those of an ensemble, or itself."""
    return [cast(MidModel, network) for network in model.networks] if isinstance(model, Ensemble) else [model]


def parts_of(model: MidModel, embeddings: Tensor) -> list[tuple[MidModel, Tensor]]:
    """The networks that `model` is made of, each with its part of the `embeddings` (..., D)."""
    networks = networks_of(model)
    return list(zip(networks, embeddings.chunk(len(networks), dim=-1), strict=True))


def together(read: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """What M networks say of the same sets, logits (B, K) and attention (B, H, N) each, as one.

    Returns
    -------
    logits
        (B, K), the logarithms of the mean probabilities.
    attention
        (B, M * H, N), the heads of the first network, then those of the next.
    """
    if len(read) == 1:
        return read[0]
    logits, attention = zip(*read, strict=True)
    logarithms = torch.stack([each.log_softmax(-1) for each in logits])
    return logarithms.logsumexp(0) - math.log(len(read)), torch.cat(attention, dim=1)


def model_of(config: ModelConfig) -> MidModel:
    """A fresh model as `config` describes it, with random weights.

    Raises
    ------
    ModelError
        If there cannot be such a one.
    """
    n = config.networks
    if not isinstance(n, int) or n < 1 or config.width % n:
        raise ModelError(f"A model of {n} networks cannot have embeddings of {config.width} numbers.")
    if n == 1:
        return MidModel(config)
    one = dataclasses.replace(config, networks=1, width=config.width // n)
    made = Ensemble([MidModel(one) for _ in range(n)])
    made.config = config
    return made
