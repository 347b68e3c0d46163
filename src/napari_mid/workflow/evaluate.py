"""From scored plates to what their scores are worth: metrics, baselines, relevance against the truth, shortcuts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO, pick_device
from napari_mid.evaluation.attention import RelevanceTruth, SweepPoint
from napari_mid.evaluation.baselines import INTENSITY, baseline, check_packages
from napari_mid.evaluation.bootstrap import Estimate, Scored, binary_estimates, compare
from napari_mid.evaluation.checks import Check
from napari_mid.evaluation.evaluated import MID, Evaluation, Predictor, permuted
from napari_mid.evaluation.learning import Design, design, predicted_steps
from napari_mid.evaluation.multiclass import multiclass_estimates
from napari_mid.evaluation.paired import paired
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import (
    HELD_OUT,
    NEW,
    TRAINED,
    UNKNOWN,
    VALIDATION,
    TrainingSplit,
    read_split,
    sides_text,
    with_sides,
)
from napari_mid.evaluation.thresholds import check_fitting, fitted_threshold
from napari_mid.evaluation.units import (
    PLATE,
    WELL,
    EvaluationError,
    Wells,
    aggregation_text,
    labelled_wells,
    scored_units,
    units_table,
)
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.model.folder import DEMO_MODELS, model_hash
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate
from napari_mid.progress import Steps
from napari_mid.workflow.evaluation_audit import associations
from napari_mid.workflow.evaluation_checks import check_needs, checks_steps
from napari_mid.workflow.evaluation_material import material_steps
from napari_mid.workflow.relevance_truth import read_wells_steps, relevance_truth_steps, truth_file
from napari_mid.workflow.score_plate import score_plate_steps, write_results
from napari_mid.workflow.scored_plates import (
    ScoredPlate,
    check_together,
    probability_columns,
    read_scored_steps,
)
from napari_mid.workflow.set_sizes import set_sizes_steps


@dataclass(frozen=True)
class Asked:
    """What a person asked for: the label column, its classes, and the positive one where it is not the model's."""

    label: str
    classes: tuple[str, ...] | None = None
    positive: str | None = None


def score_for_evaluation_steps(
    plate: Plate, model: MidModel, out: Path, *, cache: EmbeddingCache | None = None, device: str = AUTO
) -> Steps[ScoredPlate]:
    """Score all wells of `plate` into the folder `out`, and read it back: everything is worked out from what is on disk."""
    result = yield from score_plate_steps(plate, plate.select_wells(None), model, device=device, cache=cache)
    write_results(result, out)
    scored = yield from read_scored_steps(out, plate)
    return scored


