"""Scores and attention against the cells in a set and the number of sets: the paper's Figure 1, from embeddings alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from napari_mid.evaluation.attention import SET_NUMBERS, SET_SIZES, SweepPoint, Swept, auroc_among_read, swept
from napari_mid.evaluation.bootstrap import binary_estimates
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import TRAINED
from napari_mid.evaluation.units import PLATE, WELL, Wells, scored_units, units_table
from napari_mid.inference.bag import Bag
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.relevance_truth import ReadWell


def set_sizes_steps(
    read: Sequence[ReadWell], wells: Wells, model: MidModel, settings: EvaluationSettings, threshold: float
) -> Steps[list[SweepPoint]]:
    """Read every well in sets of `SET_SIZES`, `SET_NUMBERS` of them; wells that count for nothing are passed over.

    Parameters
    ----------
    read
        Encoded wells; attention is judged in those whose truth is known.
    wells
        Those whose scores are judged.
    """
    counted = wells.table[wells.table["_side"] != TRAINED]
    units = set(zip(counted[PLATE], counted[WELL], strict=True))
    chosen = [well for well in read if (well.plate, well.name) in units or (well.positive and well.judged)]
    points = []
    for done, size in enumerate(SET_SIZES):
        found: dict[tuple[str, str], Swept] = {}
        for number, well in enumerate(chosen):
            detail = f"sets of {size}, {well.plate} {well.name}"
            yield Progress("reading sets of every size", done * len(chosen) + number, len(SET_SIZES) * len(chosen), detail)
            found[well.plate, well.name] = swept(Bag(model, well.embeddings), size, SET_NUMBERS, settings.seed)
        there = [(plate, name) in found for plate, name in zip(counted[PLATE], counted[WELL], strict=True)]
        judged = Wells(counted[there], wells.question, ())
        points += [_point(size, n_sets, chosen, found, judged, settings, threshold) for n_sets in SET_NUMBERS]
    return points


def _point(
    size: int,
    n_sets: int,
    chosen: Sequence[ReadWell],
    found: Mapping[tuple[str, str], Swept],
    wells: Wells,
    settings: EvaluationSettings,
    threshold: float,
) -> SweepPoint:
    areas = [
        auroc_among_read(found[well.plate, well.name].lifts[n_sets][well.known], well.responded[well.known])
        for well in chosen
        if well.positive and well.judged
    ]
    areas = [area for area in areas if math.isfinite(area)]
    keys = zip(wells.table[PLATE], wells.table[WELL], strict=True)
    table = wells.table.assign(_swept=[found[key].scores[n_sets] for key in keys])
    units = scored_units(units_table(Wells(table, wells.question, ()), settings, "_swept"))
    metrics = binary_estimates(units, threshold, settings.resamples, settings.seed)
    return SweepPoint(
        size,
        n_sets,
        float(np.mean(areas)) if areas else math.nan,
        len(areas),
        metrics["auroc"],
        metrics["balanced_accuracy"],
        float(np.mean([each.cells_in_set for each in found.values()])) if found else math.nan,
    )
