"""``napari-mid score``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
from napari_mid.cli.nuclei_tables import add_nuclei_option, given_nuclei
from napari_mid.inference.settings import ScoringSettings
from napari_mid.inference.trust_settings import TrustSettings
from napari_mid.plates.urls import path_or_url
from napari_mid.settings import add_options, from_options

EXAMPLE = "napari-mid score Images/ --model herg_model --plate-map plate_map.csv --out results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``score``."""
    parser.add_argument("plate", type=path_or_url, help="plate folder, index file or URL")
    parser.add_argument("--model", type=Path, required=True, help="model folder; 'demo' and 'demo-mitotox' are bundled")
    parser.add_argument("--out", type=Path, required=True, help="folder for wells.csv, cells.parquet and run.json")
    parser.add_argument("--wells", help="wells to score: A01,B02 or A-D or A01-B06; all where not given")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep the cells' embeddings here, and take them from here where they are known"
    )
    parser.add_argument(
        "--cache-dtype",
        choices=("float16", "float32"),
        default="float16",
        help="how they are kept: float16 takes half the room and changes scores by less than 0.001 (default: float16)",
    )
    parser.add_argument("--both-formats", action="store_true", help="write wells.parquet and cells.csv, too")
    add_nuclei_option(parser)
    add_plate_options(parser)
    add_options(parser, ScoringSettings)
    add_options(parser, TrustSettings)


def run(options: argparse.Namespace) -> None:
    """Score the wells and write the tables."""
    settings, trust = from_options(ScoringSettings, options), from_options(TrustSettings, options)
    plate = opened_plate(options.plate, options)
    wells = plate.select_wells(options.wells)
    warn(plate.warnings)
    nuclei = given_nuclei(plate, options)

    from napari_mid.inference.embedding_cache import EmbeddingCache
    from napari_mid.model.folder import load_model, model_path
    from napari_mid.workflow.score_plate import score_plate_steps, wells_table, write_results

    cache = None if options.cache is None else EmbeddingCache(options.cache, options.cache_dtype)
    model = load_model(model_path(options.model))
    result = run_with_bar(
        score_plate_steps(plate, wells, model, settings=settings, nuclei=nuclei, device=options.device, trust=trust, cache=cache)
    )
    write_results(result, options.out, both_formats=options.both_formats)
    for well in result.results:
        warn([f"{well.well}: {warning}" for warning in well.warnings])
    warn([f"{well}: {reason}" for well, reason in result.failed.items()])
    if model.config.simulated:
        print("demo model, simulated cells: these scores say nothing about a real compound")
    calls = wells_table(result)["call"].value_counts()
    summary = ", ".join(f"{count} {call}" for call, count in calls.items())
    print(f"{len(wells)} wells: {summary}; {result.run['seconds']['total']:.1f} s on {result.run['device']}; {options.out}")
