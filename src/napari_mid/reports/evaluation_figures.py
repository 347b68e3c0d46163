"""Figures of an evaluation: curves, calibration, scores and doses per compound, baselines, relevance, shortcuts.

Light figures for a printed report; through matplotlib's objects, never through pyplot.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import NDArray

from napari_mid.evaluation.attention import SET_NUMBERS
from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.evaluated import MID, Evaluation, Predictor
from napari_mid.evaluation.sides import TRAINED
from napari_mid.evaluation.weighted import ECE_BINS
from napari_mid.reports.page import font_families
from napari_mid.training.leaks import label_text

#: Colours that readers with any colour vision tell apart (Okabe and Ito 2008); the first is MID's.
MID_COLOUR = "#d6006d"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#56b4e9", "#8c564b", "#7f7f7f")
POSITIVE, NEGATIVE, GREY = "#d6006d", "#0072b2", "#8a93a3"
INK, LINE = "#1c2230", "#d9dee7"
DPI = 130
TITLE_SIZE, LABEL_SIZE = 9.5, 9
#: Compounds with a dose curve of their own; more are too small to read.
MOST_DOSE_CURVES = 30
MOST_STRIPS = 60


@dataclass(frozen=True)
class EvaluationFigure:
    """A figure: its file name without ending, its heading, what it shows, and the PNG."""

    name: str
    heading: str
    caption: str
    png: bytes


def figures_of(found: Evaluation, wells: pd.DataFrame) -> tuple[EvaluationFigure, ...]:
    """Every figure that the evaluation has something for; `wells` are the scored ones, a row each."""
    drawn = []
    scored = found.mid.scored
    n = f"{len(scored)} units, {found.counted_as}"
    if len(scored) and scored.truth.any() and not scored.truth.all():
        caption = f"ROC and precision-recall curves over {n}; dashed lines are chance."
        drawn.append(EvaluationFigure("curves", "Ranking", caption, _png(_curves, found)))
    if len(found.predictors) > 1 and len(scored):
        caption = f"Left: 95 % intervals over {n}. Right: minus MID on the same resamples; left of the line, MID is better."
        drawn.append(EvaluationFigure("baselines", "MID and the baselines", caption, _png(_baselines, found)))
    if len(scored):
        caption = (
            "Score of every unit; the dashed line is the threshold. Filled: called right. Numbers: how many are called what."
        )
        drawn.append(EvaluationFigure("scores", "Scores and calls", caption, _png(_scores, found)))
        caption = (
            "How often units with a score are positive; a calibrated score lies on the diagonal. Bars: 95 % Wilson intervals."
        )
        drawn.append(EvaluationFigure("calibration", "Calibration", caption, _png(_calibration, scored)))
    shown = _dosed(found, wells)
    if len(shown):
        caption = "Score of every well against concentration; the line joins the means, the dashed line is the threshold."
        drawn.append(EvaluationFigure("doses", "Score against dose", caption, _png(_dose_curves, found, shown)))
    if found.truth is not None and found.truth.sweep:
        caption = (
            "Relevance as a detector of the cells that responded (95 % intervals over compounds); then attention and the scores "
            "against the cells in a set, for 1 to 200 sets."
        )
        drawn.append(EvaluationFigure("relevance", "Is relevance true?", caption, _png(_relevance, found)))
    if any(math.isfinite(each.correlation.value) for _, each in found.associations):
        caption = "Spearman correlation with 95 % intervals over compounds; filled where it is strong and apart from 0."
        drawn.append(EvaluationFigure("audit", "Shortcuts", caption, _png(_audit, found)))
    return tuple(drawn)


def _figure(width: float, height: float, columns: int = 1, rows: int = 1, **kwargs: Any) -> tuple[Figure, list[Axes]]:
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


def _png(draw: Callable[..., Figure], *what: Any) -> bytes:
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


def _colour(found: Evaluation, predictor: Predictor) -> str:
    place = [each.name for each in found.predictors].index(predictor.name)
    return MID_COLOUR if predictor.name == MID else COLOURS[(place - 1) % len(COLOURS)]


def _label(name: str) -> str:
    return name.replace("_", " ")


def _curves(found: Evaluation) -> Figure:
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (roc, pr) = _figure(9.0, 4.2, 2)
    truth = found.mid.scored.truth
    # MID is drawn last, on top of the others
    for predictor in [*found.predictors[1:], found.mid]:
        colour, width = _colour(found, predictor), 2.4 if predictor.name == MID else 1.4
        fpr, tpr, _ = roc_curve(truth, predictor.scored.scores)
        precision, recall, _ = precision_recall_curve(truth, predictor.scored.scores)
        area, average = predictor.metrics["auroc"].value, predictor.metrics["auprc"].value
        roc.plot(fpr, tpr, color=colour, linewidth=width, label=f"{_label(predictor.name)} {area:.2f}", clip_on=False)
        # the first, highest precision of every recall: average precision is the area under these steps
        recall, first = np.unique(recall[::-1], return_index=True)
        pr.step(
            recall,
            precision[::-1][first],
            where="pre",
            color=colour,
            linewidth=width,
            label=f"{_label(predictor.name)} {average:.2f}",
        )
    roc.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    pr.axhline(float(truth.mean()), linestyle="--", color=GREY, linewidth=1)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC (area)")
    pr.set(xlabel="recall", ylabel="precision", title="precision and recall (average precision)")
    for axes in (roc, pr):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), aspect="equal")
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], fontsize=7.5, loc="lower right" if axes is roc else "lower left", framealpha=0.9)
    return figure


def _baselines(found: Evaluation) -> Figure:
    markers = {"balanced_accuracy": "o", "auroc": "s"}
    figure, (left, right) = _figure(9.0, 1.4 + 0.5 * len(found.predictors), 2)
    for row, predictor in enumerate(found.predictors):
        colour = _colour(found, predictor)
        for offset, (name, marker) in zip((-0.16, 0.16), markers.items(), strict=True):
            _interval(left, predictor.metrics[name], row + offset, colour, marker, filled=name == "auroc")
            against = predictor.against_mid.get(name)
            if against is not None:
                _interval(right, against.difference, row + offset, colour, marker, filled=name == "auroc")
    for axes in (left, right):
        axes.set_yticks(range(len(found.predictors)))
        axes.set_ylim(len(found.predictors) - 0.4, -0.6)
    left.set_yticklabels([_label(predictor.name) for predictor in found.predictors])
    right.set_yticklabels([])
    left.axvline(0.5, linestyle="--", color=GREY, linewidth=1)
    right.axvline(0.0, linestyle="--", color=GREY, linewidth=1)
    left.set(xlim=(-0.03, 1.03), title="balanced accuracy (ring), AUROC (square)")
    right.set(title="minus MID", xlim=_room(right))
    return figure


def _room(axes: Axes) -> tuple[float, float]:
    low, high = axes.get_xlim()
    return min(low, -0.1), max(high, 0.1)


def _interval(axes: Axes, each: Any, y: float, colour: str, marker: str, *, filled: bool) -> None:
    if not math.isfinite(each.value):
        return
    if math.isfinite(each.low):
        axes.plot([each.low, each.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([each.value], [y], marker, color=colour, markerfacecolor=colour if filled else "white", markersize=6, clip_on=False)


def _scores(found: Evaluation) -> Figure:
    scored, threshold = found.mid.scored, found.mid.threshold
    order = np.lexsort((scored.scores, scored.truth))
    strips = len(scored) <= MOST_STRIPS
    figure, (left, right) = _figure(9.0, max(3.2, 0.17 * len(scored) + 1.0) if strips else 3.6, 2, width_ratios=(2.2, 1))
    places: NDArray[np.float64] = np.arange(len(scored), dtype=float)
    if not strips:  # two clouds instead of a row each
        places = scored.truth[order] + np.random.default_rng(0).uniform(-0.3, 0.3, len(scored))
    for positive, colour in ((True, POSITIVE), (False, NEGATIVE)):
        of_class = scored.truth[order] == positive
        right_call = (scored.scores[order] >= threshold) == positive
        label = found.question.positive if positive else "not " + found.question.positive
        for called_right in (True, False):
            some = of_class & (right_call == called_right)
            left.plot(
                scored.scores[order][some],
                places[some],
                "o",
                markersize=5,
                color=colour,
                markerfacecolor=colour if called_right else "white",
                label=label if called_right else None,
                clip_on=False,
            )
    left.axvline(threshold, linestyle="--", color=GREY, linewidth=1)
    left.set(xlim=(-0.02, 1.02), xlabel="score")
    if strips:
        left.set_yticks(places, [scored.names[i] for i in order], fontsize=7)
        left.set_ylim(-0.8, len(scored) - 0.2)
    else:
        left.set_yticks([0, 1], ["not " + found.question.positive, found.question.positive])
    left.legend(fontsize=8, loc="lower right", framealpha=0.9)
    _confusion(right, found)
    return figure


def _confusion(axes: Axes, found: Evaluation) -> None:
    scored = found.mid.scored
    called = scored.scores >= found.mid.threshold
    counts = np.array(
        [
            [(~scored.truth & ~called).sum(), (~scored.truth & called).sum()],
            [(scored.truth & ~called).sum(), (scored.truth & called).sum()],
        ]
    )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.grid(False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.3)
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count}\n{100 * shares[row, column]:.0f} %"
        colour = "white" if shares[row, column] > 0.7 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=10, color=colour)
    names = ["not " + found.question.positive, found.question.positive]
    axes.set_xticks([0, 1], names, fontsize=8)
    axes.set_yticks([0, 1], names, fontsize=8, rotation=90, va="center")
    axes.set(xlabel="called", ylabel="true")


def _calibration(scored: Scored) -> Figure:
    from napari_mid.evaluation.metrics import wilson_interval

    figure, (axes,) = _figure(4.6, 4.2)
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    place = np.minimum((scored.scores * ECE_BINS).astype(int), ECE_BINS - 1)
    for number in np.unique(place):
        members = place == number
        n, hits = int(members.sum()), int(scored.truth[members].sum())
        x, y = float(scored.scores[members].mean()), hits / n
        low, high = wilson_interval(hits, n)
        axes.plot([x, x], [low, high], color=MID_COLOUR, linewidth=1.4)
        axes.plot([x], [y], "o", color=MID_COLOUR, markersize=6, clip_on=False)
        axes.annotate(f"{n}", (x, y), xytext=(6, 4), textcoords="offset points", fontsize=7, color=INK)
    axes.set(
        xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="mean score of the bin", ylabel="share that is positive", aspect="equal"
    )
    return figure


def _dosed(found: Evaluation, wells: pd.DataFrame) -> pd.DataFrame:
    """The wells of compounds with several doses, ``_dose`` and ``_score`` added, the compounds that are counted first."""
    if "compound" not in wells or (column := _dose_column(wells)) is None:
        return wells.iloc[:0]
    numbers = {"_dose": pd.to_numeric(wells[column], errors="coerce"), "_score": pd.to_numeric(wells["score"], errors="coerce")}
    table = wells.assign(**numbers)
    table = table[(table["_dose"] > 0) & table["_score"].notna() & table["compound"].notna()]
    several = {str(name) for name, some in table.groupby("compound") if some["_dose"].nunique() > 1}
    counted = set(found.counted["compound"])
    table = table[table["compound"].astype(str).isin(several)]
    order = sorted(several, key=lambda name: (name not in counted, name))[:MOST_DOSE_CURVES]
    return table.assign(_place=[order.index(str(name)) if str(name) in order else -1 for name in table["compound"]])


def _dose_column(wells: pd.DataFrame) -> str | None:
    return next((name for name in ("concentration_um", "concentration") if name in wells), None)


def _dose_curves(found: Evaluation, table: pd.DataFrame) -> Figure:
    """A small panel per compound."""
    table = table[table["_place"] >= 0].sort_values(["_place", "_dose"], kind="stable")
    counted = set(found.counted["compound"])
    trained = set(found.units.loc[found.units["side"] == TRAINED, "compound"])
    names = table["compound"].astype(str).drop_duplicates().tolist()
    columns = min(6, len(names))
    rows = math.ceil(len(names) / columns)
    figure, axes = _figure(min(9.0, 1.2 + 1.9 * columns), 0.5 + 1.5 * rows, columns, rows, sharex=True, sharey=True)
    for place, axis in enumerate(axes):
        if place >= len(names):
            axis.set_visible(False)
            continue
        name = names[place]
        some = table[table["compound"].astype(str) == name]
        positive = (some[found.question.label].map(label_text) == found.question.positive).any()
        colour = POSITIVE if positive else NEGATIVE
        means = some.groupby("_dose")["_score"].mean()
        axis.plot(some["_dose"], some["_score"], "o", color=colour, markersize=3.5, alpha=0.7, clip_on=False)
        axis.plot(means.index, means.to_numpy(), color=colour, linewidth=1.2)
        axis.axhline(found.mid.threshold, linestyle="--", color=GREY, linewidth=0.8)
        axis.set(xscale="log", ylim=(-0.05, 1.05))
        told = "" if name in counted else " (trained on)" if name in trained else " (not counted)"
        axis.set_title(name + told, fontsize=8, color=colour)
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    unit = "in µM" if _dose_column(table) == "concentration_um" else ""
    figure.supxlabel(f"concentration {unit}".strip(), fontsize=9)
    figure.supylabel("score", fontsize=9)
    return figure


def _relevance(found: Evaluation) -> Figure:
    truth = found.truth
    assert truth is not None
    figure, (measures, cells, units) = _figure(11.0, 3.8, 3, width_ratios=(1.25, 1, 1))
    names = list(dict.fromkeys(each.measure for each in truth.measures))
    kinds = list(dict.fromkeys(each.wells for each in truth.measures))
    for each in truth.measures:
        row = names.index(each.measure) + (-0.15, 0.15)[kinds.index(each.wells)]
        _interval(measures, each.auroc, row, (POSITIVE, NEGATIVE)[kinds.index(each.wells)], "o", filled=True)
    for kind, colour in zip(kinds, (POSITIVE, NEGATIVE), strict=False):
        n = next(each.n_wells for each in truth.measures if each.wells == kind)
        measures.plot([], [], "o", color=colour, label=f"{n} wells {kind}")
    measures.set_yticks(range(len(names)), [_label(name) for name in names])
    measures.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.2, -0.6), title="cells that responded: AUROC")
    measures.axvline(0.5, linestyle="--", color=GREY, linewidth=1)
    measures.legend(fontsize=7, loc="lower left", framealpha=0.9)
    for axes, field, title in (
        (cells, "cells_auroc", "attention: AUROC of cells"),
        (units, "units_auroc", "score: AUROC of units"),
    ):
        for number, colour in zip(SET_NUMBERS, ("#c6dbef", "#6baed6", "#2171b5", "#08306b"), strict=True):
            points = [point for point in truth.sweep if point.n_sets == number]
            label = f"{number} set{'s' if number > 1 else ''}"
            values = [getattr(point, field) for point in points]
            axes.plot([point.set_size for point in points], values, "o-", color=colour, markersize=4, label=label)
        sizes = sorted({point.set_size for point in truth.sweep})
        axes.set(xscale="log", xlabel="cells in a set, at most", title=title)
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticklabels([str(size) for size in sizes])
        axes.axhline(0.5, linestyle="--", color=GREY, linewidth=1)
        axes.legend(fontsize=7, loc="lower right", framealpha=0.9)
    return figure


def _audit(found: Evaluation) -> Figure:
    known = [(of, each) for of, each in found.associations if math.isfinite(each.correlation.value)]
    figure, (axes,) = _figure(9.0, 1.0 + 0.27 * len(known))
    colours = {"all wells": GREY, "negative wells": NEGATIVE, "cells of a well": "#009e73"}
    for row, (_, each) in enumerate(known):
        _interval(axes, each.correlation, row, colours[each.among], "o", filled=each.strong)
    axes.set_yticks(range(len(known)), [_audit_label(of, each) for of, each in known], fontsize=7.5)
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.set(xlim=(-1.02, 1.02), xlabel="Spearman correlation")
    axes.axvline(0, linestyle="--", color=GREY, linewidth=1)
    return figure


def _audit_label(of: str, each: Any) -> str:
    return f"{of} and {each.what.removeprefix('the ')}" + (f", {each.among}" if of == "score" else "")
