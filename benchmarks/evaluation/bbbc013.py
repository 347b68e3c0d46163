"""Real pixels, BBBC013: controls, leave one row out; wortmannin's EC50; positive-control cells mixed into negative ones.

    .venv/bin/python benchmarks/evaluation/bbbc013.py --data ../shared/data/bbbc013 --out bbbc013 [--rows A B] [--steps 120]

For every row: train on the control wells of the other rows (`napari-mid train`, preset ``fast``), score the row that was left
out. No well is ever scored by a model that saw its row. Then, over all rows that were left out: Z' between the controls,
Spearman of score against dose, EC50 with its bootstrap interval, the same for the classical measure (GFP in the nucleus by GFP
in a ring), how relevance of single cells goes with that ratio, and mixtures of control cells of the left-out row (``_spike.py``).

What was learned is kept in ``OUT/row_X``, so that a run that was stopped goes on where it was; other settings need another
folder.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _bbbc013_figures import draw_all
from _dose import Fitted, fit_with_interval
from _ratio import gfp_ratio
from _spike import FRACTIONS, RATIO, Cells, rises, spike_in
from numpy.typing import NDArray
from scipy.stats import spearmanr

from napari_mid.cli import main as napari_mid
from napari_mid.cli.common import run_with_bar
from napari_mid.evaluation.metrics import z_prime
from napari_mid.evaluation.weighted import cells_auroc
from napari_mid.files import write_json
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.measures import DEFAULT, measure_names
from napari_mid.inference.trust_settings import TrustSettings
from napari_mid.model.folder import load_model
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.workflow.evaluation_material import embeddings_steps
from napari_mid.workflow.score_plate import score_plate_steps, write_results
from napari_mid.workflow.scored_plates import read_scored_steps

NEGATIVE, POSITIVE = "negative_control", "positive_control"
#: Column of the plate map that holds the controls of the rows to train on.
LABEL = "train_on"
#: A cell has moved its GFP where its ratio is above this percentile of the negative controls of its row.
MOVED = 99
#: A well needs so many cells that moved and that did not.
FEWEST = 5


def train_without(row: str, options: argparse.Namespace) -> MidModel:
    """The model that knows the controls of all rows but `row`; taken from the folder where it is there already."""
    folder = options.out / f"row_{row}"
    if not (folder / "model" / "config.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        table = pd.read_csv(options.data / "plate_map.csv")
        known = table["role"].isin([NEGATIVE, POSITIVE]) & ~table["well"].str.startswith(row)
        table.assign(**{LABEL: table["role"].where(known, "")}).to_csv(folder / "plate_map.csv", index=False)
        arguments = ["train", str(options.data), "--plate-map", str(folder / "plate_map.csv"), "--nucleus-channel", "Channel2"]
        arguments += ["--label", LABEL, "--classes", NEGATIVE, POSITIVE, "--preset", "fast", "--slice-size", "48"]
        arguments += ["--steps", str(options.steps), "--seed", str(options.seed), "--validation", "0"]
        arguments += ["--label-smoothing", str(options.label_smoothing), "--dilution", str(options.dilution)]
        arguments += ["--slice-cache", str(options.out / "slices")]
        if napari_mid([*arguments, "--out", str(folder / "model")]):
            sys.exit(1)
    return load_model(folder / "model")


def score_row(row: str, plate: Plate, model: MidModel, folder: Path) -> tuple[pd.DataFrame, dict[str, Cells], pd.DataFrame]:
    """Wells, control cells by role, and all cells of the left-out `row`, with the ratio and every measure."""
    cache = EmbeddingCache(folder / "embeddings")
    names = [name for name in plate.wells if name.startswith(row)]
    wanted = TrustSettings(measures=tuple(measure_names()))
    result = run_with_bar(score_plate_steps(plate, [plate[name] for name in names], model, trust=wanted, cache=cache))
    write_results(result, folder / "scores")
    scored = run_with_bar(read_scored_steps(folder / "scores", plate))
    encoded = run_with_bar(embeddings_steps(scored, names, model, cache))
    wells, tables, controls = [], [], {NEGATIVE: [], POSITIVE: []}
    for each in scored.wells.to_dict("records"):
        name, role = str(each["Metadata_Well"]), str(each["role"])
        cells = scored.cells_of(name)
        ratio = gfp_ratio(plate[name], cells)
        wells.append({"row": row, "well": name, "role": role, "concentration": each["concentration"], "score": each["score"]})
        wells[-1] |= {"ratio": float(np.median(ratio)), "n_cells": len(cells)}
        if role in controls:
            controls[role].append(Cells(encoded[name].embeddings, gfp_ratio(plate[name], encoded[name].table)))
        columns = {m: cells["relevance" if m == DEFAULT else f"relevance_{m}"] for m in measure_names()}
        tables.append(pd.DataFrame({**wells[-1], RATIO: ratio, **columns}).drop(columns=["ratio", "score", "n_cells"]))
    together = {
        role: Cells(np.concatenate([each.embeddings for each in some]), np.concatenate([each.ratio for each in some]))
        for role, some in controls.items()
    }
    return pd.DataFrame(wells), together, pd.concat(tables, ignore_index=True)


def judge(wells: pd.DataFrame, column: str, seed: int) -> tuple[dict[str, Any], Fitted]:
    """Z', Spearman and EC50 of `column`, higher for more dose."""
    of_role = {role: wells[wells["role"] == role] for role in (NEGATIVE, POSITIVE, "sample")}
    samples = of_role["sample"]
    dose, score = samples["concentration"].to_numpy(dtype=float), samples[column].to_numpy(dtype=float)
    fit = fit_with_interval(dose, score, seed)
    return {
        "z_prime": z_prime(of_role[POSITIVE][column], of_role[NEGATIVE][column]),
        "spearman": float(spearmanr(dose, score).statistic),
        **fit.as_dict(),
    }, fit


