"""Gated attention over the cells (Ilse et al. 2018) on the embeddings of the model: another way to read them as a bag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import EMBEDDINGS, Lesson
from napari_mid.progress import Steps

MEANING = "gated attention (Ilse et al. 2018) over the cells, trained on the frozen embeddings of the model's own encoder"
NEEDS = (EMBEDDINGS,)

#: Bags in a training step, cells drawn of each, and the highest learning rate.
BAGS, CELLS, LEARNING_RATE = 16, 50, 1e-3


def scores_steps(lesson: Lesson) -> Steps[NDArray[np.float64]]:
    """(W,) probability of the positive class; all cells of a well are one bag."""
    import torch

    from napari_mid.evaluation.networks import Budget, GatedAttention, bag_probability, learn_steps, standardised

    settings = lesson.settings
    cells = standardised(lesson.material.embeddings, lesson.train)
    torch.manual_seed(settings.seed)
    network = GatedAttention(max(each.shape[1] for each in cells))
    budget = Budget(settings.network_steps, BAGS, CELLS, LEARNING_RATE, settings.seed)
    yield from learn_steps(network, cells, lesson.positive, lesson.train, budget, lesson.device, "gated_attention_mil")
    return np.array([bag_probability(network, each, lesson.device, 0.5) for each in cells])
