"""Opening plates: `napari-mid info` on large indexes of every vendor."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _indexes import (
    Size,
    harmony_name,
    touch,
    write_cellvoyager,
    write_harmony,
    write_imagexpress,
    write_load_data,
    write_ome_zarr,
)
from _measuring import COMMAND_LINE, RUN_COMMAND, Row, in_own_process, take_turns
from lxml import etree

from napari_mid.cli.info import plate_facts
from napari_mid.plates import open_plate

#: The time of `info` by that of walking through the XML, and its memory above what it starts with.
MAX_RATIO, MAX_MB = 3.0, 300.0


def info(path: Path) -> str:
    """What ``napari-mid info --json`` prints."""
    return json.dumps(plate_facts(open_plate(path)), indent=2, ensure_ascii=False)


def walk(path: Path) -> None:
    """What nobody who reads the XML with lxml can do without."""
    for _, element in etree.iterparse(str(path)):
        element.clear()


def check(path: Path, size: Size, missing: int = 0) -> None:
    """A benchmark of a plate that is not read right is worth nothing."""
    facts = json.loads(info(path))
    found = len(facts["wells"]), facts["n_images"], len(facts["missing_files"])
    if found != (size.wells, size.n_images, missing):
        raise RuntimeError(f"{path}: {found} wells, images and missing files, expected {size}")


def measure_harmony(folder: Path, size: Size, turns: int) -> Iterator[Row]:
    """Indexes of an older and a newer version, with and without the images that they declare."""
    for version in (5, 7):
        path = write_harmony(folder / f"v{version}", size, version=version)
        for there in (False, True):
            if there:
                touch(path.parent, (harmony_name(*image) for image in size.images()))
            check(path, size, missing=0 if there else size.n_images)
            times = take_turns({"walk": lambda path=path: walk(path), "info": lambda path=path: info(path)}, turns)  # type: ignore[misc]
            name = f"Harmony V{version}, images {'present' if there else 'absent'}"
            note = (
                f"{times['info'].best:.2f} s, lxml alone {times['walk'].best:.2f} s; by medians "
                f"{times['info'].median / times['walk'].median:.2f}; {size.n_images} images, {path.stat().st_size / 1e6:.0f} MB"
            )
            yield Row("info", name, times["info"].best / times["walk"].best, "x", MAX_RATIO, note)
            peak = in_own_process(COMMAND_LINE, RUN_COMMAND, "info", path, "--json")
            note = f"{peak.start_mb:.0f} MB at start"
            yield Row("info", f"{name}: memory", peak.above_start_mb, "MB", MAX_MB, note)
            command = [sys.executable, "-m", "napari_mid.cli", "info", str(path), "--json"]
            started = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            whole = time.perf_counter() - started
            note = f"{whole:.2f} s with the start of Python, by lxml alone without it"
            yield Row("info", f"{name}: from the shell", whole / times["walk"].best, "x", None, note)


def measure_others(folder: Path, size: Size, turns: int) -> Iterator[Row]:
    """A plate of each other vendor, of the same size, its images present and empty."""
    writers: dict[str, Callable[[Path, Size], Path]] = {
        "ImageXpress": write_imagexpress,
        "CellVoyager": write_cellvoyager,
        "LoadData CSV": write_load_data,
        "OME-Zarr 0.4": write_ome_zarr,
    }
    for name, write in writers.items():
        path = write(folder / name.split()[0], size)
        check(path, size)
        times = take_turns({name: lambda path=path: info(path)}, turns)[name]  # type: ignore[misc]
        peak = in_own_process(COMMAND_LINE, RUN_COMMAND, "info", path, "--json")
        note = f"median {times.median:.2f} s; {peak.above_start_mb:.0f} MB above start"
        yield Row("formats", name, times.best, "s", None, note)
