"""From the cells of a well and their embeddings to its result: score, call, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.inference.calls import call_of
from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.inference.trust import Trust, trust_of
from napari_mid.model.network import MidModel
from napari_mid.workflow.contract import PlateFit, nucleus_warning

#: A score that rests on fewer cells gets a warning.
FEW_CELLS = 30


def well_result(
    fitted: PlateFit,
    well: str,
    model: MidModel,
    table: pd.DataFrame,
    embeddings: NDArray[np.float32],
    settings: ScoringSettings,
    warnings: Sequence[str] = (),
) -> WellResult:
    """Score the cells of a well.

    Parameters
    ----------
    fitted, well, model, settings
        What is scored, with what, and how.
    table
        A row per cell: those of `CELL_COLUMNS` that tell where it is.
    embeddings
        (N, D), one row per row of `table`; N may be 0.
    warnings
        What went wrong on the way.
    """
    n_cells = len(embeddings)
    warned = [*fitted.warnings, *warnings]
    score = low = high = float("nan")
    probabilities, set_scores = np.full(len(model.config.classes), np.nan), np.empty(0)
    trust = Trust()
    if n_cells == 0:
        warned.append(f"no nuclei were found in {well}, so it has no score")
        table = table.reindex(columns=list(CELL_COLUMNS))
    else:
        bag = score_bag(model, embeddings, settings)
        score, low, high = bag.score, bag.score_low, bag.score_high
        probabilities, set_scores = bag.probabilities, bag.set_scores
        distances = np.full(n_cells, np.nan) if model.reference is None else model.reference.distances(embeddings)
        trust = trust_of(bag, distances, model.reference)
        rank = ranks(bag.lift)
        table = table.assign(
            attention=bag.attention,
            relevance=bag.lift,
            relevance_se=bag.lift_se,
            rank=rank,
            percentile=100.0 * (n_cells - rank + 0.5) / n_cells,
            score_alone=bag.alone,
            training_distance=distances,
        )[list(CELL_COLUMNS)]
        if n_cells < FEW_CELLS:
            warned.append(f"{well} has only {n_cells} cells; its score is uncertain")
        warned += nucleus_warning(fitted, model, table["Nuclei_AreaShape_Area"].to_numpy(dtype=float))
    called = call_of(
        score,
        low,
        high,
        model.config.threshold,
        n_cells=n_cells,
        fewest_cells=settings.fewest_cells,
        training_distance=trust.training_distance,
        far=float("nan") if model.reference is None else model.reference.far,
    )
    return WellResult(
        plate=fitted.plate.name,
        well=well,
        score=score,
        score_low=low,
        score_high=high,
        call=called.call,
        call_reason=called.reason,
        classes=model.config.classes,
        probabilities=probabilities,
        cells=table,
        embeddings=embeddings,
        set_scores=set_scores,
        warnings=tuple(warned),
        model_name=model.config.name,
        model_hash=model.hash,
        model_simulated=model.config.simulated,
        condition=dict(fitted.plate[well].condition),
        trust=trust,
    )


def ranks(relevance: NDArray[np.float64]) -> NDArray[np.int64]:
    """1 to N, 1 for the most relevant cell; equal cells keep their order, those without a value come last."""
    rank = np.empty(len(relevance), dtype=np.int64)
    rank[np.argsort(-np.nan_to_num(relevance, nan=-np.inf), kind="stable")] = np.arange(1, len(relevance) + 1)
    return rank
