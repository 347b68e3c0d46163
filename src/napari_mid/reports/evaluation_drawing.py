"""What the figures of an evaluation share: a plain sheet, colours, intervals, the PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_mid.reports.page import font_families

#: Colours that readers with any colour vision tell apart (Okabe and Ito 2008); the first is MID's.
MID_COLOUR = "#d6006d"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#56b4e9", "#8c564b", "#7f7f7f")
POSITIVE, NEGATIVE, GREY = "#d6006d", "#0072b2", "#8a93a3"
INK, LINE = "#1c2230", "#d9dee7"
DPI = 130
TITLE_SIZE, LABEL_SIZE = 9.5, 9


@dataclass(frozen=True)
class EvaluationFigure:
    """A figure: its file name without ending, its heading, what it shows, and the PNG."""

    name: str
    heading: str
    caption: str
    png: bytes


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1, **kwargs: Any) -> tuple[Figure, list[Axes]]:
    """A sheet with plain axes, row by row."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    flat = list(axes.flat)
    for each in flat:
        _plain(each)
    return figure, flat


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_axisbelow(True)
    axes.grid(color=LINE, linewidth=0.6)


def as_png(draw: Callable[..., Figure], *what: Any) -> bytes:
    """The PNG of the figure that `draw` makes of `what`."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    style: Any = {
        "font.family": list(font_families()),
        "text.parse_math": False,  # names of compounds may hold dollar signs, which are no formulas
        "axes.titlesize": TITLE_SIZE,
        "axes.labelsize": LABEL_SIZE,
    }
    with rc_context(style):
        draw(*what).savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def in_words(name: str) -> str:
    """A name without underscores."""
    return name.replace("_", " ")


def with_room(axes: Axes) -> tuple[float, float]:
    """Limits of x that are not narrower than -0.1 to 0.1."""
    low, high = axes.get_xlim()
    return min(low, -0.1), max(high, 0.1)


def draw_interval(axes: Axes, each: Any, y: float, colour: str, marker: str, *, filled: bool) -> None:
    """A value with its interval as a horizontal line at `y`; nothing where there is none."""
    if not math.isfinite(each.value):
        return
    if math.isfinite(each.low):
        axes.plot([each.low, each.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([each.value], [y], marker, color=colour, markerfacecolor=colour if filled else "white", markersize=6, clip_on=False)
