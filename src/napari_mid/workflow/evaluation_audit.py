"""The shortcut audit of scored plates: what of a well goes with its score, and what of a cell with its relevance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.evaluation import audit
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import TRAINED
from napari_mid.evaluation.units import PLATE, WELL, Wells
from napari_mid.inference.lift import spearman
from napari_mid.plates.well_names import well_position
from napari_mid.training.leaks import is_edge
from napari_mid.workflow.evaluation_material import Images, crowding
from napari_mid.workflow.relevance_truth import matched_truth, truth_file
from napari_mid.workflow.scored_plates import AREA, ScoredPlate


def associations(
    plates: Sequence[ScoredPlate], wells: Wells, images: Mapping[tuple[str, str], Images], settings: EvaluationSettings
) -> list[tuple[str, audit.Association]]:
    """The shortcut audit: of the score over wells, and of relevance over the cells of each well."""
    counted = wells.table[wells.table["_side"] != TRAINED].reset_index(drop=True)
    if counted.empty:
        return []
    compounds = counted["_compound"].tolist()
    keys = list(zip(counted[PLATE], counted[WELL], strict=True))
    by_name = {plate.name: plate for plate in plates}
    planted = _planted(by_name, keys) if settings.truth else {}
    properties = _well_properties(plates, counted, [images.get(key) for key in keys])
    if planted:
        properties[audit.ARTEFACT] = np.array([planted[key].mean() if len(planted.get(key, ())) else math.nan for key in keys])
    by_score = audit.score_associations(
        counted["score"].to_numpy(dtype=float),
        properties,
        compounds,
        (counted["_label"] == wells.question.positive).to_numpy(),
        settings.resamples,
        settings.seed,
    )
    per_well: dict[str, list[float]] = {}
    for plate, well in keys:
        correlations = _cell_correlations(by_name[plate].cells_of(well), images.get((plate, well)), planted.get((plate, well)))
        for what, value in correlations.items():
            per_well.setdefault(what, []).append(value)
    by_relevance = audit.relevance_associations(per_well, compounds, settings.resamples, settings.seed)
    return [*(("score", each) for each in by_score), *(("relevance", each) for each in by_relevance)]


def _well_properties(
    plates: Sequence[ScoredPlate], counted: pd.DataFrame, images: Sequence[Images | None]
) -> dict[str, NDArray[np.float64]]:
    positions = np.array([well_position(str(well)) for well in counted[WELL]])
    sizes = {plate.name: (plate.plate.rows, plate.plate.columns) for plate in plates if plate.plate is not None}
    edge = [
        float(is_edge(row, column, *sizes[name])) if name in sizes else math.nan
        for name, (row, column) in zip(counted[PLATE], positions.tolist(), strict=True)
    ]
    found = {
        "the number of cells": counted["n_cells"].to_numpy(dtype=float),
        "the row": positions[:, 0].astype(float),
        "the column": positions[:, 1].astype(float),
        "being at the edge of the plate": np.array(edge),
    }
    if counted[PLATE].nunique() > 1:
        found["the plate"] = counted[PLATE].astype("category").cat.codes.to_numpy(dtype=float)
    known = next((each for each in images if each is not None), None)
    names = next((plate.plate.channel_names for plate in plates if plate.plate is not None), ())
    if known is not None and len(known.intensity) == 2 * len(names):
        rows = np.array([each.intensity if each is not None else np.full(2 * len(names), np.nan) for each in images])
        for number, name in enumerate(names):
            found[f"the mean intensity of {name} in the nuclei"] = rows[:, number]
    return found


def _planted(plates: Mapping[str, ScoredPlate], keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Plate and well to whether the cells of `ScoredPlate.cells_of` have the planted artefact; nothing where no truth has one."""
    found = {}
    for name, scored in plates.items():
        file = truth_file(scored)
        truth = pd.read_parquet(file) if file is not None else pd.DataFrame()
        if "artefact" not in truth or not truth["artefact"].any():
            continue
        for plate, well in keys:
            if plate == name:
                true = truth[truth[WELL] == well].reset_index(drop=True)
                place = matched_truth(scored, scored.cells_of(well), true)
                has = np.append(true["artefact"].to_numpy(dtype=bool), False)  # the last one is for cells that are none
                found[plate, well] = has[place]
    return found


def _cell_correlations(cells: pd.DataFrame, images: Images | None, planted: NDArray[np.bool_] | None) -> dict[str, float]:
    """Spearman correlation of the relevance of a well's cells with what a network should not need."""
    if "relevance" not in cells:
        return {}
    relevance = cells["relevance"].to_numpy(dtype=float)
    properties = {
        "cells that touch the border": cells["touches_border"].to_numpy(dtype=float),
        "the area of the nucleus": cells[AREA].to_numpy(dtype=float),
        "crowding (neighbours within 3 diameters)": crowding(cells),
    }
    if images is not None:
        properties["the intensity of the nucleus"] = images.nucleus
    if planted is not None:
        properties[audit.ARTEFACT] = planted.astype(float)
    return {what: spearman(relevance, values) if len(cells) else math.nan for what, values in properties.items()}
