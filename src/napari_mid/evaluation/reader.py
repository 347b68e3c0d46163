"""The Transformer and head of MID, trained anew on the frozen embeddings of its encoder: for the control with shuffled labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_mid.evaluation.baselines import Lesson
from napari_mid.evaluation.networks import N_CLASSES, Budget, bag_probability, learn_steps, standardised
from napari_mid.model.config import ModelConfig
from napari_mid.model.ensemble import model_of, networks_of
from napari_mid.progress import Steps

#: Its name beside those of the baselines.
HEAD = "MID's Transformer on frozen embeddings"
#: Sets in a training step, cells in each, and the highest learning rate.
SETS, CELLS, LEARNING_RATE = 16, 12, 3e-4


class Reader(nn.Module):
    """All of a MID model but its encoder: ``(B, N, D) -> (B, 2)``, with random weights."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.model = model_of(dataclasses.replace(config, classes=tuple(map(str, range(N_CLASSES)))))
        for network in networks_of(self.model):
            network.encoder = nn.Identity()

    def forward(self, embeddings: Tensor) -> Tensor:
        """Logits (B, 2) of sets of embeddings (B, N, D)."""
        return self.model.read_sets(embeddings)[0]


def reader_steps(lesson: Lesson, config: ModelConfig) -> Steps[NDArray[np.float64]]:
    """(W,) probability of the positive class by a `Reader` trained on the wells of `lesson`; all cells of a well are one set."""
    cells = standardised(lesson.material.embeddings, lesson.train)
    torch.manual_seed(lesson.settings.seed)
    network = Reader(config)
    budget = Budget(lesson.settings.network_steps, SETS, CELLS, LEARNING_RATE, lesson.settings.seed)
    yield from learn_steps(network, cells, lesson.positive, lesson.train, budget, lesson.device, HEAD)
    return np.array([bag_probability(network, each, lesson.device, 0.5) for each in cells])
