"""The plate as a map of its real wells, coloured by score or by anything else that is known of them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from napari_mid.inference.calls import NO_CALL, POSITIVE
from napari_mid.inference.result import NO_CELLS, WellResult
from napari_mid.plates.plate import Plate
from napari_mid.plates.well_names import well_name
from napari_mid.reports.caption import PlateCaption, reading_text, words
from napari_mid.reports.colours import MISSING, hex_to_rgb, lightness, rgb_to_hex
from napari_mid.reports.page import FONT_SIZE, MARGIN_IN, QUIET, TEXT, Page, font, line_height_in, text_width_in
from napari_mid.reports.plate_columns import FROM_SCORES, SCORE, WellColours, check_columns, modes

#: Diameter of a well as a part of the distance between wells.
WELL_PART = 0.84
#: A well is printed at most this wide, in inches.
LARGEST_IN = 0.55
#: Nothing is written in wells smaller than this, and no second line in those below the other, in inches.
LEAST_IN, LEAST_TWO_LINES_IN = 0.3, 0.45
#: Points of the smallest text in a well, and the part of its width that is left to text.
SMALLEST_PT, TEXT_PART = 3.6, 0.86
EMPTY_COLOUR = "#23272e"
UNSCORED_COLOUR = "#4a515c"
EDGE_COLOUR = "#6b7380"
#: Widths of the outlines of wells in points, and that of wells that are called positive or not called.
EDGE_PT, CALLED_PT = 0.4, 1.3
#: What else is said of a map of scores.
CALLS_TEXT = "White outline: called positive; dashed: no call, as where the interval holds the threshold."
INTERVAL_TEXT = "Below each score its 95 % interval over the well's cells."


def plate_caption(
    plate: Plate,
    results: Mapping[str, WellResult],
    column: str,
    *,
    task: str = "",
    threshold: float = math.nan,
    date: datetime.date | None = None,
) -> PlateCaption:
    """What is said about a map of `column`; of the model only where that comes from scores."""
    first = next(iter(results.values()), None) if column in FROM_SCORES else None
    return PlateCaption(
        plate=plate.name,
        shown=_shown(column, task, first),
        n_scored=len(results),
        n_wells=sum(well.has_images for well in plate.wells.values()),
        model_name=first.model_name if first is not None else "",
        model_hash=first.model_hash if first is not None else "",
        model_simulated=first is not None and first.model_simulated,
        threshold=threshold,
        plate_simulated=plate.simulated,
        reading=reading_text(plate.reading_columns()),
        date=date or datetime.date.today(),
    )


def _shown(column: str, task: str, first: WellResult | None) -> str:
    if column not in FROM_SCORES:
        return f"{column[:1].upper()}{column[1:]}, from the plate map"
    of_class = f" for “{words(first.classes[-1])}”" if column == SCORE and first is not None and first.classes else ""
    what = f"{column}{of_class}, {FROM_SCORES[column]}"
    return f"{words(task)}: {what}" if task else f"{what[:1].upper()}{what[1:]}"


def plate_map_figure(
    plate: Plate,
    results: Mapping[str, WellResult],
    column: str = SCORE,
    *,
    task: str = "",
    threshold: float = math.nan,
    date: datetime.date | None = None,
    width_px: int = 1600,
) -> Figure:
    """Draw every well of `plate` at its place.

    Parameters
    ----------
    results
        The scored wells by name.
    column
        What they are coloured by, one of `plate_columns.modes`.
    task, threshold
        What the model predicts, and the score from which a well is called positive.
    date
        Of the figure; today where None.

    Raises
    ------
    SettingsError
        If this plate has no such column.
    """
    check_columns(plate, (column,))
    painted = modes(plate)[column](plate, results)
    page = Page(width_px)
    page.caption(plate_caption(plate, results, column, task=task, threshold=threshold, date=date))
    page.top_in += 0.14
    _Map(page, plate, results, column, painted).draw()
    _draw_legend(page, plate, results, column, painted, threshold)
    return page.finished()


class _Map:
    """The wells on the page."""

    def __init__(self, page: Page, plate: Plate, results: Mapping[str, WellResult], column: str, painted: WellColours) -> None:
        self.page, self.plate, self.results, self.column, self.painted = page, plate, results, column, painted
        self.letters_in = 0.25
        self.pitch = min(LARGEST_IN, (page.inner_in - self.letters_in) / plate.columns)

    def draw(self) -> None:
        """Draw names of rows and columns, the wells, and what is written in them."""
        page, plate, pitch = self.page, self.plate, self.pitch
        width, height = pitch * plate.columns, pitch * plate.rows
        left = MARGIN_IN + self.letters_in + (page.inner_in - self.letters_in - width) / 2
        top = page.top_in + line_height_in(FONT_SIZE)
        axes = page.axes(left, top, width, height, "plate")
        axes.set_facecolor("none")
        axes.set_xlim(0.5, plate.columns + 0.5)
        axes.set_ylim(plate.rows + 0.5, 0.5)
        self._name_rows_and_columns(left, top)
        self._draw_circles(axes)
        if pitch > LEAST_IN:
            self._write(axes)
        page.top_in = top + height + 0.15

    def _name_rows_and_columns(self, left: float, top: float) -> None:
        page, plate, pitch = self.page, self.plate, self.pitch
        size = min(FONT_SIZE, max(4.0, 0.6 * 72 * pitch))
        # names of rows and columns are left out where they would run into each other
        every = math.ceil(1.2 * text_width_in(str(plate.columns), font(size), page.dpi) / pitch)
        for column in range(1, plate.columns + 1, every):
            at = left + (column - 0.5) * pitch
            page.text(at, top - line_height_in(size), str(column), size=size, colour=QUIET, align="center")
        every = math.ceil(line_height_in(size) / pitch)
        for row in range(1, plate.rows + 1, every):
            middle = top + (row - 0.5) * pitch - 0.64 * size / 72  # capitals are about 0.72 of the font size high
            page.text(left - 0.06, middle, well_name(row, 1)[:-2], size=size, colour=QUIET, align="right")

    def _draw_circles(self, axes: Axes) -> None:
        patches, faces, edges, widths, styles = [], [], [], [], []
        for row in range(1, self.plate.rows + 1):
            for column in range(1, self.plate.columns + 1):
                name = well_name(row, column)
                called = self._called(name)
                patches.append(Circle((column, row), WELL_PART / 2))
                faces.append(well_colour(self.plate, self.results, self.column, self.painted, name))
                edges.append(TEXT if called else EDGE_COLOUR)
                widths.append(CALLED_PT * min(1.0, self.pitch / LEAST_TWO_LINES_IN) if called else EDGE_PT)
                styles.append("--" if called == NO_CALL else "-")
        axes.add_collection(PatchCollection(patches, facecolors=faces, edgecolors=edges, linewidths=widths, linestyles=styles))

    def _called(self, name: str) -> str:
        """The call of a well where its outline says it."""
        call = self.results[name].call if self.column == SCORE and name in self.results else ""
        return call if call in (POSITIVE, NO_CALL) else ""

    def _write(self, axes: Axes) -> None:
        """Write the numbers into the wells, all of them in the size in which the longest has room."""
        two = self.pitch > LEAST_TWO_LINES_IN and bool(self.painted.below)
        room = TEXT_PART * WELL_PART * self.pitch
        sizes = [self._fitting(lines, largest, room) for lines, largest in self._lines(two)]
        for name, text in self.painted.written.items():
            well = self.plate.wells.get(name)
            if well is None or name not in self.painted.colours:
                continue
            colour = "black" if lightness(hex_to_rgb(self.painted.colours[name])) > 55 else "white"
            parts = [(text, -0.08 if two else 0.0), (self.painted.below.get(name, ""), 0.19)][: len(sizes)]
            for (part, down), size in zip(parts, sizes, strict=True):
                if size >= SMALLEST_PT:
                    axes.text(
                        well.column,
                        well.row + down,
                        part,
                        color=colour,
                        ha="center",
                        va="center",
                        fontproperties=font(size),
                        parse_math=False,
                    )

    def _lines(self, two: bool) -> list[tuple[list[str], float]]:
        """Texts of each line, and their largest size in points."""
        first = (list(self.painted.written.values()), min(FONT_SIZE, 0.3 * 72 * self.pitch))
        return [first, (list(self.painted.below.values()), 0.13 * 72 * self.pitch)] if two else [first]

    def _fitting(self, texts: list[str], size: float, room_in: float) -> float:
        """`size`, or as much less as the widest of `texts` needs to have room."""
        widest = max((text_width_in(text, font(size), self.page.dpi) for text in set(texts)), default=0.0)
        return size if widest <= room_in else size * room_in / widest


def well_colour(
    plate: Plate, results: Mapping[str, WellResult], column: str, painted: WellColours, name: str
) -> tuple[float, ...] | str:
    """The colour of a well of the figure, also of one that has no value."""
    if name in painted.colours:
        return painted.colours[name]
    if column in FROM_SCORES and name in results:
        return MISSING
    well = plate.wells.get(name)
    return UNSCORED_COLOUR if well is not None and well.has_images else EMPTY_COLOUR


def _draw_legend(
    page: Page, plate: Plate, results: Mapping[str, WellResult], column: str, painted: WellColours, threshold: float
) -> None:
    if painted.scale is not None:
        _draw_scale(page, column, painted, threshold if column == SCORE else math.nan)
    # numbers of entries stand in the wells: many colours cannot be told apart
    entries = [(f"{number} {label}", colour) for number, (label, colour) in enumerate(painted.entries, start=1)]
    page.legend(entries)
    from_scores = column in FROM_SCORES
    missing = from_scores and any(name not in painted.colours for name in results)
    kinds = [(NO_CELLS if column == SCORE else "no value", rgb_to_hex(MISSING))] if missing else []
    open_wells = [well for well in plate.wells.values() if well.has_images and well.name not in painted.colours]
    if any(not (from_scores and well.name in results) for well in open_wells):
        kinds.append(("not scored" if from_scores else "no value", UNSCORED_COLOUR))
    if sum(well.has_images for well in plate.wells.values()) < plate.rows * plate.columns:
        kinds.append(("no images", EMPTY_COLOUR))
    page.legend(kinds)
    if column == SCORE and results:
        page.top_in += 0.04
        page.paragraph(" ".join((INTERVAL_TEXT, CALLS_TEXT)), colour=QUIET)


def _draw_scale(page: Page, column: str, painted: WellColours, threshold: float) -> None:
    assert painted.scale is not None
    low, high, colours = painted.scale
    label = column + (f" ({painted.note})" if painted.note else "")
    left = MARGIN_IN + text_width_in(label, font(FONT_SIZE), page.dpi) + 0.2
    width = min(2.4, page.width_in - left - 2 * MARGIN_IN)
    page.text(MARGIN_IN, page.top_in, label)
    axes = page.axes(left, page.top_in + 0.01, width, 0.12, "colour bar")
    axes.imshow(colours[np.newaxis], extent=(0.0, 1.0, 0.0, 1.0), aspect="auto", interpolation="nearest")
    page.top_in += line_height_in(FONT_SIZE)
    ticks = [(0.0, f"{low:g}"), (1.0, f"{high:g}")]
    if low < threshold < high:
        place, text = (threshold - low) / (high - low), f"threshold {threshold:g}"
        axes.axvline(place, color="white", lw=0.8)
        if min(place, 1 - place) * width > text_width_in(text, font(FONT_SIZE), page.dpi) / 2 + 0.1:
            ticks.insert(1, (place, text))
    for place, text in ticks:
        page.text(left + width * place, page.top_in, text, colour=QUIET, align="center")
    page.top_in += line_height_in(FONT_SIZE) + 0.04
