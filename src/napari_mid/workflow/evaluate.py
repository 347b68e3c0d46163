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

from napari_mid.cells.device import AUTO
from napari_mid.evaluation import audit
from napari_mid.evaluation.attention import RelevanceTruth
from napari_mid.evaluation.baselines import INTENSITY, baseline
from napari_mid.evaluation.bootstrap import Estimate, binary_estimates, compare
from napari_mid.evaluation.evaluated import MID, Evaluation, Predictor, permuted
from napari_mid.evaluation.learning import Design, design, predicted
from napari_mid.evaluation.multiclass import multiclass_estimates
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import HELD_OUT, TRAINED, UNKNOWN, TrainingSplit, read_split, sides_text, with_sides
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
from napari_mid.files import atomic_path
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.lift import spearman
from napari_mid.model.folder import demo_model_path, model_hash
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate
from napari_mid.plates.well_names import well_position
from napari_mid.progress import Steps
from napari_mid.training.leaks import is_edge
from napari_mid.workflow.evaluation_material import Images, crowding, material_steps
from napari_mid.workflow.relevance_truth import relevance_truth_steps, truth_file
from napari_mid.workflow.score_plate import score_plate_steps, write_results
from napari_mid.workflow.scored_plates import (
    AREA,
    PROBABILITIES,
    PROBABILITY,
    ScoredPlate,
    check_together,
    probability_columns,
    read_scored_steps,
)


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
    if len(model.config.classes) > 2:
        rows = [
            {PLATE: each.plate, WELL: each.well}
            | {f"{PROBABILITY}{name}": value for name, value in zip(each.classes, each.probabilities, strict=True)}
            for each in result.results
        ]
        with atomic_path(out / PROBABILITIES) as path:
            pd.DataFrame(rows).to_csv(path, index=False)
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
    threshold = float(run["settings"].get("threshold", 0.5)) if settings.threshold is None else settings.threshold
    units = units_table(wells, settings)
    counted, counted_as = _counted(units)
    mid = scored_units(counted)
    metrics = binary_estimates(mid, threshold, settings.resamples, settings.seed)
    predictors = [Predictor(MID, f"the model {run['model']['name']}", mid, threshold, metrics)]
    needs = [need for name in settings.baselines for need in baseline(name).NEEDS]
    material, images = yield from material_steps(plates, wells.table, needs, model, cache, device)
    positive = (wells.table["_label"] == wells.question.positive).to_numpy()
    how = _design(wells, positive, settings)
    if how is not None:
        for name in settings.baselines:
            scores = predicted(name, material, positive, how, settings.seed)
            predictors.append(_baseline(name, wells, scores, counted, predictors[0], settings))
    truth: RelevanceTruth | None = None
    if settings.truth and model is not None:
        trained = set(every.loc[every["_side"] == TRAINED, [PLATE, WELL]].itertuples(index=False, name=None))
        truth = yield from relevance_truth_steps(plates, wells, settings, model, threshold, trained, cache, device)
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
        associations=tuple(_associations(plates, wells, images, settings)),
        truth=truth,
        notes=tuple(_notes(wells, plates, settings, truth, model)),
        cautions=tuple(_cautions(wells, run, mid.truth, settings)),
    )


def _split(hash_of_model: str, model: MidModel | None) -> TrainingSplit | None:
    if model is not None and model.path is not None:
        return read_split(Path(model.path))
    demo = demo_model_path()
    return read_split(demo) if model_hash(demo) == hash_of_model else None


def _counted(units: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The units that metrics count, and what they are."""
    if (units["side"] == UNKNOWN).all():
        return units, "all, training unknown"
    return units[units["side"].isin(HELD_OUT)].reset_index(drop=True), "held out"


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
    mid: Predictor,
    settings: EvaluationSettings,
) -> Predictor:
    """The baseline's row: its scores of wells become those of units as the model's do."""
    judged = np.isfinite(scores)
    table = wells.table[judged].assign(_baseline=scores[judged])
    by_unit = units_table(Wells(table, wells.question, ()), settings, "_baseline").set_index("unit")["score"]
    scored = mid.scored.with_scores(by_unit.reindex(counted["unit"]).to_numpy(dtype=float))
    return Predictor(
        name,
        baseline(name).MEANING,
        scored,
        0.5,
        binary_estimates(scored, 0.5, settings.resamples, settings.seed),
        compare(scored, mid.scored, (0.5, mid.threshold), settings.resamples, settings.seed),
    )


def _design_text(how: Design | None, settings: EvaluationSettings) -> str:
    if not settings.baselines:
        return ""
    return how.how if how else "no baseline: a class has fewer than two compounds to learn from"


def _doses(wells: Wells, threshold: float, settings: EvaluationSettings) -> pd.DataFrame:
    """A row per concentration of the wells that are counted: what the scores are worth at that dose alone."""
    table = wells.table[wells.table["_side"] != TRAINED]
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
    table = wells.table[wells.table["_side"] != TRAINED]
    per_class = {name: units_table(Wells(table, wells.question, ()), settings, columns[name]).set_index("unit") for name in names}
    units = per_class[names[0]]
    truth = np.array([names.index(label) for label in units["label"]], dtype=np.int64)
    probabilities = np.stack([per_class[name]["score"].to_numpy(dtype=float) for name in names], axis=1)
    return multiclass_estimates(truth, probabilities, units["compound"].tolist(), settings.resamples, settings.seed)


def _associations(
    plates: Sequence[ScoredPlate], wells: Wells, images: Mapping[tuple[str, str], Images], settings: EvaluationSettings
) -> list[tuple[str, audit.Association]]:
    """The shortcut audit: of the score over wells, and of relevance over the cells of each well."""
    counted = wells.table[wells.table["_side"] != TRAINED].reset_index(drop=True)
    if counted.empty:
        return []
    compounds = counted["_compound"].tolist()
    keys = list(zip(counted[PLATE], counted[WELL], strict=True))
    by_score = audit.score_associations(
        counted["score"].to_numpy(dtype=float),
        _well_properties(plates, counted, [images.get(key) for key in keys]),
        compounds,
        (counted["_label"] == wells.question.positive).to_numpy(),
        settings.resamples,
        settings.seed,
    )
    by_name = {plate.name: plate for plate in plates}
    per_well: dict[str, list[float]] = {}
    for plate, well in keys:
        for what, value in _cell_correlations(by_name[plate].cells_of(well), images.get((plate, well))).items():
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


def _cell_correlations(cells: pd.DataFrame, images: Images | None) -> dict[str, float]:
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
    return {what: spearman(relevance, values) if len(cells) else math.nan for what, values in properties.items()}


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
    if INTENSITY not in [need for name in settings.baselines for need in baseline(name).NEEDS]:
        told.append("Intensities are not audited, since no baseline needed the images (--baselines mean_intensity reads them).")
    return told


def _cautions(wells: Wells, run: Mapping[str, Any], truth: NDArray[np.bool_], settings: EvaluationSettings) -> list[str]:
    told = sides_text(wells.table, settings.unit)
    if run["model"].get("simulated"):
        told.append("The model was trained on simulated cells: these numbers say nothing about real compounds.")
    fewest = min(int(truth.sum()), int((~truth).sum()))
    if len(truth) and fewest < 10:
        told.append(f"Only {fewest} units of the smaller class are counted: look at the intervals, not at the values.")
    return told
