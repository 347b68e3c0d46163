"""Speed and memory of opening and reading plates: each number beside its limit, ratios from one run.

    nice -n -15 .venv/bin/python benchmarks/plates.py [--only info "first pixels"] [--json]

Compared are tasks that take turns in one process; what one gives is dropped before the next starts. The ratio is that of the
best times: others who work on the machine only ever add to a time, and `nice` keeps them away as far as it can. (Where the kernel
groups processes by session, as Linux on desktops does, that takes ``echo -15 > /proc/self/autogroup`` in the shell, too.) Memory
is the peak of processes of their own. Plates are written to a temporary folder, less than 1 GB at a time, and are read from the
disk's cache.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _growth import measure_growth
from _indexes import Size
from _measuring import Row, machine
from _opening import measure_harmony, measure_others
from _reading import measure_first_pixels, measure_overview, measure_seen

SECTIONS = ("info", "formats", "first pixels", "seen", "overview", "growth")


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is measured."""

    plate: Size
    wells: tuple[Size, ...]
    overview: Size
    grown: Size
    scored: Size
    n_wells: tuple[int, ...]
    turns: int


FULL = Scale(
    plate=Size(384, 9, 4),
    wells=(Size(24, 9, 4, 1080), Size(24, 1, 4, 2160)),
    overview=Size(384, 1, 4, 540),
    grown=Size(96, 1, 3, 720),
    scored=Size(96, 1, 4, 256),
    n_wells=(6, 24, 96),
    turns=7,
)


def measure(section: str, folder: Path, scale: Scale) -> Iterator[Row]:
    """The rows of one section; plates go into `folder`."""
    if section == "info":
        yield from measure_harmony(folder, scale.plate, min(5, scale.turns))
    elif section == "formats":
        yield from measure_others(folder, scale.plate, min(3, scale.turns))
    elif section == "first pixels":
        yield from measure_first_pixels(folder, list(scale.wells), scale.turns)
    elif section == "seen":
        yield from measure_seen(folder, scale.wells[0], scale.turns)
    elif section == "overview":
        yield from measure_overview(folder, scale.overview)
    else:
        yield from measure_growth(folder, scale.grown, scale.scored, scale.n_wells)


def line(row: Row) -> str:
    limit = "" if row.limit is None else f"{row.limit:g} {row.unit}"
    verdict = {None: "", True: "ok", False: "ABOVE"}[row.within]
    return f"{row.section:<13} {row.name:<58} {row.value:9.2f} {row.unit:<7} {limit:>9} {verdict:<6} {row.note}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="NAME", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--turns", type=int, default=FULL.turns, help="repetitions of what is timed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scale = dataclasses.replace(FULL, turns=options.turns)
    start, before = time.perf_counter(), machine()
    rows: list[Row] = []
    if not options.json:
        print(", ".join(f"{name} {value}" for name, value in before.items()))
        print(f"{'section':<13} {'what':<58} {'value':>17} {'limit':>9}")
    for section in options.only:
        with tempfile.TemporaryDirectory(prefix="napari-mid-") as folder:
            for row in measure(section, Path(folder), scale):
                rows.append(row)
                if not options.json:
                    print(line(row), flush=True)
    after, seconds = machine(), time.perf_counter() - start
    if options.json:
        listed = [{**dataclasses.asdict(row), "within": row.within} for row in rows]
        print(
            json.dumps(
                {"machine": before, "load_after": after.get("load"), "seconds": round(seconds, 1), "rows": listed}, indent=2
            )
        )
    else:
        above = [row.name for row in rows if row.within is False]
        verdict = f"above its limit: {'; '.join(above)}" if above else "all within their limits"
        print(f"{seconds:.0f} s, load after {after.get('load')}; {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
