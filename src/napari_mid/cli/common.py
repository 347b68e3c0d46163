"""Options and habits that several commands share."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from napari_mid.plates.field import FLAT_FIELD_SOURCES
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps, finish

T = TypeVar("T")


def add_plate_options(parser: argparse.ArgumentParser, *, plate_map: bool = True) -> None:
    """Add the options with which `opened_plate` opens a plate."""
    parser.add_argument(
        "--roles",
        action="append",
        default=[],
        metavar="NAME=ROLE",
        help="what channels show, for example Channel2=nucleus; several may follow one another",
    )
    parser.add_argument("--nucleus-channel", metavar="NAME", help="short for --roles NAME=nucleus")
    parser.add_argument(
        "--remember-roles",
        action="store_true",
        help="keep these roles for this plate, as the window does; kept ones are used wherever no others are given",
    )
    parser.add_argument(
        "--pattern",
        metavar="PATTERN",
        help="how the file names are built where no built-in pattern fits, for example 'img_{well}_{site}_{channel}.tif'",
    )
    parser.add_argument("--time-point", type=int, metavar="N", help="number of the time point to read (default: the first)")
    parser.add_argument(
        "--focal-plane", type=int, metavar="N", help="number of the focal plane to read (default: the maximum of all)"
    )
    parser.add_argument(
        "--flat-field",
        choices=FLAT_FIELD_SOURCES,
        help="correct uneven illumination: not at all, with the profiles of the plate's index, or with those estimated from its "
        "images (default: index where the index has profiles, else off)",
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
        others = [name for name, role in roles.items() if role == "nucleus" and name != options.nucleus_channel]
        if others:
            message = f"--nucleus-channel says {options.nucleus_channel!r}, --roles {others[0]!r}; give one nucleus channel"
            raise SystemExit(_usage(message))
        roles[options.nucleus_channel] = "nucleus"
    return roles


def _usage(message: str) -> int:
    print(f"napari-mid: error: {message}", file=sys.stderr)
    return 2


def opened_plate(path: Path | str, options: argparse.Namespace, *, pixels: bool = True) -> Plate:
    """Open the plate at `path`, which may be a URL, with the roles, file pattern, plate map and reading of `options`.

    Without `pixels`, a flat field that is to be estimated from the images is noted, not estimated.
    """
    from napari_mid.plates import open_plate

    plate = open_plate(path, pattern=options.pattern, plate_map=getattr(options, "plate_map", None))
    plate = _with_roles(plate, roles_from(options), options.remember_roles)
    if options.time_point is None and options.focal_plane is None and options.flat_field is None:
        return plate
    reading = dataclasses.replace(plate.reading, time=options.time_point, z=options.focal_plane)
    if options.flat_field is not None:
        reading = dataclasses.replace(reading, flat_field=options.flat_field, flat_fields=())
    plate = plate.with_reading(reading)
    if options.flat_field == "estimated" and pixels:
        from napari_mid.images.flat_field import estimate_flat_fields

        return run_with_bar(estimate_flat_fields(plate))
    return plate


def _with_roles(plate: Plate, given: dict[str, str], remember: bool) -> Plate:
    """`plate` with the roles kept for it, then those that are `given`; what was kept and used is said."""
    from napari_mid.plates.remembered import corrected_roles, with_remembered_roles
    from napari_mid.preferences import remember_roles

    guessed = plate.channels
    plate = with_remembered_roles(plate)
    kept = {new.name: new.role for old, new in zip(guessed, plate.channels, strict=True) if old.role != new.role}
    if kept:
        said = ", ".join(f"{name}={role}" for name, role in kept.items())
        print(f"note: channel roles chosen for this plate before: {said}", file=sys.stderr)
    if given:
        plate = plate.with_roles(given)
    if remember:
        remember_roles(plate.path, corrected_roles(plate))
    return plate


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
