"""Options and habits that several commands share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps, finish

T = TypeVar("T")


def add_plate_options(parser: argparse.ArgumentParser, *, plate_map: bool = True) -> None:
    """Add the options with which `opened_plate` opens a plate."""
    parser.add_argument(
        "--roles", nargs="+", default=[], metavar="NAME=ROLE", help="what channels show, for example Channel2=nucleus"
    )
    parser.add_argument("--nucleus-channel", metavar="NAME", help="short for --roles NAME=nucleus")
    parser.add_argument(
        "--pattern",
        metavar="PATTERN",
        help="how the file names are built where no built-in pattern fits, for example 'img_{well}_{site}_{channel}.tif'",
    )
    if plate_map:
        parser.add_argument("--plate-map", type=Path, metavar="FILE", help="CSV, TSV or XLSX with a row per well")


def roles_from(options: argparse.Namespace) -> dict[str, str]:
    """The channel roles given with ``--roles`` and ``--nucleus-channel``."""
    roles = {}
    for pair in options.roles:
        name, _, role = pair.rpartition("=")
        if not name or not role:
            raise SystemExit(_usage(f"--roles takes NAME=ROLE, such as Channel2=nucleus, not {pair!r}"))
        roles[name] = role
    if options.nucleus_channel:
        roles[options.nucleus_channel] = "nucleus"
    return roles


def _usage(message: str) -> int:
    print(f"napari-mid: error: {message}", file=sys.stderr)
    return 2


def opened_plate(path: Path | str, options: argparse.Namespace) -> Plate:
    """Open the plate at `path`, which may be a URL, with the roles, file pattern and plate map of `options`."""
    from napari_mid.plates import open_plate

    return open_plate(path, roles=roles_from(options), pattern=options.pattern, plate_map=getattr(options, "plate_map", None))


def run_with_bar(steps: Steps[T]) -> T:
    """Run `steps` with a progress bar on stderr, silent where that is no terminal."""
    from tqdm import tqdm

    with tqdm(
        disable=not sys.stderr.isatty(), bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {postfix}"
    ) as bar:

        def report(progress: Progress) -> None:
            bar.set_description_str(progress.step)
            bar.total, bar.n = progress.total, progress.done
            bar.set_postfix_str(progress.detail, refresh=False)
            bar.refresh()

        return finish(steps, report)


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print `facts` as JSON, or a line each."""
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for name, value in facts.items():
        print(f"{name}: {value}")


def warn(warnings: tuple[str, ...] | list[str]) -> None:
    """Print warnings to stderr, one line each."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
