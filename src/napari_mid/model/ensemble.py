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
    """The mean of what its members say (Lakshminarayanan et al., Simple and scalable predictive uncertainty, NeurIPS 2017).

    An embedding is those of the members side by side, so that whatever works with a model's embeddings works with these; the
    probabilities and the attention of a set are the means of the members'.

    Parameters
    ----------
    networks
        M of them, that differ in nothing but their weights.

    Raises
    ------
    ModelError
        If their configs differ.
    """

    def __init__(self, networks: Sequence[MidModel]) -> None:
        nn.Module.__init__(self)
        configs = [dataclasses.replace(network.config, temperature=1.0) for network in networks]
        if any(config != configs[0] for config in configs):
            raise ModelError("Networks of an ensemble must be of one shape and look at the same channels, these differ.")
        one = configs[0]
        self.config = dataclasses.replace(one, members=len(networks), width=len(networks) * one.width)
        self.card = ""
        self.hash = ""
        self.path = None
        self.reference = None
        self.members = nn.ModuleList(networks)
        # no submodule of its own: its weights are those of the members, and are kept once
        self.__dict__["encoder"] = _SideBySide([network.encoder for network in networks])

    @property
    def networks(self) -> list[MidModel]:
        """The members."""
        return [cast(MidModel, member) for member in self.members]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.networks[0].device

    def read_sets(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As of `MidModel`; the logits are the logarithms of the mean probabilities."""
        return together([network.read_sets(part) for network, part in parts_of(self, embeddings)])


class _SideBySide(nn.Module):
    """The embeddings (M, D) of several networks in one row."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, slices: Tensor) -> Tensor:
        return torch.cat([part(slices) for part in self.parts], dim=1)


def parts_of(model: MidModel, embeddings: Tensor) -> list[tuple[MidModel, Tensor]]:
    """The networks that `model` is made of, each with its part of the `embeddings` (..., D)."""
    networks = model.networks if isinstance(model, Ensemble) else [model]
    return list(zip(networks, embeddings.chunk(len(networks), dim=-1), strict=True))


def together(read: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """What several networks say of the same sets, logits (B, K) and attention (B, H, N) each, as one."""
    if len(read) == 1:
        return read[0]
    logits, attention = zip(*read, strict=True)
    logarithms = torch.stack([each.log_softmax(-1) for each in logits])
    return logarithms.logsumexp(0) - math.log(len(read)), torch.stack(attention).mean(0)


def network_of(config: ModelConfig) -> MidModel:
    """A fresh model as `config` describes it, with random weights."""
    if config.members == 1:
        return MidModel(config)
    if config.members < 1 or config.width % config.members:
        raise ModelError(f"A model of {config.members} networks cannot have embeddings of {config.width} numbers.")
    one = dataclasses.replace(config, members=1, width=config.width // config.members)
    made = Ensemble([MidModel(one) for _ in range(config.members)])
    made.config = config
    return made
