"""A scored well without some of its cells: read again from the embeddings it has, never from its images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.device import memory_told
from napari_mid.errors import WellError
from napari_mid.inference.bag import Bag
from napari_mid.inference.result import WellResult
from napari_mid.inference.scoring import interval_of
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.workflow.well_result import few_cells_warning, score_cells

#: A first answer comes from so many sets.
FIRST_SETS = 3


def rescore(
    result: WellResult, model: MidModel, excluded: NDArray[np.bool_], settings: ScoringSettings | None = None
) -> Iterator[WellResult]:
    """Score a well again without the cells that are `excluded`.

    Parameters
    ----------
    result
        With its embeddings; cells that it excludes come back where `excluded` does not name them.
    model
        The one that `result` came from.
    excluded
        (N,) bool, a value per row of ``result.cells``.
    settings
        Those of `result` where None.

    Yields
    ------
    WellResult
        First one from `FIRST_SETS` sets, marked as preliminary, whose cells keep the relevance they had; then the final one.

    Raises
    ------
    WellError
        If the embeddings were let go, `excluded` has another length, or the model is another one.
    """
    _check(result, model, excluded)
    if settings is None:
        settings = ScoringSettings(**result.settings["scoring"]) if "scoring" in result.settings else ScoringSettings()
    model.eval()
    cells = result.cells.assign(excluded=excluded)
    record = {**result.settings, "scoring": dataclasses.asdict(settings), "excluded": int(excluded.sum())}
    warnings = [each for each in result.warnings if each != _few(result)]
    with memory_told(model.device):
        if (~excluded).sum() > settings.set_size:
            yield dataclasses.replace(_first(result, model, excluded, settings), cells=cells, settings=record, preliminary=True)
        scored = score_cells(model, result.well, cells, result.embeddings, settings)
    yield scored.put_into(dataclasses.replace(result, settings=record, preliminary=False, curves=None), warnings)


def _first(result: WellResult, model: MidModel, excluded: NDArray[np.bool_], settings: ScoringSettings) -> WellResult:
    """The score of a few random sets."""
    kept = np.flatnonzero(~excluded)
    rng = np.random.default_rng(settings.seed)
    size = min(settings.set_size, len(kept))
    sets = np.stack([rng.choice(len(kept), size, replace=False) for _ in range(FIRST_SETS)])
    chosen, places = np.unique(sets, return_inverse=True)
    read = Bag(model, result.embeddings[kept[chosen]], settings.precision).read(places.reshape(sets.shape))
    scores = read.probabilities[:, -1]
    score = float(scores.mean())
    low, high = interval_of(score, scores, size, len(kept))
    return dataclasses.replace(
        result,
        score=score,
        score_low=low,
        score_high=high,
        probabilities=read.probabilities.mean(axis=0),
        set_scores=scores,
    )


def _few(result: WellResult) -> str:
    n_excluded = int(result.excluded.sum())
    return few_cells_warning(result.well, result.n_cells - n_excluded, n_excluded)


def _check(result: WellResult, model: MidModel, excluded: NDArray[np.bool_]) -> None:
    if len(result.embeddings) != result.n_cells:
        raise WellError(f"The embeddings of {result.well} were let go, so it has to be scored again from its images.")
    if excluded.shape != (result.n_cells,):
        raise WellError(f"{result.well} has {result.n_cells} cells, but {excluded.shape} were told apart.")
    if model.hash != result.model_hash:
        raise WellError(f"{result.well} was scored with another model ({result.model_name}); score it again with this one.")
