"""``napari-mid evaluate``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
from napari_mid.evaluation.baselines import check_packages
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.plates.urls import path_or_url
from napari_mid.settings import add_options, from_options

if TYPE_CHECKING:
    from napari_mid.inference.embedding_cache import EmbeddingCache
    from napari_mid.model.network import MidModel
    from napari_mid.workflow.scored_plates import ScoredPlate

EXAMPLE = (
    "napari-mid evaluate results/ --label toxicity --positive toxic --model herg_model "
    "--baselines cell_count mean_intensity --out evaluation"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``evaluate``."""
    parser.add_argument(
        "inputs",
        type=path_or_url,
        nargs="+",
        metavar="RESULTS_OR_PLATE",
        help="folders that napari-mid score wrote; or plates, which are scored with --model first",
    )
    parser.add_argument("--label", required=True, metavar="COLUMN", help="column of the plate map that holds the truth")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="values that count; the last one is the positive one")
    parser.add_argument("--positive", metavar="VALUE", help="the positive value (default: the class that the score stands for)")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=None,
        help="model folder that scored them, 'demo' or 'demo-mitotox' for a bundled one: scores plates, tells its training apart "
        "(given several times, for models that differ in their seed, each is evaluated, and all together)",
    )
    parser.add_argument(
        "--several-models",
        action="store_true",
        help="results of models that differ in their seed: evaluate each, and say mean and spread (implied by several --model)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("evaluation"),
        help="folder for metrics.json, evaluation.html and tables (default: evaluation)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--json", action="store_true", help="print the content of metrics.json")
    add_plate_options(parser)
    add_options(parser, EvaluationSettings)


def run(options: argparse.Namespace) -> None:
    """Evaluate, write, and say the main numbers."""
    settings = from_options(EvaluationSettings, options)
    check_packages(settings.baselines)  # before plates are scored

    from napari_mid.evaluation.seeds import over_seeds
    from napari_mid.inference.embedding_cache import EmbeddingCache
    from napari_mid.model.folder import load_model, model_path
    from napari_mid.workflow.evaluate import Asked, evaluate_steps
    from napari_mid.workflow.evaluate_seeds import TABLE, by_model, evaluate_seeds_steps
    from napari_mid.workflow.evaluate_seeds import record as seeds_record
    from napari_mid.workflow.evaluate_seeds import summary as seeds_summary
    from napari_mid.workflow.evaluation_report import record, summary, write_evaluation_steps

    models = [load_model(model_path(path)) for path in options.model or ()]
    cache = EmbeddingCache(options.out / "embeddings")
    plates = [scored for path in options.inputs for scored in _scored(path, options, models, cache)]
    asked = Asked(options.label, tuple(options.classes) if options.classes else None, options.positive)
    groups = by_model(plates)
    if len(groups) > 1 and (options.several_models or len(models) > 1):
        known = {model.hash: model for model in models}
        steps = evaluate_seeds_steps(groups, asked, settings, options.out, models=known, cache=cache, device=options.device)
        runs = run_with_bar(steps)
        warn(list(dict.fromkeys(caution for run in runs for caution in run.cautions)))
        _say(seeds_record(runs, over_seeds(runs)) if options.json else None, seeds_summary(runs), options.out / TABLE)
        return
    model = next((model for model in models if model.hash in groups), models[0] if models else None)
    found = run_with_bar(evaluate_steps(plates, asked, settings, model=model, cache=cache, device=options.device))
    run_with_bar(write_evaluation_steps(found, plates, options.out))
    warn(list(found.cautions))
    _say(record(found) if options.json else None, summary(found), options.out / "evaluation.html")


def _say(content: dict[str, Any] | None, lines: Sequence[str], path: Path) -> None:
    """Print the JSON where it is asked for, else the lines and where to look."""
    if content is not None:
        print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in lines:
        print(line)
    print(path)


def _scored(
    path: Path | str, options: argparse.Namespace, models: Sequence[MidModel], cache: EmbeddingCache
) -> list[ScoredPlate]:
    """The results at `path`; a plate is scored by every one of the `models` into the output folder first."""
    from napari_mid.evaluation.units import EvaluationError
    from napari_mid.workflow.evaluate import score_for_evaluation_steps
    from napari_mid.workflow.scored_plates import is_results, read_scored_steps

    if is_results(path):
        return [run_with_bar(read_scored_steps(Path(path)))]
    plate = opened_plate(path, options)
    if not models:
        raise EvaluationError(f"{path} is a plate, not a folder of results; give --model to score it first.")
    warn(plate.warnings)
    folder = options.out / "scores" / plate.name
    return [
        run_with_bar(
            score_for_evaluation_steps(
                plate, model, folder / model.hash if len(models) > 1 else folder, cache=cache, device=options.device
            )
        )
        for model in models
    ]
