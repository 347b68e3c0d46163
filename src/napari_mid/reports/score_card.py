"""The score card as a figure: the score with its interval among the negative controls, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_mid.inference.controls import is_control
from napari_mid.inference.curves import Curves
from napari_mid.inference.result import WellResult
from napari_mid.reports.caption import Caption, cells_text
from napari_mid.reports.colours import score_rgba
from napari_mid.reports.page import CAUTION, FONT_SIZE, MARGIN_IN, QUIET, TEXT, Page, line_height_in

AXIS, CONTROL, SETS, BARS, EVEN = "#5a626a", "#4c9be8", "#7a6aa8", "#7a6aa8", "#d8dce0"
DELETION, INSERTION = "#e5604f", "#2fa872"
#: Bars of the distribution over the random sets, and of the relevance.
SET_BINS, RELEVANCE_BINS = 50, 40
#: Heights of the parts in inches.
STRIP_IN, HISTOGRAM_IN, CURVES_IN = 0.5, 0.9, 1.5
#: Room for labels to the left of the curves, in inches.
LABELS_IN = 0.3
#: Percentile of the relevance that the right end of its histogram is.
TOP_PERCENTILE = 99.5


def control_scores(result: WellResult, results: Iterable[WellResult]) -> list[float]:
    """Scores of the other negative-control wells among `results`."""
    return [other.score for other in results if other.well != result.well and is_control(other) and isfinite(other.score)]


def among_controls(score: float, controls: Sequence[float]) -> str:
    """Where a score lies among those of negative-control wells; empty where there are none."""
    if not controls or not isfinite(score):
        return ""
    below = sum(control < score for control in controls)
    if len(controls) == 1:  # a percentage of one says more than is known
        return f"{'' if below else 'not '}above the one other negative-control well"
    return f"above {100 * below / len(controls):.0f} % of {len(controls)} negative-control wells"


def score_card_figure(
    result: WellResult, caption: Caption, *, controls: Sequence[float] = (), threshold: float = 0.5, width_px: int = 1600
) -> Figure:
    """Draw the score card of a well.

    Parameters
    ----------
    controls
        Scores of the plate's other negative-control wells.
    threshold
        The score that a call is made from.
    """
    page = Page(width_px)
    page.caption(caption)
    if isfinite(result.score):
        _draw_strip(page, result, controls, threshold)
        for text in (among_controls(result.score, controls), result.call_reason):
            if text:
                page.paragraph(text[:1].upper() + text[1:] + ("" if text.endswith(".") else "."))
        page.paragraph(_run(result), colour=QUIET)
        page.top_in += 0.08
        _draw_relevance(page, result)
    if result.curves is not None:
        _draw_curves(page, result.curves)
    for warning in result.warnings:
        page.paragraph(f"⚠ {warning}", colour=CAUTION)
    return page.finished()


def _run(result: WellResult) -> str:
    """On what the cells were read, and how fast."""
    seconds = result.seconds.get("encode", 0.0)
    speed = f", {result.n_cells / seconds:,.0f} cells/s" if seconds > 0 else ""
    return f"{cells_text(result.n_cells, int(result.excluded.sum()))} read on {result.device or 'an unknown device'}{speed}"


def _draw_strip(page: Page, result: WellResult, controls: Sequence[float], threshold: float) -> None:
    """The scale from 0 to 1 with the score, its interval, the sets above it and the controls on it."""
    axes = _axes(page, STRIP_IN, "score")
    axes.set_xlim(-0.005, 1.005)
    axes.set_ylim(-0.6, 1.0)
    counts, edges = np.histogram(np.clip(result.set_scores, 0, 1), bins=SET_BINS, range=(0.0, 1.0))
    axes.bar(edges[:-1], 0.75 * counts / max(1, counts.max()), np.diff(edges), bottom=0.22, align="edge", color=SETS)
    axes.plot([0, 1], [0, 0], color=AXIS, lw=1.2, zorder=1)
    axes.axvline(threshold, color=QUIET, lw=0.8, ls="--", zorder=1)
    for score in controls:
        axes.plot([score, score], [-0.2, 0.2], color=CONTROL, lw=1.2, zorder=2)
    if all(map(isfinite, result.interval)):
        axes.plot(result.interval, [0, 0], color=TEXT, lw=3, solid_capstyle="round", zorder=3)
    dot = score_rgba(result.score).tolist()
    axes.plot([result.score], [0], "o", color=dot, mec=TEXT, mew=1.2, ms=9, zorder=4, gid="score", clip_on=False)
    for place, text in ((0.0, "0"), (threshold, f"threshold {threshold:g}"), (1.0, "1")):
        page.text(_at(page, place, -0.005, 1.005), page.top_in, text, colour=QUIET, align="center")
    page.top_in += line_height_in(FONT_SIZE)
    kinds = [("scores of the random sets", SETS)] if len(result.set_scores) else []
    page.legend([*kinds, *([("negative-control wells", CONTROL)] if controls else []), ("95 % interval", TEXT)])
    page.top_in += 0.04


def _draw_relevance(page: Page, result: WellResult) -> None:
    relevance = result.cells["relevance"].to_numpy(dtype=float)[~result.excluded]
    relevance = relevance[np.isfinite(relevance)]
    if not len(relevance):
        return
    left = len(relevance)
    effective = result.trust.effective_cells
    said = f": {effective:,.0f} of {left:,} cells carry it" if isfinite(effective) else ""
    page.paragraph(f"Relevance of the cells{said}", bold=True)
    top = max(2.0, float(np.percentile(relevance, TOP_PERCENTILE)))
    axes = _axes(page, HISTOGRAM_IN, "relevance")
    axes.hist(np.minimum(relevance, top), bins=RELEVANCE_BINS, range=(0.0, top), color=BARS)
    axes.axvline(1.0, color=EVEN, lw=0.9, ls="--")
    axes.set_xlim(0.0, top)
    page.text(MARGIN_IN, page.top_in, "0", colour=QUIET)
    page.text(_at(page, 1.0, 0.0, top), page.top_in, "1 = even", colour=QUIET, align="center")
    page.text(page.width_in - MARGIN_IN, page.top_in, f"≥ {top:.3g}", colour=QUIET, align="right")
    page.top_in += line_height_in(FONT_SIZE) + 0.06


def _draw_curves(page: Page, curves: Curves) -> None:
    page.paragraph("The score without a share of the cells, and of these alone", bold=True)
    top = page.top_in
    axes = _axes(page, CURVES_IN, "curves", left_in=LABELS_IN)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(*(ends := (-0.02, 1.02)))
    share = curves.fractions
    for low, high, mean in (
        (curves.random_low, curves.random_high, curves.random),
        (curves.random_low[::-1], curves.random_high[::-1], curves.random[::-1]),
    ):
        axes.fill_between(share, low, high, color=QUIET, alpha=0.25, lw=0)
        axes.plot(share, mean, color=QUIET, lw=0.8, ls="--")
    for values, colour in ((curves.deletion, DELETION), (curves.insertion, INSERTION)):
        axes.plot(share, values, color=colour, lw=1.6)
    for value in (0.0, 0.5, 1.0):
        axes.axhline(value, color=AXIS, lw=0.5, zorder=0)
        middle = top + CURVES_IN * (ends[1] - value) / (ends[1] - ends[0]) - 0.64 * FONT_SIZE / 72  # as capitals are high
        page.text(MARGIN_IN + LABELS_IN - 0.06, middle, f"{value:g}", colour=QUIET, align="right")
    for place, text, align in ((0.0, "0 %", "left"), (0.5, "50 % of the cells", "center"), (1.0, "100 %", "right")):
        at = MARGIN_IN + LABELS_IN + (page.inner_in - LABELS_IN) * place
        page.text(at, page.top_in, text, colour=QUIET, align=align)
    page.top_in += line_height_in(FONT_SIZE)
    page.legend(
        [("without the most relevant", DELETION), ("only the most relevant", INSERTION), ("random ones, without and only", QUIET)]
    )
    page.top_in += 0.04


def _axes(page: Page, height_in: float, label: str, left_in: float = 0.0) -> Axes:
    """Axes over the whole width, but for `left_in` that is left to labels; the page goes on below them."""
    axes = page.axes(MARGIN_IN + left_in, page.top_in, page.inner_in - left_in, height_in, label)
    axes.set_facecolor("none")
    page.top_in += height_in + 0.02
    return axes


def _at(page: Page, value: float, low: float, high: float) -> float:
    """Where a value of an axis over the whole width lies on the page, in inches."""
    return MARGIN_IN + page.inner_in * (value - low) / (high - low)
