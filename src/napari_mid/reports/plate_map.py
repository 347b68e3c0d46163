"""The plate as a map of its real wells, coloured by score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from napari_mid.plates.plate import Plate
from napari_mid.plates.well_names import well_name
from napari_mid.reports.caption import RESEARCH_ONLY
from napari_mid.reports.colours import MISSING, SCORE_COLOURS, SCORE_LIMITS, lightness, rgb_to_hex, score_rgba
from napari_mid.reports.page import CAUTION, FONT_SIZE, MARGIN_IN, QUIET, TITLE_SIZE, Page, font, line_height_in, text_width_in

#: Diameter of a well as a part of the distance between wells.
WELL_PART = 0.84
#: A well is printed at most this wide, in inches.
LARGEST_IN = 0.55
EMPTY_COLOUR = "#23272e"
UNSCORED_COLOUR = "#4a515c"
EDGE_COLOUR = "#6b7380"


def plate_map_figure(
    plate: Plate, scores: Mapping[str, float], *, title: str = "", cautions: Sequence[str] = (), width_px: int = 1600
) -> Figure:
    """Draw every well of `plate` at its place.

    Parameters
    ----------
    scores
        Well to score; NaN where the well has no cells. A well that is not in it was not scored.
    title
        Second line of the title: what is scored, and with which model.
    cautions
        What must be said wherever a score is shown.
    """
    page = Page(width_px)
    page.paragraph(f"Plate {plate.name}", size=TITLE_SIZE, bold=True)
    if title:
        page.paragraph(title)
    if cautions:
        page.paragraph(" · ".join(cautions), colour=CAUTION, bold=True)
    page.paragraph(RESEARCH_ONLY, colour=QUIET)
    page.top_in += 0.2
    _draw_wells(page, plate, scores)
    _draw_legend(page, scores)
    return page.finished()


def _draw_wells(page: Page, plate: Plate, scores: Mapping[str, float]) -> None:
    letters_in = 0.25
    pitch = min(LARGEST_IN, (page.inner_in - letters_in) / plate.columns)
    width, height = pitch * plate.columns, pitch * plate.rows
    left = MARGIN_IN + letters_in + (page.inner_in - letters_in - width) / 2
    top = page.top_in + line_height_in(FONT_SIZE)
    axes = page.axes(left, top, width, height, "plate")
    axes.set_facecolor("none")
    axes.set_xlim(0.5, plate.columns + 0.5)
    axes.set_ylim(plate.rows + 0.5, 0.5)
    size = min(FONT_SIZE, max(4.0, 0.6 * 72 * pitch))
    # names of rows and columns are left out where they would run into each other
    every = math.ceil(1.2 * text_width_in(str(plate.columns), font(size), page.dpi) / pitch)
    for column in range(1, plate.columns + 1, every):
        page.text(left + (column - 0.5) * pitch, top - line_height_in(size), str(column), size=size, colour=QUIET, align="center")
    every = math.ceil(line_height_in(size) / pitch)
    for row in range(1, plate.rows + 1, every):
        middle = top + (row - 0.5) * pitch - 0.64 * size / 72  # capitals are about 0.72 of the font size high
        page.text(left - 0.06, middle, well_name(row, 1)[:-2], size=size, colour=QUIET, align="right")
    _draw_circles(axes, plate, scores)
    if pitch > 0.3:
        _write_scores(axes, scores, plate, min(FONT_SIZE, 0.3 * 72 * pitch))
    page.top_in = top + height + 0.15


def _draw_circles(axes: Axes, plate: Plate, scores: Mapping[str, float]) -> None:
    patches, colours = [], []
    for row in range(1, plate.rows + 1):
        for column in range(1, plate.columns + 1):
            patches.append(Circle((column, row), WELL_PART / 2))
            colours.append(_well_colour(plate, well_name(row, column), scores))
    axes.add_collection(PatchCollection(patches, facecolors=colours, edgecolors=EDGE_COLOUR, linewidths=0.4))


def _well_colour(plate: Plate, name: str, scores: Mapping[str, float]) -> tuple[float, ...] | str:
    if name in scores:
        return tuple(float(part) for part in score_rgba(scores[name]))
    well = plate.wells.get(name)
    return UNSCORED_COLOUR if well is not None and well.has_images else EMPTY_COLOUR


def _write_scores(axes: Axes, scores: Mapping[str, float], plate: Plate, size: float) -> None:
    for name, score in scores.items():
        well = plate.wells.get(name)
        if well is None or math.isnan(score):
            continue
        colour = "black" if lightness(score_rgba(score)) > 55 else "white"
        axes.text(well.column, well.row, f"{score:.2f}", color=colour, ha="center", va="center", fontproperties=font(size))


def _draw_legend(page: Page, scores: Mapping[str, float]) -> None:
    label = "score"
    left = MARGIN_IN + text_width_in(label, font(FONT_SIZE), page.dpi) + 0.12
    width = min(2.4, page.inner_in / 2)
    page.text(MARGIN_IN, page.top_in, label)
    axes = page.axes(left, page.top_in + 0.01, width, 0.12, "colour bar")
    axes.imshow(SCORE_COLOURS[np.newaxis], extent=(*SCORE_LIMITS, 0.0, 1.0), aspect="auto", interpolation="nearest")
    page.top_in += line_height_in(FONT_SIZE)
    for value in (0.0, 0.5, 1.0):
        page.text(left + width * value, page.top_in, f"{value:g}", colour=QUIET, align="center")
    page.top_in += line_height_in(FONT_SIZE) + 0.02
    kinds = [("no cells", rgb_to_hex(MISSING))] if any(math.isnan(score) for score in scores.values()) else []
    page.legend([*kinds, ("not scored", UNSCORED_COLOUR), ("no images", EMPTY_COLOUR)])