def evaluate_steps(
    plates: Sequence[ScoredPlate],
    asked: Asked,
    settings: EvaluationSettings,
    *,
    model: MidModel | None = None,
    cache: EmbeddingCache | None = None,
    device: str = AUTO,
) -> Steps[Evaluation]:
    """Judge the scores of `plates` by a label.

    Parameters
    ----------
    plates
        All scored by one model.
    asked
        What is true of the wells.
    settings
        What is counted.
    model
        That scored them: says on which compounds it was trained, and encodes cells for what needs embeddings. The bundled
        demo model is known without it.
    cache
        Where embeddings are kept.

    Raises
    ------
    EvaluationError
        If the scores or labels do not allow it.
    """
    check_packages(settings.baselines)
    check_together(plates)
    run = plates[0].run
    if model is not None and model.hash != plates[0].model_hash:
        raise EvaluationError(
            f"The results were scored with {run['model']['name']} ({plates[0].model_hash}), but --model is {model.config.name} "
            f"({model.hash}); give the model that made them, or score again."
        )
    split = _split(plates[0].model_hash, model)
    every = with_sides(pd.concat([plate.wells for plate in plates], ignore_index=True), split)
    wells = labelled_wells(
        every,
        asked.label,
        settings,
        classes=asked.classes,
        positive=asked.positive,
        model_positive=str(run["model"]["classes"][-1]),
    )
    of_wells = float(run["settings"].get("threshold", 0.5)) if settings.threshold is None else settings.threshold
    units = units_table(wells, settings)
    counted, counted_as = _counted(units, settings)
    mid, validation = scored_units(counted), scored_units(units[units["side"] == VALIDATION])
    threshold = of_wells
    if settings.fit_threshold:
        check_fitting(validation, mid, settings.threshold)
        threshold = fitted_threshold(validation)
    metrics = binary_estimates(mid, threshold, settings.resamples, settings.seed)
    predictors = [Predictor(MID, f"the model {run['model']['name']}", mid, threshold, metrics)]
    needs = [need for name in settings.baselines for need in baseline(name).NEEDS]
    needs += check_needs(model) if settings.checks else []
    material, images = yield from material_steps(plates, wells.table, needs, settings, model, cache, device)
    positive = (wells.table["_label"] == wells.question.positive).to_numpy()
    how = _design(wells, positive, settings)
    if how is not None:
        for name in settings.baselines:
            scores = yield from predicted_steps(name, material, positive, how, settings, pick_device(device))
            predictors.append(_baseline(name, wells, scores, counted, validation, predictors[0], settings))
    truth: RelevanceTruth | None = None
    sets: tuple[SweepPoint, ...] = ()
    if model is not None and (settings.truth or settings.set_sizes):
        trained = set(every.loc[every["_side"] == TRAINED, [PLATE, WELL]].itertuples(index=False, name=None))
        read = yield from read_wells_steps(plates, settings, model, of_wells, trained, cache, device)
        truth = yield from relevance_truth_steps(read, settings, model, plates[0].scoring)
        if settings.set_sizes:
            sets = tuple((yield from set_sizes_steps(read, wells, model, settings, of_wells)))
    found = associations(plates, wells, images, settings)
    checks: tuple[Check, ...] = ()
    if settings.checks:
        checks = tuple((yield from checks_steps(material, wells, settings, model, truth, found, pick_device(device))))
    return Evaluation(
        question=wells.question,
        settings=settings,
        model=dict(run["model"]),
        plates={plate.name: bool(plate.run["plate"].get("simulated")) for plate in plates},
        units=units,
        counted=counted,
        counted_as=counted_as,
        groups=_groups(units, threshold, settings),
        doses=_doses(wells, threshold, settings),
        several=_several(wells, settings),
        permuted=permuted(mid, settings.seed),
        predictors=tuple(predictors),
        design=_design_text(how, settings),
        associations=tuple(found),
        truth=truth,
        sets=sets,
        checks=checks,
        notes=tuple(_notes(wells, plates, settings, truth, model)),
        cautions=tuple(_cautions(wells, run, mid.truth, settings)),
    )


def _split(hash_of_model: str, model: MidModel | None) -> TrainingSplit | None:
    if model is not None and model.path is not None:
        return read_split(Path(model.path))
    return next((read_split(demo) for demo in DEMO_MODELS.values() if model_hash(demo) == hash_of_model), None)


def _counted(units: pd.DataFrame, settings: EvaluationSettings) -> tuple[pd.DataFrame, str]:
    """The units that metrics count, and what they are."""
    if settings.fit_threshold:
        n = int((units["side"] == VALIDATION).sum())
        return units[units["side"] == NEW].reset_index(drop=True), f"new; thresholds fitted on {n} others held out of training"
    if (units["side"] == UNKNOWN).all():
        return units, "all, training unknown"
    return units[units["side"].isin(HELD_OUT)].reset_index(drop=True), "held out"


def _judged_wells(wells: Wells, settings: EvaluationSettings) -> pd.DataFrame:
    """The wells of the units that are counted."""
    sides = wells.table["_side"]
    return wells.table[sides == NEW if settings.fit_threshold else sides != TRAINED]


def _groups(units: pd.DataFrame, threshold: float, settings: EvaluationSettings) -> dict[str, dict[str, Estimate]]:
    return {
        str(side): binary_estimates(scored_units(some), threshold, settings.resamples, settings.seed)
        for side, some in units.groupby("side")
    }


def _design(wells: Wells, positive: NDArray[np.bool_], settings: EvaluationSettings) -> Design | None:
    if not settings.baselines:
        return None
    return design(positive, wells.table["_compound"].tolist(), wells.table["_side"].tolist(), settings)


def _baseline(
    name: str,
    wells: Wells,
    scores: NDArray[np.float64],
    counted: pd.DataFrame,
    validation: Scored,
    mid: Predictor,
    settings: EvaluationSettings,
) -> Predictor:
    """The baseline's row: its scores of wells become those of units as the model's do."""
    judged = np.isfinite(scores)
    table = wells.table[judged].assign(_baseline=scores[judged])
    by_unit = units_table(Wells(table, wells.question, ()), settings, "_baseline").set_index("unit")["score"]
    scored = mid.scored.with_scores(by_unit.reindex(counted["unit"]).to_numpy(dtype=float))
    threshold = 0.5
    if settings.fit_threshold:
        threshold = fitted_threshold(validation.with_scores(by_unit.reindex(validation.names).to_numpy(dtype=float)))
    return Predictor(
        name,
        baseline(name).MEANING,
        scored,
        threshold,
        binary_estimates(scored, threshold, settings.resamples, settings.seed),
        compare(scored, mid.scored, (threshold, mid.threshold), settings.resamples, settings.seed),
        paired(scored, mid.scored, (threshold, mid.threshold), settings.seed),
    )


