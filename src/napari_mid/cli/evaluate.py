"""``napari-mid evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
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
        help="model folder that scored them, 'demo' for the bundled one: scores plates, tells its training apart",
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

    from napari_mid.inference.embedding_cache import EmbeddingCache
    from napari_mid.model.folder import demo_model_path, load_model
    from napari_mid.workflow.evaluate import Asked, evaluate_steps
    from napari_mid.workflow.evaluation_report import record, summary, write_evaluation_steps

    model = None
    if options.model is not None:
        model = load_model(demo_model_path() if str(options.model) == "demo" else options.model)
    cache = EmbeddingCache(options.out / "embeddings")
    plates = [_scored(path, options, model, cache) for path in options.inputs]
    asked = Asked(options.label, tuple(options.classes) if options.classes else None, options.positive)
    found = run_with_bar(evaluate_steps(plates, asked, settings, model=model, cache=cache, device=options.device))
    run_with_bar(write_evaluation_steps(found, plates, options.out))
    warn(list(found.cautions))
    if options.json:
        print(json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in summary(found):
        print(line)
    print(options.out / "evaluation.html")


def _scored(path: Path | str, options: argparse.Namespace, model: MidModel | None, cache: EmbeddingCache) -> ScoredPlate:
    """The results at `path`; a plate is scored into the output folder first."""
    from napari_mid.evaluation.units import EvaluationError
    from napari_mid.workflow.evaluate import score_for_evaluation_steps
    from napari_mid.workflow.scored_plates import is_results, read_scored_steps

    if is_results(path):
        return run_with_bar(read_scored_steps(Path(path)))
    plate = opened_plate(path, options)
    if model is None:
        raise EvaluationError(f"{path} is a plate, not a folder of results; give --model to score it first.")
    warn(plate.warnings)
    steps = score_for_evaluation_steps(plate, model, options.out / "scores" / plate.name, cache=cache, device=options.device)
    return run_with_bar(steps)
