"""Figures of an evaluation that ask whether relevance is true: measures against the truth, sets of every size, shortcuts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter

from napari_mid.evaluation.attention import SET_NUMBERS, SweepPoint
from napari_mid.evaluation.evaluated import Evaluation
from napari_mid.reports.evaluation_drawing import GREY, NEGATIVE, POSITIVE, draw_interval, in_words, new_figure

#: From one set to 200: the more, the darker.
NUMBER_COLOURS = ("#c6dbef", "#6baed6", "#2171b5", "#08306b")


def draw_relevance(found: Evaluation) -> Figure:
    """Every measure as a detector of the cells that responded, and the areas of its curves."""
    truth = found.truth
    assert truth is not None
    names = list(dict.fromkeys(each.measure for each in truth.measures))
    figure, sheets = new_figure(11.0, 1.6 + 0.45 * len(names), 3, width_ratios=(1.3, 1.3, 1))
    kinds = list(dict.fromkeys(each.wells for each in truth.measures))
    for each in truth.measures:
        row = names.index(each.measure) + (-0.15, 0.15)[kinds.index(each.wells)]
        colour = (POSITIVE, NEGATIVE)[kinds.index(each.wells)]
        draw_interval(sheets[0], each.auroc, row, colour, "o", filled=True)
        draw_interval(sheets[1], each.auprc, row, colour, "o", filled=True)
        if math.isfinite(each.chance):
            sheets[1].plot([each.chance] * 2, [row - 0.1, row + 0.1], color=colour, linewidth=1, linestyle=":")
        for offset, area, marker in ((-0.12, each.deletion, "v"), (0.12, each.insertion, "^")):
            if math.isfinite(area):
                sheets[2].plot([area], [names.index(each.measure) + offset], marker, color=colour, markersize=6, clip_on=False)
    for kind, colour in zip(kinds, (POSITIVE, NEGATIVE), strict=False):
        n = next(each.n_wells for each in truth.measures if each.wells == kind)
        sheets[0].plot([], [], "o", color=colour, label=f"{n} wells {kind}")
    for axes, title in zip(sheets, ("AUROC of cells that responded", "AUPRC (dots: chance)", "area"), strict=True):
        axes.set_yticks(range(len(names)), [in_words(name) for name in names] if axes is sheets[0] else [])
        axes.set(ylim=(len(names) - 0.2, -0.6), title=title)
    for axes in sheets[:2]:
        axes.set(xlim=(-0.02, 1.02))
    sheets[0].axvline(0.5, linestyle="--", color=GREY, linewidth=1)
    sheets[0].legend(fontsize=7, loc="lower left", framealpha=0.9)
    sheets[2].axvline(0, linestyle="--", color=GREY, linewidth=1)
    sheets[2].plot([], [], "v", color=POSITIVE, label="deletion")
    sheets[2].plot([], [], "^", color=POSITIVE, label="insertion")
    sheets[2].legend(fontsize=7, framealpha=0.9)
    return figure


def draw_sets(found: Evaluation) -> Figure:
    """Scores, and attention where its truth is known, against the cells in a set and the number of sets."""
    points = found.sets
    panels: list[tuple[str, Callable[[SweepPoint], float]]] = [
        ("units: balanced accuracy", lambda point: point.units_balanced_accuracy.value),
        ("units: AUROC", lambda point: point.units_auroc.value),
        ("cells that responded: AUROC of attention", lambda point: point.cells_auroc),
    ]
    if not any(math.isfinite(point.cells_auroc) for point in points):
        panels = panels[:2]
    figure, sheets = new_figure(3.6 * len(panels), 3.6, len(panels), sharey=True)
    for axes, (title, value) in zip(sheets, panels, strict=True):
        for number, colour in zip(SET_NUMBERS, NUMBER_COLOURS, strict=True):
            some = [point for point in points if point.n_sets == number]
            label = f"{number} set{'s' if number > 1 else ''}"
            axes.plot(
                [point.set_size for point in some],
                [value(point) for point in some],
                "o-",
                color=colour,
                markersize=4,
                label=label,
            )
        _sizes(axes, points)
        axes.set(title=title)
        axes.axhline(0.5, linestyle="--", color=GREY, linewidth=1)
    sheets[0].set(ylim=(min(0.4, sheets[0].get_ylim()[0]), 1.03))
    sheets[0].legend(fontsize=7, loc="lower right", framealpha=0.9)
    return figure


def _sizes(axes: Axes, points: tuple[SweepPoint, ...]) -> None:
    sizes = sorted({point.set_size for point in points})
    axes.set(xscale="log", xlabel="cells in a set, at most")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticklabels([str(size) for size in sizes])


def draw_audit(found: Evaluation) -> Figure:
    """What the score goes with, and the relevance."""
    known = [(of, each) for of, each in found.associations if math.isfinite(each.correlation.value)]
    figure, (axes,) = new_figure(9.0, 1.0 + 0.27 * len(known))
    colours = {"all wells": GREY, "negative wells": NEGATIVE, "cells of a well": "#009e73"}
    for row, (_, each) in enumerate(known):
        draw_interval(axes, each.correlation, row, colours[each.among], "o", filled=each.strong)
    axes.set_yticks(range(len(known)), [_audit_label(of, each) for of, each in known], fontsize=7.5)
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.set(xlim=(-1.02, 1.02), xlabel="Spearman correlation")
    axes.axvline(0, linestyle="--", color=GREY, linewidth=1)
    return figure


def _audit_label(of: str, each: Any) -> str:
    return f"{of} and {each.what.removeprefix('the ')}" + (f", {each.among}" if of == "score" else "")
