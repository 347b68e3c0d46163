"""Relevance against the truth of simulated plates: every measure in every well, and how flat it is where nobody responded."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO
from napari_mid.evaluation.attention import (
    MATCH_UM,
    Detected,
    MeasureFound,
    RelevanceTruth,
    enough,
    flatness,
    match_truth,
    over_wells,
)
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.units import WELL
from napari_mid.inference.bag import Bag
from napari_mid.inference.controls import CONTROL_ROLE
from napari_mid.inference.curves import deletion_insertion, random_orders
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.measures import DEFAULT, measure, measure_names, relevance_by
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.simulation.plate import TRUTH
from napari_mid.workflow.evaluation_material import embeddings_steps
from napari_mid.workflow.relevance import MOST_CONTROLS
from napari_mid.workflow.scored_plates import ScoredPlate

POSITIVE, OTHER, WITHOUT = "called positive", "not called positive", "without responders"
#: Random orders behind the deletion and insertion curves: fewer than for a figure, since areas of many wells are averaged.
CURVE_ORDERS = 5


def truth_file(scored: ScoredPlate) -> Path | None:
    """The truth beside a simulated plate; None where there is none."""
    if scored.plate is None or not isinstance(scored.plate.path, Path):
        return None
    path = scored.plate.path
    folders = [path, *list(path.parents)[:2]]
    return next((folder / TRUTH for folder in folders if (folder / TRUTH).is_file()), None)


def matched_truth(scored: ScoredPlate, cells: pd.DataFrame, truth: pd.DataFrame) -> NDArray[np.int64]:
    """(N,) row of `truth`, the true cells of the same well, for every one of its located `cells`; -1 for one that is none."""
    reach = MATCH_UM / ((scored.plate.pixel_size_um if scored.plate else None) or 1.0)
    return match_truth(cells, truth, reach) if len(truth) else np.full(len(cells), -1, dtype=np.int64)


@dataclass(frozen=True)
class ReadWell:
    """A well whose cells are encoded: which of them are true ones, and which responded (of the true ones).

    Parameters
    ----------
    plate, name, compound
        Which well.
    negative_control, trained, positive
        Its role; whether the model was trained on it, so that it is here only to compare with; how it is called.
    embeddings
        (N, D).
    known, responded
        (N,) bool; no cell is known where the plate has no truth.
    n_true
        Cells that the truth has.
    """

    plate: str
    name: str
    compound: str
    negative_control: bool
    trained: bool
    positive: bool
    embeddings: NDArray[np.float32]
    known: NDArray[np.bool_]
    responded: NDArray[np.bool_]
    n_true: int

    @property
    def judged(self) -> bool:
        """Whether relevance is judged here: unseen, with responders and others."""
        return not self.trained and enough(self.responded[self.known])


def read_wells_steps(
    plates: Sequence[ScoredPlate],
    settings: EvaluationSettings,
    model: MidModel,
    threshold: float,
    trained: Set[tuple[str, str]],
    cache: EmbeddingCache | None,
    device: str = AUTO,
) -> Steps[list[ReadWell]]:
    """Encode the wells of those of `plates` that have a truth, and, where sets of every size are asked for, of the others.

    Wells that the model was `trained` on, by plate and well, are left out but for negative controls, with which measures compare.
    """
    found: list[ReadWell] = []
    for scored in plates:
        file = truth_file(scored) if settings.truth else None
        if file is None and not settings.set_sizes:
            continue
        truth = pd.read_parquet(file) if file is not None else None
        names = [str(name) for name in scored.wells[WELL] if len(scored.cells_of(str(name)))]
        names = [name for name in names if (scored.name, name) not in trained or _is_negative(scored, name)]
        encoded = yield from embeddings_steps(scored, names, model, cache, device)
        rows = scored.wells.drop_duplicates(WELL).set_index(WELL)
        for name in names:
            table = encoded[name].table
            place, responded, n_true = np.full(len(table), -1), np.zeros(len(table), dtype=bool), 0
            if truth is not None:
                true = truth[truth[WELL] == name].reset_index(drop=True)
                n_true, place = len(true), matched_truth(scored, table, true)
                responded = true["responded"].to_numpy(dtype=bool)[place] & (place >= 0) if n_true else responded
            row: dict[Any, Any] = rows.loc[name].to_dict()
            compound = f"{scored.name} {name}" if pd.isna(row.get("compound")) else str(row["compound"])
            found.append(
                ReadWell(
                    scored.name,
                    name,
                    compound,
                    _is_negative(scored, name),
                    (scored.name, name) in trained,
                    float(row["score"]) >= threshold,
                    encoded[name].embeddings,
                    place >= 0,
                    responded,
                    n_true,
                )
            )
    return found


def _is_negative(scored: ScoredPlate, well: str) -> bool:
    rows = scored.wells
    return "role" in rows and bool(((rows[WELL] == well) & (rows["role"] == CONTROL_ROLE)).any())


def relevance_truth_steps(
    wells: Sequence[ReadWell], settings: EvaluationSettings, model: MidModel, scoring: ScoringSettings
) -> Steps[RelevanceTruth | None]:
    """Judge relevance in those of `wells` that have a truth; None where none has."""
    known = [well for well in wells if well.n_true]
    if not known:
        return None
    controls = _controls(known, scoring.seed)
    names = [name for name in measure_names() if controls is not None or not measure(name).NEEDS_CONTROLS]
    found: list[Detected] = []
    relevance: dict[tuple[str, str], NDArray[np.float64]] = {}
    for done, well in enumerate(known):
        yield Progress("judging relevance", done, len(known), f"{well.plate} {well.name}")
        by_chance = None
        if well.judged and well.positive:  # in a well that scores near 0 there is nothing to take away
            by_chance = random_orders(Bag(model, well.embeddings), scoring, CURVE_ORDERS)
        for name in names if well.judged else [DEFAULT]:
            values = relevance_by(name, model, well.embeddings, scoring, controls).values
            if name == DEFAULT:
                relevance[well.plate, well.name] = values
            if well.judged:
                found.append(_detected(well, name, values, model, scoring, by_chance))
    rows: list[MeasureFound] = []
    for kind in (POSITIVE, OTHER):
        for name in names:
            some = [each for each in found if each.measure == name and each.wells == kind]
            rows.append(over_wells(name, kind, some, settings.resamples, settings.seed))
    # a model may be flat, or not, on what it was trained on for that reason alone
    unseen = [well for well in known if not well.trained]
    flat = (
        flatness(WITHOUT, [relevance[well.plate, well.name] for well in unseen if not well.responded.any()]),
        flatness(POSITIVE, [relevance[well.plate, well.name] for well in unseen if well.positive and well.responded.any()]),
    )
    return RelevanceTruth(
        tuple(rows),
        sum(int(well.known.sum()) for well in known),
        sum(len(well.known) for well in known),
        sum(well.n_true for well in known),
        flat,
        tuple(found),
    )


def _controls(known: Sequence[ReadWell], seed: int) -> NDArray[np.float32] | None:
    """A sample of cells of the negative controls, for measures that compare with them."""
    cells = [well.embeddings for well in known if well.negative_control]
    if not cells:
        return None
    together = np.concatenate(cells)
    return together[np.sort(np.random.default_rng(seed).permutation(len(together))[:MOST_CONTROLS])]


def _detected(
    well: ReadWell,
    name: str,
    values: NDArray[np.float64],
    model: MidModel,
    scoring: ScoringSettings,
    by_chance: NDArray[np.float64] | None,
) -> Detected:
    """A measure in a well that is judged; `by_chance` are its random orders, None where curves mean nothing."""
    deletion = insertion = math.nan
    if by_chance is not None:
        curves = deletion_insertion(Bag(model, well.embeddings), values, scoring, random=by_chance)
        deletion, insertion = curves.deletion_area, curves.insertion_area
    kind = POSITIVE if well.positive else OTHER
    responded = well.responded[well.known]
    return Detected(well.plate, well.name, well.compound, name, kind, responded, values[well.known], deletion, insertion)
