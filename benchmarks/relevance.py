"""Is relevance true? Measures of relevance as detectors of responding cells on a simulated plate with per-cell truth.

    .venv/bin/python benchmarks/relevance.py [--model FOLDER] [--plate FOLDER] [--wells 24] [--fields 2] [--json]

Draws a plate (or takes one that `napari-mid simulate` drew), scores its wells, and matches the located nuclei with the truth by
position. Prints, per measure, AUROC and AUPRC as a detector of cells that responded, averaged over the wells with responders
(AUPRC beside the share of responders, which chance reaches): over those that are called positive, and over the others, where a
measure without a sign may well point at the healthy cells. Then the areas of the deletion and insertion curves of the wells
called positive, and how relevance behaves where nobody responded, in the negative controls: it should be flat.

The demo model has never seen the compounds of this plate.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from napari_mid.cli.common import run_with_bar
from napari_mid.evaluation.attention import MATCH_UM, enough, match_truth
from napari_mid.inference.measures import DEFAULT, measure_names
from napari_mid.inference.result import WellResult
from napari_mid.inference.trust_settings import TrustSettings
from napari_mid.model.folder import demo_model_path, load_model
from napari_mid.plates import open_plate
from napari_mid.simulation.plate import TRUTH, simulate_steps
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.workflow.relevance import is_control
from napari_mid.workflow.score_plate import PlateResult, score_plate_steps


@dataclass(frozen=True)
class MeasureRow:
    """A measure as a detector of responding cells, over the wells that have some."""

    measure: str
    called: str
    wells: int
    cells: int
    auroc: float
    auroc_worst: float
    auprc: float
    auprc_chance: float


def score(plate: Path, model: Path) -> PlateResult:
    """Score all wells of the simulated plate, with every measure and curves by attention."""
    opened = open_plate(plate, plate_map=plate / "plate_map.csv")
    wanted = TrustSettings(measures=tuple(measure_names()), curves=DEFAULT)
    return run_with_bar(score_plate_steps(opened, opened.select_wells(None), load_model(model), trust=wanted))


def matched(result: WellResult, truth: pd.DataFrame, pixel_size_um: float) -> pd.DataFrame:
    """The cells of `result` that are true cells, with the truth's columns."""
    true = truth[truth["Metadata_Well"] == result.well].reset_index(drop=True)
    rows = match_truth(result.cells, true, MATCH_UM / pixel_size_um)
    known = true.iloc[rows[rows >= 0]][["responded", "state"]].reset_index(drop=True)
    return pd.concat([result.cells[rows >= 0].reset_index(drop=True), known], axis=1).astype({"responded": bool})


def column(name: str) -> str:
    return "relevance" if name == DEFAULT else f"relevance_{name}"


def judge(name: str, called: str, wells: list[pd.DataFrame]) -> MeasureRow:
    """AUROC and AUPRC of the measure, a mean over wells."""
    aurocs, auprcs, shares, n_cells = [], [], [], 0
    for cells in wells:
        values: NDArray[np.float64] = cells[column(name)].to_numpy(dtype=float)
        responded = cells["responded"].to_numpy(dtype=bool)
        aurocs.append(roc_auc_score(responded, values))
        auprcs.append(average_precision_score(responded, values))
        shares.append(responded.mean())
        n_cells += len(cells)
    worst = min(aurocs, default=math.nan)
    return MeasureRow(name, called, len(wells), n_cells, _mean(aurocs), float(worst), _mean(auprcs), _mean(shares))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def flatness(results: list[WellResult], titles: str) -> str:
    """How unequal relevance is in these wells."""
    spread = _mean([float(result.cells["relevance"].std()) for result in results])
    top = _mean([float(result.cells["relevance"].max()) for result in results])
    effective = _mean([result.trust.effective_cells / result.n_cells for result in results])
    return (
        f"{titles}: {len(results)} wells, sd of relevance {spread:.2f}, largest {top:.1f}, effective cells "
        f"{100 * effective:.0f} % of all, rank stability {_mean([result.trust.rank_stability for result in results]):.2f}"
    )


def lines(found: PlateResult, truth: pd.DataFrame) -> Iterator[str | MeasureRow]:
    """What there is to say, a line or row at a time."""
    pixel_size_um = found.plate.pixel_size_um or 1.0
    cells = {result.well: matched(result, truth, pixel_size_um) for result in found.results}
    n_located = sum(result.n_cells for result in found.results)
    yield f"{sum(map(len, cells.values()))} of {n_located} located nuclei are true ones, of {len(truth)}"
    responding = {well: table for well, table in cells.items() if enough(table["responded"].to_numpy(dtype=bool))}
    calls = {result.well: result.call for result in found.results}
    for called in ("positive", "other"):
        chosen = [table for well, table in responding.items() if (calls[well] == "positive") == (called == "positive")]
        for name in measure_names():
            yield judge(name, called, chosen)
    positive = [result for result in found.results if result.call == "positive"]
    yield (
        f"called positive: {len(positive)} wells, area deletion {_mean([r.trust.deletion_area for r in positive]):.3f}, "
        f"insertion {_mean([r.trust.insertion_area for r in positive]):.3f} (by {DEFAULT}; 0 is random order)"
    )
    yield flatness(positive, "called positive")
    yield flatness([r for r in found.results if is_control(found.plate.wells[r.well])], "negative controls")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model_path())
    parser.add_argument("--plate", type=Path, help="a simulated plate; one is drawn where not given")
    parser.add_argument("--wells", type=int, default=24)
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--preset", default="cardiotox")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        plate = options.plate or Path(temporary) / "plate"
        if options.plate is None:
            drawn = SimulationSettings(preset=options.preset, wells=options.wells, fields=options.fields, seed=options.seed)
            run_with_bar(simulate_steps(plate, drawn))
        start = time.perf_counter()
        found = score(plate, options.model)
        said = list(lines(found, pd.read_parquet(plate / TRUTH)))
    rows = [line for line in said if isinstance(line, MeasureRow)]
    if options.json:
        print(json.dumps({"measures": [asdict(row) for row in rows], "notes": [line for line in said if isinstance(line, str)]}))
        return 0
    for line in said:
        if isinstance(line, str):
            print(line)
            continue
        auroc, auprc = (
            f"{line.auroc:.3f} (worst well {line.auroc_worst:.3f})",
            f"{line.auprc:.3f} (chance {line.auprc_chance:.3f})",
        )
        called = f"called {line.called}"
        print(f"{called:>15} {line.measure:>14}: AUROC {auroc}, AUPRC {auprc}, {line.wells} wells, {line.cells} cells")
    spent = ", ".join(f"{step} {seconds:.1f}" for step, seconds in found.run["seconds"].items())
    print(f"{time.perf_counter() - start:.0f} s ({spent})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
