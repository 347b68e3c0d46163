"""``napari-mid train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
from napari_mid.plates.urls import path_or_url
from napari_mid.settings import add_options, from_options
from napari_mid.training.settings import PRESETS, TrainingSettings

EXAMPLE = (
    "napari-mid train plate/ --plate-map plate_map.csv --nucleus-channel Channel2 --label role "
    "--classes negative_control positive_control --preset fast --slice-size 48 --out model"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``train``."""
    parser.add_argument("plates", type=path_or_url, nargs="+", metavar="PLATE", help="plate folders, index files or URLs")
    parser.add_argument("--label", required=True, metavar="COLUMN", help="column of the plate map that the model learns")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="values of the column; the last one is the positive one")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL", help="model folder to write")
    parser.add_argument("--name", help="name of the model (default: that of the folder)")
    parser.add_argument("--task", help="what the model predicts, in words, such as 'hERG inhibition' (default: the column)")
    parser.add_argument("--channels", nargs="+", metavar="NAME", help="channels the model sees, in order (default: all)")
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), default="fast", help="the paper's network, or one for CPUs (default: fast)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    add_plate_options(parser)
    add_options(parser, TrainingSettings)


def run(options: argparse.Namespace) -> None:
    """Train and say how it went."""
    settings = from_options(TrainingSettings, options, **PRESETS[options.preset])
    plates = [opened_plate(path, options) for path in options.plates]
    for plate in plates:
        warn(plate.warnings)

    from napari_mid.workflow.train import train_model_steps

    trained = run_with_bar(
        train_model_steps(
            plates,
            options.out,
            label=options.label,
            classes=options.classes,
            settings=settings,
            channels=options.channels,
            name=options.name,
            task=options.task,
            device=options.device,
        )
    )
    warn(trained.warnings)
    metrics = trained.metrics
    if metrics["n"]:
        print(
            f"validation on {metrics['n']} {metrics['unit']}: accuracy {metrics['accuracy']:.2f} "
            f"({metrics['accuracy_low']:.2f} to {metrics['accuracy_high']:.2f})"
        )
    print(f"trained in {trained.seconds:.0f} s: {trained.path}")