def per_cell(cells: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Per measure: correlation with the ratio within wells, and AUROC for cells whose GFP has moved; means over wells."""
    moved = np.zeros(len(cells), dtype=bool)
    for _, rows in cells.groupby("row").indices.items():
        some = cells.iloc[rows]
        line = np.percentile(some.loc[some["role"] == NEGATIVE, RATIO], MOVED)
        moved[rows] = some[RATIO].to_numpy() > line
    found: dict[str, dict[str, float]] = {}
    for name in measure_names():
        correlations, areas = [], []
        for _, rows in cells[cells["role"] != NEGATIVE].groupby("well").groups.items():
            values: NDArray[np.float64] = cells.loc[rows, name].to_numpy(dtype=float)
            there = np.isfinite(values)
            truth = moved[rows][there]
            correlations.append(float(spearmanr(values[there], cells.loc[rows, RATIO].to_numpy()[there]).statistic))
            if min(truth.sum(), (~truth).sum()) >= FEWEST:
                areas.append(cells_auroc(truth, values[there]))
        mean = float(np.mean(areas)) if areas else math.nan
        found[name] = {"spearman": float(np.nanmean(correlations)), "auroc": mean, "n_wells": len(areas)}
    return found


def spike_summary(spiked: pd.DataFrame) -> dict[str, Any]:
    """Means over rows and draws, per share of spiked cells."""
    means = spiked.drop(columns=["row", "draw"]).groupby("fraction").mean()
    per_row = [rises(some, "score") for _, some in spiked.groupby("row")]
    return {
        "score_rises": rises(spiked, "score"),
        "rows_in_which_it_rises": int(sum(per_row)),
        "ratio_rises": rises(spiked, "ratio"),
        "per_fraction": [
            {"fraction": share} | {name: None if pd.isna(value) else float(value) for name, value in row.items()}
            for share, row in means.iterrows()
        ],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """What there is to say."""
    said = []
    for name in ("score", "ratio"):
        each = found[name]
        interval = f"{each['ec50_low']:.1f} to {each['ec50_high']:.1f}"
        title = {"score": "MID", "ratio": "GFP, nucleus / ring"}[name]
        said.append(
            f"{title}: Z' {each['z_prime']:.3f}, Spearman {each['spearman']:.3f}, EC50 {each['ec50']:.1f} nM ({interval})"
        )
    for name, each in found["cells"].items():
        said.append(
            f"cells, {name}: Spearman with the ratio {each['spearman']:+.2f}, AUROC {each['auroc']:.3f} for moved GFP "
            f"({each['n_wells']} wells)"
        )
    spike = found["spike_in"]
    said.append(f"spike-in: the score rises with every share: {spike['score_rises']} (in {spike['rows_in_which_it_rises']} rows)")
    for each in spike["per_fraction"]:
        areas = ", ".join(
            f"{m} {each[f'auroc_{m}']:.2f}" for m in (*measure_names(), RATIO) if each.get(f"auroc_{m}") is not None
        )
        said.append(f"  {100 * each['fraction']:g} %: score {each['score']:.3f}" + (f"; AUROC {areas}" if areas else ""))
    return said


def main() -> int:
    """Run all rows, write metrics.json, tables and figures, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/bbbc013"))
    parser.add_argument("--out", type=Path, default=Path("bbbc013"))
    parser.add_argument("--rows", nargs="+", help="rows to leave out, one after the other; all where not given")
    parser.add_argument("--steps", type=int, default=120, help="training steps of every model")
    parser.add_argument("--draws", type=int, default=5, help="mixtures of every share of spiked cells")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--label-smoothing",
        type=float,
        default=0.0,
        help="0 as in the preset fast: scores are near 0 or 1; 0.1 as in the paper's recipe: they are not (default: 0)",
    )
    parser.add_argument(
        "--dilution",
        type=float,
        default=0.5,
        help="share of the training sets into which negative cells are mixed (default: 0.5)",
    )
    options = parser.parse_args()
    plate = open_plate(options.data, roles={"Channel2": "nucleus"}, plate_map=options.data / "plate_map.csv")
    rows = options.rows or sorted({name[0] for name in plate.wells})
    start = time.perf_counter()
    wells, cells, spiked = [], [], []
    for number, row in enumerate(rows):
        model = train_without(row, options)
        of_row, controls, of_cells = score_row(row, plate, model, options.out / f"row_{row}")
        wells.append(of_row)
        cells.append(of_cells)
        mixed = spike_in(model, controls[NEGATIVE], controls[POSITIVE], options.seed, options.draws)
        spiked.append(mixed.assign(row=row))
        print(f"row {row} left out ({number + 1} of {len(rows)}), {time.perf_counter() - start:.0f} s", flush=True)
    all_wells, all_cells, all_spiked = (pd.concat(parts, ignore_index=True) for parts in (wells, cells, spiked))
    judged = {name: judge(all_wells, name, options.seed) for name in ("score", "ratio")}
    found = {
        "rows": rows,
        "steps": options.steps,
        "seed": options.seed,
        "label_smoothing": options.label_smoothing,
        "dilution": options.dilution,
        "fractions": list(FRACTIONS),
        **{name: figures for name, (figures, _) in judged.items()},
        "cells": per_cell(all_cells),
        "spike_in": spike_summary(all_spiked),
        "seconds": round(time.perf_counter() - start, 1),
    }
    write_json(options.out / "metrics.json", json.loads(json.dumps(found).replace("NaN", "null")))
    for name, table in (("wells", all_wells), ("cells", all_cells), ("spike_in", all_spiked)):
        table.to_csv(options.out / f"{name}.csv", index=False)
    draw_all(all_wells, {name: fit for name, (_, fit) in judged.items()}, all_cells, all_spiked, options.out)
    for line in lines(found):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
