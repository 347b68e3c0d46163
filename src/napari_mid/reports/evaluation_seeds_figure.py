"""One figure of several models that differ in their seed: every one as a dot, their mean as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from napari_mid.evaluation.evaluated import MID
from napari_mid.evaluation.seeds import OverSeeds
from napari_mid.reports.evaluation_drawing import COLOURS, GREY, MID_COLOUR, as_png, in_words, new_figure

SHOWN = {"balanced_accuracy": "balanced accuracy", "auroc": "AUROC"}


def seeds_figure(rows: Sequence[OverSeeds]) -> bytes:
    """The PNG: balanced accuracy and AUROC of every predictor, and AUROC of relevance where its truth is known."""
    return as_png(_draw, rows)


def _draw(rows: Sequence[OverSeeds]) -> Figure:
    names = list(dict.fromkeys(row.of for row in rows if row.metric in SHOWN and row.defined))
    figure, sheets = new_figure(9.0, 1.2 + 0.35 * max(len(names), 1), len(SHOWN), sharey=True)
    for axes, (metric, title) in zip(sheets, SHOWN.items(), strict=True):
        for row in rows:
            if row.metric != metric or not row.defined:
                continue
            place = names.index(row.of)
            colour = MID_COLOUR if row.of == MID else COLOURS[place % len(COLOURS)]
            if math.isfinite(row.mean):
                axes.plot([row.mean] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=2)
            axes.plot(row.defined, [place] * len(row.defined), "o", color=colour, markersize=5, alpha=0.6, clip_on=False)
        axes.axvline(0.5, linestyle="--", color=GREY, linewidth=1)
        axes.set(xlim=(-0.02, 1.02), title=title)
    sheets[0].set_yticks(range(len(names)), [in_words(name) for name in names], fontsize=8)
    sheets[0].set_ylim(len(names) - 0.4, -0.6)
    return figure
