"""Relevance against the truth of simulated plates: every measure, and sets of every size and number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO
from napari_mid.evaluation.attention import (
    MATCH_UM,
    SET_NUMBERS,
    SET_SIZES,
    Detected,
    MeasureFound,
    RelevanceTruth,
    SweepPoint,
    Swept,
    auroc_among_read,
    detected,
    enough,
    match_truth,
    over_wells,
    swept,
)
from napari_mid.evaluation.bootstrap import binary_estimates
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import TRAINED
from napari_mid.evaluation.units import PLATE, WELL, Wells, scored_units, units_table
from napari_mid.inference.bag import Bag
from napari_mid.inference.curves import deletion_insertion
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.measures import DEFAULT, measure, measure_names, relevance_by
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.simulation.plate import TRUTH
from napari_mid.workflow.evaluation_material import embeddings_steps
from napari_mid.workflow.relevance import CONTROL_ROLE, MOST_CONTROLS
from napari_mid.workflow.scored_plates import ScoredPlate

POSITIVE, OTHER = "called positive", "not called positive"
#: Random orders behind the deletion and insertion curves: fewer than for a figure, since areas of many wells are averaged.
CURVE_ORDERS = 5


def truth_file(scored: ScoredPlate) -> Path | None:
    """The truth beside a simulated plate; None where there is none."""
    if scored.plate is None or not isinstance(scored.plate.path, Path):
        return None
    path = scored.plate.path
    folders = [path, *list(path.parents)[:2]]
    return next((folder / TRUTH for folder in folders if (folder / TRUTH).is_file()), None)


@dataclass(frozen=True)
class _Well:
    """A well whose truth is known: its cells, which of them are true ones, and which responded (of the true ones).

    One that the model was `trained` on is here only to compare with, as a negative control.
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


def relevance_truth_steps(
    plates: Sequence[ScoredPlate],
    wells: Wells,
    settings: EvaluationSettings,
    model: MidModel,
    threshold: float,
    trained: Set[tuple[str, str]],
    cache: EmbeddingCache | None,
    device: str = AUTO,
) -> Steps[RelevanceTruth | None]:
    """Judge relevance on those of `plates` that have a truth; None where none has.

    Wells that the model was `trained` on, by plate and well, are not judged: its relevance may be better there.
    """
    known: list[_Well] = []
    n_located = n_true = 0
    for scored in plates:
        file = truth_file(scored)
        if file is None:
            continue
        truth = pd.read_parquet(file)
        names = [str(name) for name in scored.wells[WELL] if len(scored.cells_of(str(name)))]
        names = [name for name in names if (scored.name, name) not in trained or _is_negative(scored, name)]
        encoded = yield from embeddings_steps(scored, names, model, cache, device)
        reach = MATCH_UM / ((scored.plate.pixel_size_um if scored.plate else None) or 1.0)
        rows = scored.wells.drop_duplicates(WELL).set_index(WELL)
        for name in names:
            table = encoded[name].table
            true = truth[truth[WELL] == name].reset_index(drop=True)
            place = match_truth(table, true, reach)
            responded = true["responded"].to_numpy(dtype=bool)[place] & (place >= 0) if len(true) else place >= 0
            n_located += len(table)
            n_true += len(true)
            row: dict[Any, Any] = rows.loc[name].to_dict()
            compound = f"{scored.name} {name}" if pd.isna(row.get("compound")) else str(row["compound"])
            called = float(row["score"]) >= threshold
            seen = (scored.name, name) in trained
            negative = _is_negative(scored, name)
            known.append(
                _Well(scored.name, name, compound, negative, seen, called, encoded[name].embeddings, place >= 0, responded)
            )
    if not known:
        return None
    scoring = plates[0].scoring
    controls = _controls(known, scoring.seed)
    measures, spreads = yield from _measures(known, model, scoring, controls, settings)
    sweep = yield from _sweep(known, wells, model, settings, threshold)
    return RelevanceTruth(
        tuple(measures),
        tuple(sweep),
        sum(int(well.known.sum()) for well in known),
        n_located,
        n_true,
        _mean([spreads[well.plate, well.name] for well in known if well.negative_control]),
        _mean([spreads[well.plate, well.name] for well in known if well.positive]),
    )


