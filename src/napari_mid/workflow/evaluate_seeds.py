"""Several models that differ in their seed, evaluated one after the other, and what they leave on disk together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_mid.cells.device import AUTO
from napari_mid.evaluation.evaluated import Evaluation
from napari_mid.evaluation.seeds import OverSeeds, ensemble, over_seeds, same_units
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.units import EvaluationError
from napari_mid.evaluation.weighted import METRICS
from napari_mid.files import atomic_path, file_part, write_json
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.reports.evaluation_seeds_figure import seeds_figure
from napari_mid.reports.evaluation_text import estimate_text
from napari_mid.workflow.evaluate import Asked, evaluate_steps
from napari_mid.workflow.evaluation_report import METRICS_FILE, write_evaluation_steps
from napari_mid.workflow.scored_plates import ScoredPlate

TABLE, FIGURE = "seeds.csv", "seeds.png"
#: What the terminal shows.
SHOWN = ("balanced_accuracy", "auroc")


def by_model(plates: Sequence[ScoredPlate]) -> dict[str, list[ScoredPlate]]:
    """The plates of every model, by its hash, in the order in which they were given."""
    groups: dict[str, list[ScoredPlate]] = {}
    for plate in plates:
        groups.setdefault(plate.model_hash, []).append(plate)
    return groups


def evaluate_seeds_steps(
    groups: Mapping[str, Sequence[ScoredPlate]],
    asked: Asked,
    settings: EvaluationSettings,
    out: Path,
    *,
    models: Mapping[str, MidModel],
    cache: EmbeddingCache | None = None,
    device: str = AUTO,
) -> Steps[list[Evaluation]]:
    """Evaluate each of the `groups` of plates into a folder of its own in `out`, and write what they say together.

    Baselines and resamples get another seed for every model, so that their spread is seen as well.

    Parameters
    ----------
    groups
        Hash of a model to the plates that it scored.
    models
        Hash to model; all of `groups`, or none.

    Raises
    ------
    EvaluationError
        If models are given, but not that of some plates.
    """
    unknown = [plates[0].run["model"]["name"] for number, plates in groups.items() if models and number not in models]
    if unknown:
        raise EvaluationError(
            f"Some results were scored with {', '.join(unknown)}, which --model does not name; name all of them."
        )
    runs = []
    for number, (key, plates) in enumerate(groups.items()):
        yield Progress("evaluating models", number, len(groups), str(plates[0].run["model"]["name"]))
        seeded = dataclasses.replace(settings, seed=settings.seed + number)
        found = yield from evaluate_steps(plates, asked, seeded, model=models.get(key), cache=cache, device=device)
        yield from write_evaluation_steps(found, plates, out / folder_name(found))
        runs.append(found)
    write_seeds(runs, out)
    return runs


def folder_name(found: Evaluation) -> str:
    """Of the folder of one model."""
    return f"{file_part(str(found.model['name']))}-{found.model['hash']}"


def write_seeds(runs: Sequence[Evaluation], out: Path) -> None:
    """Write metrics.json, the table and the figure of all `runs`."""
    rows = over_seeds(runs)
    write_json(out / METRICS_FILE, record(runs, rows))
    with atomic_path(out / TABLE) as path:
        table(runs, rows).to_csv(path, index=False)
    with atomic_path(out / FIGURE) as path:
        path.write_bytes(seeds_figure(rows))


def record(runs: Sequence[Evaluation], rows: Sequence[OverSeeds]) -> dict[str, Any]:
    """The content of metrics.json of several models."""
    return {
        "models": [{"name": run.model["name"], "hash": run.model["hash"], "folder": folder_name(run)} for run in runs],
        "same_units": same_units(runs),
        "ensemble": {name: each.as_dict() for name, each in ensemble(runs).items()},
        "over_seeds": [
            {"of": row.of, "metric": row.metric, "mean": _number(row.mean), "sd": _number(row.deviation)}
            | {"values": [_number(value) for value in row.values]}
            for row in rows
        ],
    }


def table(runs: Sequence[Evaluation], rows: Sequence[OverSeeds]) -> pd.DataFrame:
    """A row per predictor and metric, a column per model."""
    names = [folder_name(run) for run in runs]
    return pd.DataFrame(
        [
            {"of": row.of, "metric": row.metric, "mean": row.mean, "sd": row.deviation}
            | dict(zip(names, row.values, strict=True))
            for row in rows
        ]
    )


def summary(runs: Sequence[Evaluation]) -> list[str]:
    """Lines for the terminal."""
    lines = [f"{len(runs)} models: {', '.join(folder_name(run) for run in runs)}"]
    if not same_units(runs):
        lines.append("they count different units, so that their spread is also that of the units")
    for row in over_seeds(runs):
        if row.metric in SHOWN or row.of == "all classes":
            each = ", ".join(f"{value:.2f}" for value in row.values)
            lines.append(f"{row.of}: {METRICS.get(row.metric, row.metric)} {row.mean:.3f}, sd {row.deviation:.3f} ({each})")
    found = ensemble(runs)
    for metric in SHOWN if found else ():
        lines.append(f"mean of the models' scores: {METRICS[metric]} {estimate_text(found[metric])}")
    return lines


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
