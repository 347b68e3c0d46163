"""Positive-control cells mixed into negative-control cells: does the score rise with them, and does relevance point at them?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.evaluation.weighted import cells_auprc, cells_auroc
from napari_mid.inference.measures import measure_names, relevance_by
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

#: Shares of positive-control cells; 0 is what the others rise from.
FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
#: Name of the classical measure beside those of relevance.
RATIO = "gfp_ratio"


@dataclass(frozen=True)
class Cells:
    """Cells of control wells: embeddings (N, D) and the classical ratio (N,) of each."""

    embeddings: NDArray[np.float32]
    ratio: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ratio)


def mixtures(n_negative: int, n_positive: int, seed: int, draws: int) -> Iterator[tuple[float, int, NDArray, NDArray]]:
    """Share, draw, rows of negative and rows of positive cells; all bags of a share have the same number of cells.

    A bag has as many cells as there are positive ones, or half of the negative ones, whichever is less: the others are what
    measures compare with. At least one cell is spiked wherever the share is not 0.
    """
    size = min(n_positive, n_negative // 2)
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        negative, positive = rng.permutation(n_negative), rng.permutation(n_positive)
        for share in FRACTIONS:
            spiked = max(1, round(share * size)) if share else 0
            yield share, draw, negative[: size - spiked], positive[:spiked]


def spike_in(model: MidModel, negative: Cells, positive: Cells, seed: int, draws: int) -> pd.DataFrame:
    """A row per mixture: its score and median ratio, and AUROC and AUPRC of every measure as a detector of the spiked cells."""
    settings = ScoringSettings()
    rows = []
    for share, draw, some, spiked in mixtures(len(negative), len(positive), seed, draws):
        unused = np.setdiff1d(np.arange(len(negative)), some)
        embeddings = np.concatenate([negative.embeddings[some], positive.embeddings[spiked]])
        ratio = np.concatenate([negative.ratio[some], positive.ratio[spiked]])
        truth = np.arange(len(embeddings)) >= len(some)
        row = {"fraction": share, "draw": draw, "n_cells": len(truth), "n_spiked": int(truth.sum())}
        row |= {"score": score_bag(model, embeddings, settings).score, "ratio": float(np.median(ratio))}
        if truth.any() and not truth.all():
            values = {RATIO: ratio}
            for name in measure_names():
                values[name] = relevance_by(name, model, embeddings, settings, negative.embeddings[unused]).values
            for name, each in values.items():
                row |= {f"auroc_{name}": cells_auroc(truth, each), f"auprc_{name}": cells_auprc(truth, each)}
        rows.append(row)
    return pd.DataFrame(rows)


def rises(spiked: pd.DataFrame, column: str) -> bool:
    """Whether the mean of `column` never falls from one share of spiked cells to the next."""
    return bool((np.diff(spiked.groupby("fraction")[column].mean()) >= 0).all())