def _is_negative(scored: ScoredPlate, well: str) -> bool:
    rows = scored.wells
    return "role" in rows and bool(((rows[WELL] == well) & (rows["role"] == CONTROL_ROLE)).any())


def _controls(known: Sequence[_Well], seed: int) -> NDArray[np.float32] | None:
    """A sample of cells of the negative controls, for measures that compare with them."""
    cells = [well.embeddings for well in known if well.negative_control]
    if not cells:
        return None
    together = np.concatenate(cells)
    return together[np.sort(np.random.default_rng(seed).permutation(len(together))[:MOST_CONTROLS])]


def _measures(
    known: Sequence[_Well],
    model: MidModel,
    scoring: ScoringSettings,
    controls: NDArray[np.float32] | None,
    settings: EvaluationSettings,
) -> Steps[tuple[list[MeasureFound], dict[tuple[str, str], float]]]:
    """Every measure in the wells with responders, and the spread of the default one in every well."""
    names = [name for name in measure_names() if controls is not None or not measure(name).NEEDS_CONTROLS]
    found: dict[tuple[str, str], list[Detected]] = {(name, kind): [] for kind in (POSITIVE, OTHER) for name in names}
    spreads = {}
    for done, well in enumerate(known):
        yield Progress("judging relevance", done, len(known), f"{well.plate} {well.name}")
        judged = enough(well.responded[well.known]) and not well.trained
        for name in names if judged else [DEFAULT]:
            values = relevance_by(name, model, well.embeddings, scoring, controls).values
            if name == DEFAULT:
                spreads[well.plate, well.name] = float(values.std())
            if not judged:
                continue
            deletion = insertion = math.nan
            if well.positive:  # in a well that scores near 0 there is nothing to take away
                curves = deletion_insertion(Bag(model, well.embeddings), values, scoring, CURVE_ORDERS)
                deletion, insertion = curves.deletion_area, curves.insertion_area
            kind = POSITIVE if well.positive else OTHER
            found[name, kind].append(detected(well.compound, well.responded[well.known], values[well.known], deletion, insertion))
    rows = [over_wells(name, kind, some, settings.resamples, settings.seed) for (name, kind), some in found.items()]
    return rows, spreads


def _sweep(
    known: Sequence[_Well], wells: Wells, model: MidModel, settings: EvaluationSettings, threshold: float
) -> Steps[list[SweepPoint]]:
    """Cells and units against size and number of the sets."""
    points = []
    for done, size in enumerate(SET_SIZES):
        read: dict[tuple[str, str], Swept] = {}
        for number, well in enumerate(known):
            detail = f"sets of {size}, {well.plate} {well.name}"
            yield Progress("reading sets of every size", done * len(known) + number, len(SET_SIZES) * len(known), detail)
            read[well.plate, well.name] = swept(Bag(model, well.embeddings), size, SET_NUMBERS, settings.seed)
        for n_sets in SET_NUMBERS:
            points.append(_point(size, n_sets, known, read, wells, settings, threshold))
    return points


def _point(
    size: int,
    n_sets: int,
    known: Sequence[_Well],
    read: Mapping[tuple[str, str], Swept],
    wells: Wells,
    settings: EvaluationSettings,
    threshold: float,
) -> SweepPoint:
    areas = [
        auroc_among_read(read[well.plate, well.name].lifts[n_sets][well.known], well.responded[well.known])
        for well in known
        if well.positive and not well.trained and enough(well.responded[well.known])
    ]
    keys = list(zip(wells.table[PLATE], wells.table[WELL], strict=True))
    there = [key in read and side != TRAINED for key, side in zip(keys, wells.table["_side"], strict=True)]
    table = wells.table[there].assign(
        _swept=[read[key].scores[n_sets] for key, judged in zip(keys, there, strict=True) if judged]
    )
    metrics = {}
    if len(table):
        units = units_table(Wells(table, wells.question, ()), settings, "_swept")
        metrics = binary_estimates(scored_units(units), threshold, 10, settings.seed)
    return SweepPoint(
        size,
        n_sets,
        _mean([area for area in areas if math.isfinite(area)]),
        metrics["auroc"].value if metrics else math.nan,
        metrics["balanced_accuracy"].value if metrics else math.nan,
        _mean([float(each.cells_in_set) for each in read.values()]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
