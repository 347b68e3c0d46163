"""Memory of plates with more and more wells: each in a process of its own, the images of all wells being the same files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from _images import write_images, write_plate
from _indexes import Size
from _measuring import COMMAND_LINE, RUN_COMMAND, Row, in_own_process
from _reading import OVERVIEW, OVERVIEW_IMPORTS

#: More than this from the fewest to the most wells is a plate held in memory; tables and the index need some.
MAX_GROWTH_MB = 50.0

INTENSITY_IMPORTS = """
from napari_mid.images.intensity import estimate_intensity_range
from napari_mid.plates import open_plate
from napari_mid.progress import finish
"""
INTENSITY = "finish(estimate_intensity_range(open_plate(arguments[0])))"


def measure_growth(folder: Path, size: Size, scored: Size, wells: Sequence[int]) -> Iterator[Row]:
    """Peak memory of everything that looks at many wells; `scored` is smaller, since encoding cells takes long."""
    plates, small = _plates(folder / "plates", size, wells), _plates(folder / "small", scored, wells)
    jobs = {
        "info": (plates, COMMAND_LINE, RUN_COMMAND, ["info", "{plate}", "--json"]),
        "intensity range": (plates, INTENSITY_IMPORTS, INTENSITY, ["{plate}"]),
        "overview": (plates, OVERVIEW_IMPORTS, OVERVIEW, ["{plate}"]),
        "detect": (
            plates,
            COMMAND_LINE,
            RUN_COMMAND,
            ["detect", "{plate}", "--device", "cpu", "--out", str(folder / "nuclei.csv")],
        ),
        "score": (
            small,
            COMMAND_LINE,
            RUN_COMMAND,
            ["score", "{plate}", "--model", "demo", "--device", "cpu", "--out", str(folder / "scores")],
        ),
    }
    for name, (of_wells, imports, code, arguments) in jobs.items():
        peaks, seconds = [], 0.0
        for path in of_wells:
            peak = in_own_process(imports, code, *(argument.format(plate=path) for argument in arguments))
            peaks.append(peak.peak_mb)
            seconds = peak.seconds
        listed = ", ".join(f"{peak:.0f}" for peak in peaks)
        note = f"{listed} MB with {', '.join(map(str, wells))} wells; the last took {seconds:.1f} s"
        yield Row("growth", name, peaks[-1] - peaks[0], "MB", MAX_GROWTH_MB, note)


def _plates(folder: Path, size: Size, wells: Sequence[int]) -> list[Path]:
    images = write_images(folder / "drawn", size.edge_px, size.fields * size.channels, "lzw")
    return [write_plate(folder / str(number), dataclasses.replace(size, wells=number), images) for number in wells]
