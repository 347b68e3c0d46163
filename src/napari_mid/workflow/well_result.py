"""From the cells of a well and their embeddings to its result: score, call, and how far it can be trusted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.focus import out_of_focus
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
        A row per cell: those of `CELL_COLUMNS` that tell where it is, and ``excluded`` where cells are to have no part in the
        score.
    embeddings
        (N, D), one row per row of `table`; N may be 0.
    warnings
        What went wrong on the way.
    """
    table, left_out = with_exclusions(table, settings)
    scored = score_cells(model, well, table, embeddings, settings)
    nuclei = nucleus_warning(fitted, model, table["Nuclei_AreaShape_Area"].to_numpy(dtype=float)) if len(table) else []
    result = WellResult(
        plate=fitted.plate.name,
        well=well,
        score=math.nan,
        score_low=math.nan,
        score_high=math.nan,
        call="",
        classes=model.config.classes,
        probabilities=np.empty(0),
        cells=table,
        embeddings=embeddings,
        set_scores=np.empty(0),
        model_name=model.config.name,
        model_hash=model.hash,
        model_simulated=model.config.simulated,
        condition=dict(fitted.plate[well].condition),
    )
    return scored.put_into(result, (*fitted.warnings, *warnings, *nuclei, *left_out))


def with_exclusions(table: pd.DataFrame, settings: ScoringSettings) -> tuple[pd.DataFrame, list[str]]:
    """`table` with ``out_of_focus`` and ``excluded`` as `settings` ask, and a sentence for each reason to leave cells out."""
    sharp = table["sharpness"].to_numpy(dtype=float) if "sharpness" in table else np.full(len(table), np.nan)
    table = table.assign(sharpness=sharp, out_of_focus=out_of_focus(sharp))
    excluded = table["excluded"].to_numpy(dtype=bool) if "excluded" in table else np.zeros(len(table), dtype=bool)
    told = []
    for wanted, column, what in (
        (settings.exclude_border, "touches_border", "whose slices reach over the border of their field"),
        (settings.exclude_out_of_focus, "out_of_focus", "out of focus"),
    ):
        if wanted and len(table):
            which = table[column].to_numpy(dtype=bool)
            excluded = excluded | which
            told.append(f"{which.sum()} of {len(table)} cells {what} are left out, as asked")
    return table.assign(excluded=excluded), told


@dataclass(frozen=True)
class ScoredCells:
    """What the cells of a well say together; the fields are those of `WellResult`."""

    score: float
    score_low: float
    score_high: float
    probabilities: NDArray[np.float64]
    set_scores: NDArray[np.float64]
    cells: pd.DataFrame
    trust: Trust
    call: str
    call_reason: str
    few: tuple[str, ...]

    def put_into(self, result: WellResult, warnings: Sequence[str]) -> WellResult:
        """`result` with these figures; its warnings are `warnings` and one where the cells are few."""
        figures = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "few"}
        return dataclasses.replace(result, **figures, warnings=(*warnings, *self.few))


def score_cells(
    model: MidModel, well: str, table: pd.DataFrame, embeddings: NDArray[np.float32], settings: ScoringSettings
) -> ScoredCells:
    """Score the cells of `table` that are not ``excluded``; what is known of a cell by itself is taken from there."""
    kept = ~table["excluded"].to_numpy(dtype=bool)
    n_cells = int(kept.sum())
    score = low = high = math.nan
    probabilities, set_scores = np.full(len(model.config.classes), np.nan), np.empty(0)
    trust = Trust()
    if n_cells == 0:
        cells = _with_values(table, kept, dict.fromkeys(("attention", "relevance", "relevance_se"), np.empty(0)))
    else:
        known = table["score_alone"].to_numpy(dtype=float)[kept] if "score_alone" in table else None
        bag = score_bag(model, embeddings[kept], settings, alone=known)
        score, low, high = bag.score, bag.score_low, bag.score_high
        probabilities, set_scores = bag.probabilities, bag.set_scores
        distances = np.full(len(table), np.nan) if model.reference is None else model.reference.distances(embeddings)
        trust = trust_of(bag, distances[kept], model.reference)
        values = {"attention": bag.attention, "relevance": bag.lift, "relevance_se": bag.lift_se}
        if known is None:
            table = _with_values(table, kept, {"score_alone": bag.alone})
        cells = _with_values(table.assign(training_distance=distances), kept, values)
    called = call_of(
        score,
        low,
        high,
        model.config.threshold,
        n_cells=n_cells,
        fewest_cells=settings.fewest_cells,
        training_distance=trust.training_distance,
        far=math.nan if model.reference is None else model.reference.far,
        networks_sd=trust.networks_sd,
        n_networks=model.config.networks,
    )
    few = few_cells_warning(well, n_cells, len(table) - n_cells)
    return ScoredCells(
        score, low, high, probabilities, set_scores, cells, trust, called.call, called.reason, (few,) if few else ()
    )


def few_cells_warning(well: str, n_cells: int, n_excluded: int) -> str:
    """A sentence where a score rests on few cells or none; else empty."""
    if n_cells == 0 and n_excluded:
        return f"all {n_excluded} cells of {well} are left out, so it has no score"
    if n_cells == 0:
        return f"no nuclei were found in {well}, so it has no score"
    return f"{well} has only {n_cells} cells; its score is uncertain" if n_cells < FEW_CELLS else ""


def _with_values(table: pd.DataFrame, kept: NDArray[np.bool_], values: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
    """`table` with `values` of the cells that are `kept`, NaN for the others, and with ranks where relevance is among them."""
    columns: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    for name, some in values.items():
        columns[name] = np.full(len(table), np.nan)
        columns[name][kept] = some
    if "relevance" in values:
        rank = ranks(values["relevance"])
        columns["rank"] = np.zeros(len(table), dtype=np.int64)
        columns["rank"][kept] = rank
        columns["percentile"] = np.full(len(table), np.nan)
        columns["percentile"][kept] = 100.0 * (len(rank) - rank + 0.5) / len(rank)
    table = table.assign(**columns)
    return table.reindex(columns=[*CELL_COLUMNS, *(name for name in table.columns if name not in CELL_COLUMNS)])


def ranks(relevance: NDArray[np.float64]) -> NDArray[np.int64]:
    """1 to N, 1 for the most relevant cell; equal cells keep their order, those without a value come last."""
    rank = np.empty(len(relevance), dtype=np.int64)
    rank[np.argsort(-np.nan_to_num(relevance, nan=-np.inf), kind="stable")] = np.arange(1, len(relevance) + 1)
    return rank
