"""``napari-mid report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
from napari_mid.cli.nuclei_tables import add_nuclei_option, given_nuclei
from napari_mid.inference.settings import ScoringSettings
from napari_mid.plates.urls import path_or_url
from napari_mid.reports.settings import ReportSettings
from napari_mid.settings import add_options, from_options

EXAMPLE = "napari-mid report Images/ --model herg_model --wells B02,B03 --plate-map plate_map.csv --out report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``report``."""
    parser.add_argument("plate", type=path_or_url, help="plate folder, index file or URL")
    parser.add_argument("--model", type=Path, required=True, help="model folder; 'demo' and 'demo-mitotox' are bundled")
    parser.add_argument("--wells", required=True, help="wells to report: A01,B02 or A-D or A01-B06")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.html, the figures and wells.csv")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    add_nuclei_option(parser)
    add_plate_options(parser)
    add_options(parser, ReportSettings)
    add_options(parser, ScoringSettings)


def run(options: argparse.Namespace) -> None:
    """Score the wells, draw them and write the report."""
    settings, scoring = from_options(ReportSettings, options), from_options(ScoringSettings, options)
    plate = opened_plate(options.plate, options)
    wells = plate.select_wells(options.wells)
    warn(plate.warnings)
    nuclei = given_nuclei(plate, options)

    from napari_mid.model.folder import load_model, model_path
    from napari_mid.reports.caption import DEMO_MODEL
    from napari_mid.workflow.report import report_steps

    model = load_model(model_path(options.model))
    written = run_with_bar(
        report_steps(plate, wells, model, options.out, settings=settings, scoring=scoring, nuclei=nuclei, device=options.device)
    )
    for result in written.plate_result.results:
        warn([f"{result.well}: {warning}" for warning in result.warnings])
    warn([f"{well}: {reason}" for well, reason in written.plate_result.failed.items()])
    if model.config.simulated:
        print(DEMO_MODEL)
    scored = {result.well for result in written.plate_result.results}
    asked = {well.name for well in wells}
    beside = f", {len(scored - asked)} beside them to compare with" if scored - asked else ""
    print(f"{len(scored & asked)} of {len(asked)} wells{beside}: {written.files[0]}")
