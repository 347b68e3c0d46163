"""A network trained on single cells with the weak label of their well, profiles averaged per well, as DeepProfiler does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_mid.evaluation.baselines import SLICES, Lesson, logistic_regression, means_of
from napari_mid.progress import Progress, Steps

MEANING = (
    "a network (EfficientNet-B0 unless another is chosen) trained on single cells with the label of their well, its penultimate "
    "features averaged per well, logistic regression (DeepProfiler's way)"
)
NEEDS = (SLICES,)

#: Cells in a training step, and the highest learning rate.
CELLS, LEARNING_RATE = 64, 1e-3


def scores_steps(lesson: Lesson) -> Steps[NDArray[np.float64]]:
    """(W,) probability of the positive class."""
    import torch

    from napari_mid.evaluation.networks import Budget, SingleCells, in_parts, learn_steps

    settings, slices = lesson.settings, lesson.material.slices
    cells = [torch.from_numpy(each) for each in slices]
    torch.manual_seed(settings.seed)
    network = SingleCells(settings.network_backbone, cells[0].shape[1])
    budget = Budget(settings.network_steps, CELLS, 1, LEARNING_RATE, settings.seed, settings.network_gain)
    yield from learn_steps(network, cells, lesson.positive, lesson.train, budget, lesson.device, "single_cell")
    profiles = []
    for done, each in enumerate(cells):
        yield Progress("profiling single cells", done, len(cells))
        empty = np.empty((0, 0), dtype=np.float32)
        profiles.append(in_parts(network.profile, each, lesson.device).cpu().numpy() if len(each) else empty)
    features = means_of(profiles)
    classifier = logistic_regression(settings.seed)
    classifier.fit(features[lesson.train], lesson.positive[lesson.train].astype(int))
    scores: NDArray[np.float64] = classifier.predict_proba(features)[:, 1]
    return scores
