"""The score card says why there is no call, and how far to trust a score."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.inference.trust import Trust
from napari_mid.widgets.score_card import trust_text


@pytest.fixture
def result() -> WellResult:
    return WellResult(
        plate="p",
        well="A01",
        score=0.1,
        score_low=0.05,
        score_high=0.2,
        call="negative",
        classes=("no", "yes"),
        probabilities=np.array([0.9, 0.1]),
        cells=pd.DataFrame(columns=list(CELL_COLUMNS)),
        embeddings=np.empty((0, 4), dtype=np.float32),
        set_scores=np.array([0.1]),
    )


def test_only_figures_that_are_known_are_told(result: WellResult) -> None:
    assert trust_text(result).splitlines() == ["in a well called negative the relevant cells are often the healthy ones"]
    known = dataclasses.replace(
        result, call="positive", trust=Trust(effective_cells=812.4, training_distance=1.25, far_cells=0.06)
    )
    assert trust_text(known).splitlines() == [
        "812 cells carry the relevance",
        "the cells are 1.2 times as far from the training cells as those are from each other",
        "6% of the cells are farther away than 95 % of the training cells",
    ]
