"""Gated attention over the cells (Ilse et al. 2018) with an encoder of its own: MID without its Transformer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import SLICES, Lesson
from napari_mid.progress import Steps

MEANING = "gated attention (Ilse et al. 2018) over the cells with an encoder like the model's, both trained from the pixels"
NEEDS = (SLICES,)

#: Bags in a training step, cells drawn of each, length of an embedding, and the highest learning rate. With fewer cells many a
#: bag of the positive class has none that responded.
BAGS, CELLS, WIDTH, LEARNING_RATE = 8, 32, 128, 1e-3
#: Taken where the model is not known.
ENCODER = "resnet18"


def scores_steps(lesson: Lesson) -> Steps[NDArray[np.float64]]:
    """(W,) probability of the positive class; all cells of a well that were cut are one bag."""
    import torch

    from napari_mid.evaluation.networks import Budget, EncodedSets, GatedAttention, bag_probability, in_parts, learn_steps

    settings, material = lesson.settings, lesson.material
    cells = [torch.from_numpy(each) for each in material.slices]
    torch.manual_seed(settings.seed)
    network = EncodedSets(material.encoder or ENCODER, cells[0].shape[1], WIDTH, GatedAttention(WIDTH))
    budget = Budget(settings.network_steps, BAGS, CELLS, LEARNING_RATE, settings.seed, settings.network_gain)
    yield from learn_steps(network, cells, lesson.positive, lesson.train, budget, lesson.device, "gated_attention_encoder")
    scores = []
    for each in cells:
        embeddings = in_parts(network.encoder, each, lesson.device) if len(each) else torch.empty((0, WIDTH))
        scores.append(bag_probability(network.pool, embeddings, lesson.device, 0.5))
    return np.array(scores)
