"""What an evaluation leaves on disk: metrics.json, tables, figures, and the report that holds them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_mid.evaluation import audit
from napari_mid.evaluation.attention import Detected, MeasureFound, RelevanceTruth
from napari_mid.evaluation.bootstrap import Comparison, Estimate
from napari_mid.evaluation.evaluated import Evaluation
from napari_mid.evaluation.units import CONTROL_ROLES, WELL
from napari_mid.evaluation.weighted import METRICS
from napari_mid.files import atomic_path, write_json
from napari_mid.progress import Progress, Steps
from napari_mid.reports.evaluation_figures import figures_of
from napari_mid.reports.evaluation_page import EvaluationPage, write_evaluation_page
from napari_mid.reports.evaluation_text import VERDICTS, estimate_text
from napari_mid.workflow.scored_plates import ScoredPlate

METRICS_FILE, PAGE = "metrics.json", "evaluation.html"
#: Metrics that the summary on the terminal names.
SUMMARY = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auroc", "auprc", "mcc", "brier", "ece")


def record(found: Evaluation) -> dict[str, Any]:
    """The content of metrics.json."""
    counted = found.mid.scored
    facts: dict[str, Any] = _without_nan(
        {
            "label": found.question.label,
            "positive": found.question.positive,
            "classes": list(found.question.classes),
            "settings": dataclasses.asdict(found.settings),
            "model": dict(found.model),
            "plates": list(found.plates),
            "simulated": any(found.plates.values()),
            "unit": found.settings.unit,
            "threshold": found.mid.threshold,
            "counted": found.counted_as,
            "n": len(counted),
            "n_positive": int(counted.truth.sum()),
            "n_compounds": len(set(counted.compounds)),
            "confusion": confusion(found),
            "metrics": _estimates(found.mid.metrics),
            "several_classes": _estimates(found.several),
            "by_side": {
                side: {"n": int((found.units["side"] == side).sum()), "metrics": _estimates(metrics)}
                for side, metrics in found.groups.items()
            },
            "permuted_labels": None if found.permuted is None else dataclasses.asdict(found.permuted),
            "baselines": {
                predictor.name: {
                    "meaning": predictor.meaning,
                    "threshold": predictor.threshold,
                    "metrics": _estimates(predictor.metrics),
                    "minus_mid": {name: _comparison(each) for name, each in predictor.against_mid.items()},
                    "paired": None if predictor.paired is None else dataclasses.asdict(predictor.paired),
                }
                for predictor in found.predictors[1:]
            },
            "baselines_trained": found.design,
            "doses": found.doses.to_dict("records"),
            "audit": [
                {"of": of, "with": each.what, "among": each.among, "n_wells": each.n, "strong": each.strong}
                | {"spearman": each.correlation.as_dict()}
                for of, each in found.associations
            ],
            "relevance": None if found.truth is None else _truth(found.truth),
            "sets": [point.row() for point in found.sets],
            "checks": [dataclasses.asdict(each) for each in found.checks],
            "notes": list(found.notes),
            "cautions": list(found.cautions),
        }
    )
    return facts


def confusion(found: Evaluation) -> dict[str, int]:
    """How many units of each class are called what."""
    scored = found.mid.scored
    called = scored.scores >= found.mid.threshold
    return {
        "true_positive": int((scored.truth & called).sum()),
        "false_negative": int((scored.truth & ~called).sum()),
        "false_positive": int((~scored.truth & called).sum()),
        "true_negative": int((~scored.truth & ~called).sum()),
    }


def _estimates(metrics: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: each.as_dict() for name, each in metrics.items()}


def _comparison(each: Comparison) -> dict[str, Any]:
    return {**each.difference.as_dict(), "p": each.p_value}


def _truth(truth: RelevanceTruth) -> dict[str, Any]:
    return {
        "matched_cells": truth.matched,
        "located_cells": truth.located,
        "true_cells": truth.true,
        "flatness": [dataclasses.asdict(each) for each in truth.flatness],
        "measures": [_measure(each) for each in truth.measures],
    }


def _measure(each: MeasureFound) -> dict[str, Any]:
    return dataclasses.asdict(each) | {"auroc": each.auroc.as_dict(), "auprc": each.auprc.as_dict()}


def _without_nan(value: Any) -> Any:
    """`value` for JSON: numbers of Python's own, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(name): _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def audit_sentences(found: Evaluation) -> list[str]:
    """A sentence for every strong association."""
    return [audit.sentence(each, of) for of, each in found.associations if each.strong]


def summary(found: Evaluation) -> list[str]:
    """Lines for the terminal."""
    scored = found.mid.scored
    unit = {"compound": "compounds", "compound_dose": "doses of compounds", "well": "wells"}[found.settings.unit]
    lines = [
        f"{len(scored)} {unit} counted ({found.counted_as}), {int(scored.truth.sum())} of them {found.question.positive}",
        *(f"  {METRICS[name]}: {estimate_text(found.mid.metrics[name])}" for name in SUMMARY),
    ]
    for predictor in found.predictors[1:]:
        difference = predictor.against_mid["auroc"]
        lines.append(
            f"baseline {predictor.name}: balanced accuracy {estimate_text(predictor.metrics['balanced_accuracy'])}, "
            f"AUROC {estimate_text(predictor.metrics['auroc'])}, minus MID {estimate_text(difference.difference)}"
            + (f", swap test p {predictor.paired.swap_auroc:.2g}" if predictor.paired is not None else "")
        )
    if found.permuted is not None:
        lines.append(
            f"labels shuffled: AUROC {found.permuted.auroc:.2f} ({found.permuted.low:.2f} to {found.permuted.high:.2f}), "
            f"p = {found.permuted.p_value:.3g}"
        )
    for check in found.checks:
        lines.append(f"control, {check.name}: {VERDICTS[check.passed]}; expected {check.expected}; {check.found}")
    for each in found.truth.measures if found.truth is not None else ():
        lines.append(f"relevance {each.measure}, wells {each.wells}: AUROC {estimate_text(each.auroc)} of responding cells")
    return [*lines, *audit_sentences(found)]


