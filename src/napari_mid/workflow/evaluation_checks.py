"""The controls of an evaluation: cheap predictors trained anew on shuffled labels, flat relevance, a planted artefact."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.evaluation.attention import RelevanceTruth
from napari_mid.evaluation.audit import Association
from napari_mid.evaluation.baselines import EMBEDDINGS, Lesson, Material
from napari_mid.evaluation.checks import Check, artefact_checks, flat_check, shuffled_check, shuffled_groups
from napari_mid.evaluation.learning import design, predicted_steps
from napari_mid.evaluation.reader import HEAD, reader_steps
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import HELD_OUT
from napari_mid.evaluation.units import Wells, scored_units, unit_names, units_table
from napari_mid.evaluation.weighted import cells_auroc
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps

#: Predictors that learn in seconds; what reads embeddings needs the model.
CHEAP, ON_EMBEDDINGS = ("cell_count",), ("mean_pooled", "gated_attention_mil")
#: Training steps of networks on shuffled labels, at most: there is nothing to learn that more of them could find.
MOST_STEPS = 200


def check_needs(model: MidModel | None) -> list[str]:
    """Fields of `Material` that the controls read."""
    return [EMBEDDINGS] if model is not None else []


def checks_steps(
    material: Material,
    wells: Wells,
    settings: EvaluationSettings,
    model: MidModel | None,
    truth: RelevanceTruth | None,
    associations: Sequence[tuple[str, Association]],
    device: torch.device,
) -> Steps[list[Check]]:
    """Run all controls; those that need what is not there say so."""
    found = yield from _shuffled_steps(material, wells, settings, model, device)
    if truth is not None:
        found.append(flat_check(*truth.flatness))
        found += artefact_checks(associations)
    return found


def _shuffled_steps(
    material: Material, wells: Wells, settings: EvaluationSettings, model: MidModel | None, device: torch.device
) -> Steps[list[Check]]:
    names = [*CHEAP, *(ON_EMBEDDINGS if len(material.embeddings) else ())]
    aurocs: dict[str, list[float]] = {name: [] for name in names}
    if model is not None and len(material.embeddings):
        aurocs[HEAD] = []
    groups = unit_names(wells.table, settings)
    held_out = [str(side in HELD_OUT) for side in wells.table["_side"]]
    for number in range(settings.shuffles):
        yield Progress("training on shuffled labels", number, settings.shuffles)
        rng = np.random.default_rng([settings.seed, number])
        labels = shuffled_groups(wells.table["_label"].tolist(), groups, held_out, rng)
        shuffled = dataclasses.replace(wells, table=wells.table.assign(_label=labels))
        tried = dataclasses.replace(settings, seed=settings.seed + number, network_steps=min(settings.network_steps, MOST_STEPS))
        for name in aurocs:
            scores = yield from _scores_steps(name, material, shuffled, tried, model, device)
            if scores is not None:
                aurocs[name].append(_auroc(scores, shuffled, settings))
    return [shuffled_check(name.replace("_", " "), values) for name, values in aurocs.items()]


def _scores_steps(
    name: str, material: Material, wells: Wells, settings: EvaluationSettings, model: MidModel | None, device: torch.device
) -> Steps[NDArray[np.float64] | None]:
    """(W,) scores by a predictor trained on the labels of `wells`; None where they leave too few compounds of a class."""
    positive = (wells.table["_label"] == wells.question.positive).to_numpy()
    how = design(positive, wells.table["_compound"].tolist(), wells.table["_side"].tolist(), settings)
    if how is None:
        return None
    if name != HEAD:
        return (yield from predicted_steps(name, material, positive, how, settings, device))
    assert model is not None
    scores = np.full(len(positive), np.nan)
    for train, test in how.folds:
        if positive[train].any() and not positive[train].all():
            found = yield from reader_steps(Lesson(material, positive, train, settings, device), model.config)
            scores[test] = found[test]
    return scores


def _auroc(scores: NDArray[np.float64], wells: Wells, settings: EvaluationSettings) -> float:
    """Of the units that were judged; NaN where these are of one class."""
    judged = np.isfinite(scores)
    if not judged.any():
        return math.nan
    table = wells.table[judged].assign(_shuffled=scores[judged])
    units = scored_units(units_table(dataclasses.replace(wells, table=table), settings, "_shuffled"))
    return cells_auroc(units.truth, units.scores)
