"""Figures of an evaluation: curves, calibration, scores and doses per compound, baselines, relevance, shortcuts.

Light figures for a printed report; through matplotlib's objects, never through pyplot.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.evaluated import MID, Evaluation, Predictor
from napari_mid.evaluation.sides import TRAINED
from napari_mid.evaluation.units import dose_column, dose_unit
from napari_mid.evaluation.weighted import ECE_BINS
from napari_mid.reports.evaluation_drawing import (
    COLOURS,
    GREY,
    INK,
    MID_COLOUR,
    NEGATIVE,
    POSITIVE,
    EvaluationFigure,
    as_png,
    draw_interval,
    in_words,
    new_figure,
    with_room,
)
from napari_mid.reports.evaluation_truth_figures import draw_audit, draw_relevance, draw_sets
from napari_mid.training.leaks import label_text

#: Compounds with a dose curve of their own; more are too small to read.
MOST_DOSE_CURVES = 30
MOST_STRIPS = 60


def figures_of(found: Evaluation, wells: pd.DataFrame) -> tuple[EvaluationFigure, ...]:
    """Every figure that the evaluation has something for; `wells` are the scored ones, a row each."""
    drawn = []
    scored = found.mid.scored
    n = f"{len(scored)} units, {found.counted_as}"
    if len(scored) and scored.truth.any() and not scored.truth.all():
        caption = f"ROC and precision-recall curves over {n}; dashed lines are chance."
        drawn.append(EvaluationFigure("curves", "Ranking", caption, as_png(_curves, found)))
    if len(found.predictors) > 1 and len(scored):
        caption = (
            f"Left: 95 % intervals over {n}. Right: minus MID on the same resamples; left of the line, MID is better. "
            "p: of balanced accuracy and AUROC, scores exchanged at random, compound by compound."
        )
        drawn.append(EvaluationFigure("baselines", "MID and the baselines", caption, as_png(_baselines, found)))
    if len(scored):
        caption = (
            "Score of every unit; the dashed line is the threshold. Filled: called right. Numbers: how many are called what."
        )
        drawn.append(EvaluationFigure("scores", "Scores and calls", caption, as_png(_scores, found)))
        caption = (
            "How often units with a score are positive; a calibrated score lies on the diagonal. Bars: 95 % Wilson intervals."
        )
        drawn.append(EvaluationFigure("calibration", "Calibration", caption, as_png(_calibration, scored)))
    shown = _dosed(found, wells)
    if len(shown):
        caption = "Score of every well against concentration; the line joins the means, the dashed line is the threshold."
        drawn.append(EvaluationFigure("doses", "Score against dose", caption, as_png(_dose_curves, found, shown)))
    if found.truth is not None:
        caption = (
            "Measures of relevance as detectors of the cells that responded: means over wells, 95 % intervals over compounds; "
            "then how much faster than in random order the score falls without the cells, or rises with them alone."
        )
        drawn.append(EvaluationFigure("relevance", "Is relevance true?", caption, as_png(draw_relevance, found)))
    if found.sets:
        caption = "Against the cells in a set, for 1 to 200 sets (the paper's Figure 1); every size reads the same cells."
        drawn.append(EvaluationFigure("sets", "Sets of every size", caption, as_png(draw_sets, found)))
    if any(math.isfinite(each.correlation.value) for _, each in found.associations):
        caption = "Spearman correlation with 95 % intervals over compounds; filled where it is strong and apart from 0."
        drawn.append(EvaluationFigure("audit", "Shortcuts", caption, as_png(draw_audit, found)))
    return tuple(drawn)


def _colour(found: Evaluation, predictor: Predictor) -> str:
    place = [each.name for each in found.predictors].index(predictor.name)
    return MID_COLOUR if predictor.name == MID else COLOURS[(place - 1) % len(COLOURS)]


def _curves(found: Evaluation) -> Figure:
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (roc, pr) = new_figure(9.0, 4.2, 2)
    truth = found.mid.scored.truth
    # MID is drawn last, on top of the others
    for predictor in [*found.predictors[1:], found.mid]:
        colour, width = _colour(found, predictor), 2.4 if predictor.name == MID else 1.4
        fpr, tpr, _ = roc_curve(truth, predictor.scored.scores)
        precision, recall, _ = precision_recall_curve(truth, predictor.scored.scores)
        area, average = predictor.metrics["auroc"].value, predictor.metrics["auprc"].value
        roc.plot(fpr, tpr, color=colour, linewidth=width, label=f"{in_words(predictor.name)} {area:.2f}", clip_on=False)
        # the first, highest precision of every recall: average precision is the area under these steps
        recall, first = np.unique(recall[::-1], return_index=True)
        pr.step(
            recall,
            precision[::-1][first],
            where="pre",
            color=colour,
            linewidth=width,
            label=f"{in_words(predictor.name)} {average:.2f}",
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


def _p_text(predictor: Predictor) -> str:
    """The p values of the swap test, of balanced accuracy and AUROC."""
    tests = predictor.paired
    if tests is None or not math.isfinite(tests.swap_auroc):
        return ""
    return f"p {tests.swap_balanced_accuracy:.2g}, {tests.swap_auroc:.2g}"


def _baselines(found: Evaluation) -> Figure:
    markers = {"balanced_accuracy": "o", "auroc": "s"}
    figure, (left, right) = new_figure(9.0, 1.4 + 0.5 * len(found.predictors), 2)
    for row, predictor in enumerate(found.predictors):
        colour = _colour(found, predictor)
        for offset, (name, marker) in zip((-0.16, 0.16), markers.items(), strict=True):
            draw_interval(left, predictor.metrics[name], row + offset, colour, marker, filled=name == "auroc")
            against = predictor.against_mid.get(name)
            if against is not None:
                draw_interval(right, against.difference, row + offset, colour, marker, filled=name == "auroc")
    for axes in (left, right):
        axes.set_yticks(range(len(found.predictors)))
        axes.set_ylim(len(found.predictors) - 0.4, -0.6)
    left.set_yticklabels([in_words(predictor.name) for predictor in found.predictors])
    right.yaxis.tick_right()
    right.set_yticklabels([_p_text(predictor) for predictor in found.predictors], fontsize=7.5)
    left.axvline(0.5, linestyle="--", color=GREY, linewidth=1)
    right.axvline(0.0, linestyle="--", color=GREY, linewidth=1)
    left.set(xlim=(-0.03, 1.03), title="balanced accuracy (ring), AUROC (square)")
    right.set(title="minus MID", xlim=with_room(right))
    return figure


def _scores(found: Evaluation) -> Figure:
    scored, threshold = found.mid.scored, found.mid.threshold
    order = np.lexsort((scored.scores, scored.truth))
    strips = len(scored) <= MOST_STRIPS
    figure, (left, right) = new_figure(9.0, max(3.2, 0.17 * len(scored) + 1.0) if strips else 3.6, 2, width_ratios=(2.2, 1))
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

    figure, (axes,) = new_figure(4.6, 4.2)
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
    if "compound" not in wells or (column := dose_column(wells)) is None:
        return wells.iloc[:0]
    numbers = {"_dose": pd.to_numeric(wells[column], errors="coerce"), "_score": pd.to_numeric(wells["score"], errors="coerce")}
    table = wells.assign(**numbers)
    table = table[(table["_dose"] > 0) & table["_score"].notna() & table["compound"].notna()]
    several = {str(name) for name, some in table.groupby("compound") if some["_dose"].nunique() > 1}
    counted = set(found.counted["compound"])
    table = table[table["compound"].astype(str).isin(several)]
    order = sorted(several, key=lambda name: (name not in counted, name))[:MOST_DOSE_CURVES]
    return table.assign(_place=[order.index(str(name)) if str(name) in order else -1 for name in table["compound"]])


def _dose_curves(found: Evaluation, table: pd.DataFrame) -> Figure:
    """A small panel per compound."""
    table = table[table["_place"] >= 0].sort_values(["_place", "_dose"], kind="stable")
    counted = set(found.counted["compound"])
    trained = set(found.units.loc[found.units["side"] == TRAINED, "compound"])
    names = table["compound"].astype(str).drop_duplicates().tolist()
    columns = min(6, len(names))
    rows = math.ceil(len(names) / columns)
    figure, axes = new_figure(min(9.0, 1.2 + 1.9 * columns), 0.5 + 1.5 * rows, columns, rows, sharex=True, sharey=True)
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
    unit = dose_unit(table)
    figure.supxlabel(f"concentration in {unit}" if unit else "concentration", fontsize=9)
    figure.supylabel("score", fontsize=9)
    return figure