def _design_text(how: Design | None, settings: EvaluationSettings) -> str:
    if not settings.baselines:
        return ""
    return how.how if how else "no baseline: a class has fewer than two compounds to learn from"


def _doses(wells: Wells, threshold: float, settings: EvaluationSettings) -> pd.DataFrame:
    """A row per concentration of the wells that are counted: what the scores are worth at that dose alone."""
    table = _judged_wells(wells, settings)
    rows = []
    for dose, some in table.groupby("_dose", sort=True):
        per_compound = [
            (name, label, float(members["score"].mean())) for (name, label), members in some.groupby(["_compound", "_label"])
        ]
        truth = np.array([label == wells.question.positive for _, label, _ in per_compound])
        scores = np.array([score for _, _, score in per_compound])
        names = tuple(name for name, _, _ in per_compound)
        scored = scored_units(pd.DataFrame({"unit": names, "compound": names, "positive": truth, "score": scores}))
        found = binary_estimates(scored, threshold, settings.resamples, settings.seed)
        row: dict[str, Any] = {"dose": dose, "compounds": len(names), "positive": int(truth.sum()), "wells": len(some)}
        row |= {
            "mean_score_positive": scores[truth].mean() if truth.any() else math.nan,
            "mean_score_negative": scores[~truth].mean() if not truth.all() else math.nan,
        }
        for name in ("auroc", "balanced_accuracy", "accuracy", "recall", "specificity"):
            row |= {name: found[name].value, f"{name}_low": found[name].low, f"{name}_high": found[name].high}
        rows.append(row)
    return pd.DataFrame(rows)


def _several(wells: Wells, settings: EvaluationSettings) -> Mapping[str, Estimate]:
    """Metrics of all classes at once; nothing for two classes, or where the probabilities of the classes are not known."""
    columns = probability_columns(wells.table)
    names = wells.question.classes
    if len(names) < 3 or not set(names) <= set(columns):
        return {}
    table = _judged_wells(wells, settings)
    per_class = {name: units_table(Wells(table, wells.question, ()), settings, columns[name]).set_index("unit") for name in names}
    units = per_class[names[0]]
    truth = np.array([names.index(label) for label in units["label"]], dtype=np.int64)
    probabilities = np.stack([per_class[name]["score"].to_numpy(dtype=float) for name in names], axis=1)
    return multiclass_estimates(truth, probabilities, units["compound"].tolist(), settings.resamples, settings.seed)


def _notes(
    wells: Wells,
    plates: Sequence[ScoredPlate],
    settings: EvaluationSettings,
    truth: RelevanceTruth | None,
    model: MidModel | None,
) -> list[str]:
    told = [f"{aggregation_text(settings)}.", *(f"{each}." for each in wells.left_out)]
    if len(wells.question.classes) > 2:
        others = ", ".join(wells.question.classes[:-1])
        told.append(
            f"{wells.question.label} has {len(wells.question.classes)} values: {wells.question.positive} against {others}."
        )
    if truth is None and settings.truth and model is None and any(truth_file(plate) for plate in plates):
        told.append("The truth of the simulated plate is there; relevance is judged against it where --model is given.")
    if settings.set_sizes and model is None:
        told.append("Sets of every size need the model; give its folder with --model.")
    if INTENSITY not in [need for name in settings.baselines for need in baseline(name).NEEDS]:
        told.append("Intensities are not audited, since no baseline needed the images (--baselines mean_intensity reads them).")
    return told


def _cautions(wells: Wells, run: Mapping[str, Any], truth: NDArray[np.bool_], settings: EvaluationSettings) -> list[str]:
    # what thresholds are fitted on is not counted, and the report says so where it says what is
    told = sides_text(wells.table[wells.table["_side"] != VALIDATION] if settings.fit_threshold else wells.table, settings.unit)
    if run["model"].get("simulated"):
        told.append("The model was trained on simulated cells: these numbers say nothing about real compounds.")
    fewest = min(int(truth.sum()), int((~truth).sum()))
    if len(truth) and fewest < 10:
        told.append(f"Only {fewest} units of the smaller class are counted: look at the intervals, not at the values.")
    return told
