"""Bags of drawn slices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_mid.training.bags import LabelledBags
from napari_mid.training.slices import Slices

MakeBags = Callable[..., LabelledBags]


@pytest.fixture
def make_bags() -> MakeBags:
    """Bags of two channels; a third of the cells of a class is brighter in the second one, the more so the higher its number."""

    def made(labels: list[int], groups: list[str], cells_each: int = 20, size: int = 32, unit: str = "compound") -> LabelledBags:
        rng = np.random.default_rng(0)
        slices = rng.uniform(0, 0.3, (len(labels) * cells_each, size, size, 2)).astype(np.float16)
        for bag, label in enumerate(labels):
            slices[bag * cells_each : bag * cells_each + cells_each // 3, ..., 1] += 0.3 * label
        return LabelledBags(
            slices=Slices([slices]),
            bag_of_cell=np.repeat(np.arange(len(labels)), cells_each),
            names=tuple(f"bag {number}" for number in range(len(labels))),
            groups=tuple(groups),
            labels=np.array(labels),
            classes=("none", "some", "strong")[: max(labels) + 1],
            split_unit=unit,
            wells=tuple((f"P w{number}",) for number in range(len(labels))),
        )

    return made
