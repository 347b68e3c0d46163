"""The main job on a real plate: train on the control wells of BBBC013, score the dose series, judge the scores.

    .venv/bin/python benchmarks/bbbc013.py --data ../shared/data/bbbc013 [--seeds 0 1 2]

Prints, per seed, Z' between the control wells, Spearman of score against dose over the sample wells, and seconds. The last line
is the same for the classical measure: GFP inside the nuclei divided by GFP in a ring around them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import map_coordinates
from scipy.stats import spearmanr

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cli import main as napari_mid
from napari_mid.evaluation.metrics import z_prime
from napari_mid.plates import open_plate

NUCLEUS, GFP = 1, 0


def judge(wells: pd.DataFrame) -> dict[str, float]:
    """Z' and Spearman of the column ``score``."""
    of_role = {role: wells.loc[wells["role"] == role] for role in ("negative_control", "positive_control", "sample")}
    samples = of_role["sample"]
    return {
        "z_prime": z_prime(of_role["positive_control"]["score"], of_role["negative_control"]["score"]),
        "spearman": float(spearmanr(samples["concentration"], samples["score"]).statistic),
    }


def mid_scores(data: Path, folder: Path, seed: int) -> tuple[pd.DataFrame, float, float]:
    """Train and score with the command line; gives wells.csv and the seconds of both."""
    common = ["--plate-map", str(data / "plate_map.csv")]
    train = ["train", str(data), *common, "--nucleus-channel", "Channel2", "--label", "role"]
    train += ["--classes", "negative_control", "positive_control", "--preset", "fast", "--slice-size", "48"]
    start = time.perf_counter()
    if napari_mid([*train, "--seed", str(seed), "--out", str(folder / "model")]):
        sys.exit(1)
    trained = time.perf_counter()
    if napari_mid(["score", str(data), *common, "--model", str(folder / "model"), "--out", str(folder / "scores")]):
        sys.exit(1)
    return pd.read_csv(folder / "scores" / "wells.csv"), trained - start, time.perf_counter() - trained


def classical_scores(data: Path) -> pd.DataFrame:
    """Per well, the median over cells of GFP in the nucleus by GFP in a ring at 1.6 radii."""
    plate = open_plate(data, roles={"Channel2": "nucleus"}, plate_map=data / "plate_map.csv")
    rows: list[dict[str, Any]] = []
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    for well in plate.wells.values():
        gfp, dna = well.fields[1].load([GFP, NUCLEUS]).astype(float)
        nuclei = detect_field(dna, well=well.name, field=1, settings=DetectionSettings(), device=torch.device("cpu"))
        radius = np.sqrt(nuclei.area_px / np.pi)[:, None]
        rings = {}
        for name, share in (("nucleus", 0.5), ("ring", 1.6)):
            y = nuclei.centroids[:, :1] + share * radius * np.sin(angles)
            x = nuclei.centroids[:, 1:] + share * radius * np.cos(angles)
            rings[name] = map_coordinates(gfp, [y, x], order=1, mode="nearest").mean(axis=1)
        score = float(np.median(rings["nucleus"] / np.maximum(rings["ring"], 1)))
        rows.append({"Metadata_Well": well.name, "score": score, **well.condition})
    return pd.DataFrame(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/bbbc013"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            wells, train_seconds, score_seconds = mid_scores(options.data, Path(folder), seed)
        found = judge(wells)
        print(
            f"MID, seed {seed}: Z' {found['z_prime']:.3f}, Spearman {found['spearman']:.3f}, "
            f"training {train_seconds:.0f} s, scoring {score_seconds:.0f} s"
        )
    found = judge(classical_scores(options.data))
    print(f"nucleus/cytoplasm ratio: Z' {found['z_prime']:.3f}, Spearman {found['spearman']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
