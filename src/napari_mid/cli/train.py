"""``napari-mid train``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from napari_mid.cli.common import add_plate_options, opened_plate, run_with_bar, warn
from napari_mid.plates.urls import path_or_url
from napari_mid.progress import Progress, Steps
from napari_mid.settings import add_options, from_options
from napari_mid.training.settings import PRESETS, PRETRAINED_RATE, TrainingSettings

T = TypeVar("T")

EXAMPLE = (
    "napari-mid train plate/ --plate-map plate_map.csv --nucleus-channel Channel2 --label role "
    "--classes negative_control positive_control --preset fast --slice-size 48 --dilution 0.5 --out model"
)
#: How progress is told.
BAR, JSON = "bar", "json"
#: Exit status of a run that was stopped with Ctrl-C or by a signal, as shells have it.
STOPPED = 130


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
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with an unfinished training of the same options; starts one where there is none",
    )
    parser.add_argument(
        "--keep-work", action="store_true", help="leave MODEL.training (slices, log) there when the model is written"
    )
    parser.add_argument(
        "--slice-cache",
        type=Path,
        metavar="DIR",
        help="keep the cut slices here, for other trainings too (default: MODEL.training)",
    )
    parser.add_argument(
        "--progress",
        choices=(BAR, JSON),
        default=BAR,
        help="a bar on a terminal, or a JSON object per line on stderr: stage, done, total, detail (default: bar)",
    )
    add_plate_options(parser)
    add_options(parser, TrainingSettings)


def run(options: argparse.Namespace) -> None:
    """Train and say how it went."""
    preset = dict(PRESETS[options.preset])
    if options.pretrained:
        preset["learning_rate"] = PRETRAINED_RATE
    settings = from_options(TrainingSettings, options, **preset)
    plates = [opened_plate(path, options) for path in options.plates]
    for plate in plates:
        warn(plate.warnings)

    from napari_mid.workflow.train import train_model_steps

    steps = train_model_steps(
        plates,
        options.out,
        label=options.label,
        classes=options.classes,
        settings=settings,
        channels=options.channels,
        name=options.name,
        task=options.task,
        device=options.device,
        resume=options.resume,
        keep_work=options.keep_work,
        slice_cache=options.slice_cache,
    )
    with _asked_to_stop() as is_asked:
        trained = run_with_bar(_until(steps, is_asked, as_json=options.progress == JSON))
    if trained is None:
        print("napari-mid train: stopped; the same command with --resume goes on from here.", file=sys.stderr)
        raise SystemExit(STOPPED)
    warn(trained.warnings)
    metrics = trained.metrics
    if metrics["n"]:
        print(
            f"validation on {metrics['n']} {metrics['unit']}: accuracy {metrics['accuracy']:.2f} "
            f"({metrics['accuracy_low']:.2f} to {metrics['accuracy_high']:.2f})"
        )
    print(f"trained in {trained.seconds:.0f} s: {trained.path}")


def _until(steps: Steps[T], is_asked: Callable[[], bool], *, as_json: bool) -> Steps[T | None]:
    """The `steps`, told as JSON where wanted, closed where they keep what they have as soon as `is_asked`; None is given then."""
    try:
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                found: T = stop.value
                return found
            if as_json:
                _tell(progress)
            else:
                yield progress
            if is_asked():
                return None
    finally:
        steps.close()


def _tell(progress: Progress) -> None:
    event = {"stage": progress.step, "done": progress.done, "total": progress.total, "detail": progress.detail}
    print(json.dumps(event, ensure_ascii=False), file=sys.stderr, flush=True)


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or a signal to end has come; the second one ends the program at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        print("napari-mid train: stopping after this step", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
