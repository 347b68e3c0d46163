"""`napari-mid simulate`: draws a plate with known truth."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from napari_mid.cli.common import print_facts, run_with_bar
from napari_mid.settings import add_options, from_options
from napari_mid.simulation.settings import SimulationSettings

EXAMPLE = "napari-mid simulate my_plate --wells 24 --seed 7"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write the plate into")
    add_options(parser, SimulationSettings)
    parser.add_argument("--overwrite", action="store_true", help="replace OUT where it already is a simulated plate")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(options: argparse.Namespace) -> None:
    """Draw the plate and say where it is."""
    settings = from_options(SimulationSettings, options)
    from napari_mid.simulation.plate import PLATE_MAP, TRUTH, cell_count, simulate_steps

    out = run_with_bar(simulate_steps(options.out, settings, overwrite=options.overwrite))
    facts: dict[str, object] = {
        "plate": str(out),
        "plate_map": str(out / PLATE_MAP),
        "truth": str(out / TRUTH),
        "wells": settings.wells,
        "fields": settings.wells * settings.fields,
        "cells": cell_count(out),
    }
    if options.json:
        facts["settings"] = dataclasses.asdict(settings)
    print_facts(facts, options.json)
