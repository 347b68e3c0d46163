"""Figures of the BBBC013 benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from _dose import Fitted
from _spike import RATIO
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from napari_mid.reports.evaluation_drawing import COLOURS, GREY, MID_COLOUR, NEGATIVE, POSITIVE, as_png, in_words, new_figure

CONTROLS = {"negative_control": NEGATIVE, "positive_control": POSITIVE}


def draw_all(wells: pd.DataFrame, fits: dict[str, Fitted], cells: pd.DataFrame, spiked: pd.DataFrame, out: Path) -> None:
    """Write every figure as a PNG into the folder `out`."""
    (out / "dose.png").write_bytes(as_png(_dose, wells, fits))
    (out / "cells.png").write_bytes(as_png(_cells, cells))
    (out / "spike_in.png").write_bytes(as_png(_spike_in, spiked))


def _dose(wells: pd.DataFrame, fits: dict[str, Fitted]) -> Figure:
    figure, sheets = new_figure(9.0, 3.8, 2)
    samples = wells[wells["role"] == "sample"]
    lowest, highest = samples["concentration"].min(), samples["concentration"].max()
    for axes, (column, title, colour) in zip(
        sheets, (("score", "MID", MID_COLOUR), ("ratio", "GFP, nucleus / ring", COLOURS[0])), strict=True
    ):
        fit = fits[column]
        dose = np.geomspace(lowest, highest, 200)
        axes.axvspan(fit.low, fit.high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(dose, fit.curve(dose), color=colour, linewidth=1.6)
        axes.plot(samples["concentration"], samples[column], "o", color=colour, markersize=4)
        for (role, control), place in zip(CONTROLS.items(), (lowest / 3, highest * 3), strict=True):
            some = wells[wells["role"] == role]
            axes.plot([place] * len(some), some[column], "s", color=control, markersize=4, label=in_words(role))
        axes.set(xscale="log", xlabel="wortmannin in nM", ylabel=title)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(f"{title}: EC50 {fit.curve.ec50:.0f} nM ({fit.low:.0f} to {fit.high:.0f})")
    sheets[0].legend(fontsize=8)
    return figure


def _cells(cells: pd.DataFrame) -> Figure:
    names = [name for name in cells.columns if name not in ("row", "well", "role", "concentration", RATIO)]
    columns = min(3, len(names))
    figure, sheets = new_figure(3.2 * columns, 3.0 * -(-len(names) // columns), columns, -(-len(names) // columns))
    for axes, name in zip(sheets, names, strict=False):
        for role, colour in (("sample", GREY), *CONTROLS.items()):
            some = cells[cells["role"] == role]
            axes.plot(some[RATIO], some[name], ".", color=colour, markersize=1.5, alpha=0.4, label=in_words(role))
        axes.set(xlabel="GFP, nucleus / ring", ylabel=in_words(name), xlim=tuple(cells[RATIO].quantile([0.001, 0.999])))
    for axes in sheets[len(names) :]:
        axes.set_visible(False)
    sheets[0].legend(fontsize=7, markerscale=6)
    return figure


def _spike_in(spiked: pd.DataFrame) -> Figure:
    figure, (scores, found) = new_figure(9.0, 3.8, 2)
    some = spiked[spiked["fraction"] > 0]
    lowest = some["fraction"].min()
    for _, of_row in spiked.groupby("row"):
        mean = of_row.groupby("fraction")["score"].mean()
        scores.plot(np.maximum(mean.index, lowest / 2), mean.to_numpy(), "o-", color=MID_COLOUR, markersize=3, alpha=0.5)
    mean = spiked.groupby("fraction")["score"].mean()
    scores.plot(np.maximum(mean.index, lowest / 2), mean.to_numpy(), "-", color="black", linewidth=2, label="mean")
    scores.set(ylabel="score", ylim=(-0.02, 1.02), title="score of the mixture (a line per row left out)")
    names = [column.removeprefix("auroc_") for column in spiked.columns if column.startswith("auroc_")]
    for number, name in enumerate(names):
        mean = some.groupby("fraction")[f"auroc_{name}"].mean().dropna()
        line, colour = ("s:", "black") if name == RATIO else ("o-", (MID_COLOUR, *COLOURS)[number % 7])
        found.plot(mean.index, mean.to_numpy(), line, markersize=4, label=in_words(name), color=colour)
    found.set(ylabel="AUROC", title="spiked cells found", ylim=(-0.02, 1.02))
    found.axhline(0.5, linestyle="--", color=GREY, linewidth=1)
    found.legend(fontsize=7.5)
    ticks = [lowest / 2, *sorted(some["fraction"].unique())]
    for axes in (scores, found):
        axes.set(xscale="log", xlabel="positive-control cells, %")
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "0" if value < lowest else f"{100 * value:g}"))
    return figure
