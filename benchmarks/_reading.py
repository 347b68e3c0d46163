"""Reading pixels: the first look at a well, a well seen before, the overview of the plate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import tifffile
from _images import write_images, write_plate
from _indexes import Size
from _measuring import Opened, Row, in_own_process, take_turns

from napari_mid.images.cache import WellCache
from napari_mid.images.overview import thumbnails
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Well
from napari_mid.progress import finish

#: First pixels by a bare read of the same files.
MAX_RATIO = 1.3
#: So long after cancelling it is looked whether images are still opened.
SETTLE_S = 0.5


def first_look(well: Well) -> tuple[WellImages, list[object]]:
    """What the window does for a clicked well."""
    images = finish(load_well(well))
    return images, [images.mosaic(channel) for channel in range(len(next(iter(well.fields.values())).channels))]


def files_of(well: Well) -> list[Path]:
    return [plane.path for field in well.fields.values() for plane in field.planes]


def measure_first_pixels(folder: Path, sizes: list[Size], turns: int) -> Iterator[Row]:
    """Each way of storing, each shape of a well; then corrected, and with fields that overlap."""
    for size in sizes:
        for compression in (None, "lzw", "zlib"):
            below = folder / f"{size.fields} {compression}"
            images = write_images(below / "drawn", size.edge_px, size.fields * size.channels, compression)
            stored = "uncompressed" if compression is None else compression.upper()
            name = f"{size.fields} x {size.channels} x {size.edge_px} px, {stored}"
            yield _first_pixels(name, write_plate(below / "plain", size, images), turns, MAX_RATIO)
            corrected = write_plate(below / "corrected", size, images, flat_field=True)
            # correcting is arithmetic on every pixel: where reading is no more than copying, it takes longer than that
            limit = None if compression is None else MAX_RATIO
            yield _first_pixels(f"{name}, flat-field corrected", corrected, turns, limit)
            if size.fields > 1:
                overlapping = Size(size.wells, size.fields, size.channels, size.edge_px, pitch=0.9)
                path = write_plate(below / "overlapping", overlapping, images)
                yield _first_pixels(f"{name}, fields overlap", path, turns, MAX_RATIO)


def _first_pixels(name: str, path: Path, turns: int, limit: float | None) -> Row:
    well = open_plate(path)["B03"]
    files = files_of(well)
    tasks = {"ours": lambda: first_look(well), "bare": lambda: [tifffile.imread(file) for file in files]}
    times = take_turns(tasks, turns)
    note = (
        f"{1000 * times['ours'].best:.0f} ms, bare {1000 * times['bare'].best:.0f} ms; by medians "
        f"{times['ours'].median / times['bare'].median:.2f}"
    )
    return Row("first pixels", name, times["ours"].best / times["bare"].best, "x", limit, note)


def measure_seen(folder: Path, size: Size, turns: int) -> Iterator[Row]:
    """A well from the cache, all its channels, as the window takes it."""
    images = write_images(folder / "drawn", size.edge_px, size.fields * size.channels)
    well = open_plate(write_plate(folder / "plate", size, images))["B03"]
    cache = WellCache(2**31)
    cache.put("B03", finish(load_well(well)))

    def again() -> object:
        kept = cache.get("B03")
        assert kept is not None
        return [kept.mosaic(channel) for channel in range(size.channels)]

    with Opened(folder) as opened:
        times = take_turns({"again": again}, turns)["again"]
    note = f"{size.fields} x {size.channels} x {size.edge_px} px, {cache.nbytes / 2**20:.0f} MB in the cache"
    yield Row("seen", "a well seen before", 1e6 * times.median, "µs", None, note)
    yield Row("seen", "a well seen before: files opened", opened.total(), "files", 0)


OVERVIEW_IMPORTS = """
import sys
from contextlib import closing
from napari_mid.images.overview import thumbnails
from napari_mid.plates import open_plate
"""
OVERVIEW = """
drawn = list(thumbnails([well for well in open_plate(arguments[0]).wells.values() if well.has_images]))
result = sum(thumbnail.pixels.nbytes for thumbnail in drawn) / 2**20
"""


def measure_overview(folder: Path, size: Size) -> Iterator[Row]:
    """A thumbnail of each well: how often images are opened, and what is left to do after cancelling."""
    images = write_images(folder / "drawn", size.edge_px, size.channels, "lzw")
    path = write_plate(folder / "plate", size, images)
    wells = list(open_plate(path).wells.values())
    with Opened(path.parent) as opened:
        start = time.perf_counter()
        drawn = sum(1 for _ in thumbnails(wells))
        seconds = time.perf_counter() - start
    note = f"{drawn} thumbnails in {seconds:.1f} s, {len(opened)} images of {size.n_images} opened"
    yield Row("overview", "an image is opened at most", max(opened.values()), "times", 1, note)
    peak = in_own_process(OVERVIEW_IMPORTS, OVERVIEW, path)
    yield Row("overview", "memory", peak.above_start_mb, "MB", None, f"{peak.result:.0f} MB of it are the thumbnails")
    with Opened(path.parent) as opened:
        opened.clear()
        drawing = thumbnails(wells)
        for _ in range(min(8, size.wells // 2)):
            next(drawing)
        start = time.perf_counter()
        drawing.close()
        seconds = time.perf_counter() - start
        at_once = opened.total()
        time.sleep(SETTLE_S)
    note = f"{at_once} images were opened when it was cancelled"
    yield Row("overview", "cancelling takes", 1000 * seconds, "ms", None, note)
    yield Row("overview", "images opened after that", opened.total() - at_once, "images", None, f"of {size.n_images}")