def tables(found: Evaluation) -> dict[str, pd.DataFrame]:
    """File name to table."""
    unit_scores = found.units
    for predictor in found.predictors[1:]:
        by_name = dict(zip(predictor.scored.names, predictor.scored.scores, strict=True))
        scores = np.array([by_name.get(name, np.nan) for name in unit_scores["unit"]])
        unit_scores = unit_scores.assign(**{f"score_{predictor.name}": scores})
    written = {
        "units.csv": unit_scores,
        "doses.csv": found.doses,
        "predictors.csv": pd.DataFrame([row for predictor in found.predictors for row in _predictor_rows(predictor)]),
        "audit.csv": pd.DataFrame(
            [
                {"of": of, "with": each.what, "among": each.among, "n_wells": each.n, "strong": each.strong}
                | {"spearman": each.correlation.value, "low": each.correlation.low, "high": each.correlation.high}
                for of, each in found.associations
            ]
        ),
    }
    if found.truth is not None:
        written["relevance.csv"] = pd.DataFrame(
            [
                {name: value for name, value in dataclasses.asdict(each).items() if name not in ("auroc", "auprc")}
                | {"auroc": each.auroc.value, "auroc_low": each.auroc.low, "auroc_high": each.auroc.high}
                | {"auprc": each.auprc.value, "auprc_low": each.auprc.low, "auprc_high": each.auprc.high}
                for each in found.truth.measures
            ]
        )
        written["relevance_wells.csv"] = pd.DataFrame([_well_row(each) for each in found.truth.wells])
    if found.sets:
        written["sets.csv"] = pd.DataFrame([point.row() for point in found.sets])
    if found.checks:
        columns = ("name", "expected", "found", "passed")
        written["checks.csv"] = pd.DataFrame([{name: getattr(each, name) for name in columns} for each in found.checks])
    return written


def _well_row(each: Detected) -> dict[str, Any]:
    return {
        "Metadata_Plate": each.plate,
        "Metadata_Well": each.well,
        "compound": each.compound,
        "measure": each.measure,
        "wells": each.wells,
        "n_cells": len(each.responded),
        "n_responded": int(each.responded.sum()),
        "auroc": each.auroc,
        "auprc": each.auprc,
        "chance": each.chance,
        "deletion": each.deletion,
        "insertion": each.insertion,
    }


def _predictor_rows(predictor: Any) -> list[dict[str, Any]]:
    rows = []
    for name, each in predictor.metrics.items():
        row = {"predictor": predictor.name, "metric": name, "value": each.value, "low": each.low, "high": each.high}
        against = predictor.against_mid.get(name)
        if against is not None:
            row |= {"minus_mid": against.difference.value, "minus_mid_low": against.difference.low}
            row |= {"minus_mid_high": against.difference.high, "p": against.p_value}
        if predictor.paired is not None and name in ("auroc", "balanced_accuracy"):
            row |= {"swap_p": getattr(predictor.paired, f"swap_{name}")}
        if predictor.paired is not None and name == "accuracy":
            row |= {"mcnemar_p": predictor.paired.mcnemar}
        rows.append(row | {"undefined": each.undefined})
    return rows


def write_evaluation_steps(found: Evaluation, plates: Sequence[ScoredPlate], out: Path) -> Steps[list[Path]]:
    """Write all files of an evaluation into the folder `out`; the report comes last."""
    written = []
    write_json(out / METRICS_FILE, record(found))
    written.append(out / METRICS_FILE)
    for name, table in tables(found).items():
        with atomic_path(out / name) as path:
            table.to_csv(path, index=False)
        written.append(out / name)
    yield Progress("drawing figures", 0, 1)
    figures = figures_of(found, _scored_wells(plates, found))
    for figure in figures:
        with atomic_path(out / f"{figure.name}.png") as path:
            path.write_bytes(figure.png)
        written.append(out / f"{figure.name}.png")
    page = EvaluationPage(found, figures, audit_sentences(found), record(found)["confusion"])
    written.append(write_evaluation_page(page, out / PAGE))
    yield Progress("drawing figures", 1, 1)
    return written


def _scored_wells(plates: Sequence[ScoredPlate], found: Evaluation) -> pd.DataFrame:
    """All wells that were scored, controls too, for the curves of score against dose."""
    wells = pd.concat([plate.wells for plate in plates], ignore_index=True)
    wells[WELL] = wells[WELL].astype(str)
    if "role" in wells and not found.settings.controls:
        wells = wells[~wells["role"].isin(CONTROL_ROLES)]
    return wells
