"""Simulated screens, drawn, trained on, scored and evaluated by the commands that users have; what came out beside its limit.

    python benchmarks/evaluation/screens.py cardiotox --work DIR
    python benchmarks/evaluation/screens.py easy hard --work DIR

A screen is two plates to learn from, 120 compounds at three doses, a replicate on each plate of another batch, and plates of 120
other compounds to be judged on. What is in DIR already is used again, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Drawn alike: a field of 360 px at 0.6 µm holds some 30 cells.
PLATE = ("--wells", "384", "--doses", "3", "--fields", "1", "--field-px", "360")
#: Compounds that are learned from, and those that are judged.
LEARNED, JUDGED = 1, 201
CHEAP = ("cell_count", "mean_intensity", "well_position", "mean_pooled", "gated_attention_mil")
DEAR = ("single_cell", "cellprofiler")
#: Sets of 32 cells: with 12 many a set of a toxic bag holds no cell that responded. No label smoothing: with it, the network
#: keeps scores from becoming too sure by looking at healthy cells, and relevance turns around (docs/training.md).
TRAINING = ("--slice-size", "64", "--backbone", "resnet10t", "--width", "64", "--set-size", "32", "--sets-per-step", "8")
TRAINING += ("--learning-rate", "1e-3", "--label-smoothing", "0")


@dataclass(frozen=True)
class Screen:
    """The plates of a screen as (name, seed, first compound, batch), the training steps, and the least AUROC of relevance."""

    learned: tuple[tuple[str, int, int], ...]
    judged: tuple[tuple[str, int, int], ...]
    steps: int
    least_auroc: float | None


SCREENS = {
    "cardiotox": Screen((("train_a", 11, 0), ("train_b", 12, 1)), (("test_a", 21, 0), ("test_b", 22, 2)), 700, None),
    "easy": Screen((("train_a", 31, 0), ("train_b", 32, 1)), (("test", 41, 0),), 300, 0.95),
    "hard": Screen((("train_a", 51, 0), ("train_b", 52, 1)), (("test", 61, 2),), 700, 0.85),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("screens", nargs="+", choices=sorted(SCREENS))
    parser.add_argument("--work", type=Path, required=True, help="folder for plates, models and results")
    parser.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    parser.add_argument("--all-baselines", action="store_true", help=f"also {' and '.join(DEAR)}, which take an hour")
    options = parser.parse_args()
    for name in options.screens:
        _show(name, _evaluated(name, options.work / name, options.seed, CHEAP + (DEAR if options.all_baselines else ())))
    return 0


def _evaluated(name: str, work: Path, seed: int, baselines: tuple[str, ...]) -> dict[str, Any]:
    screen = SCREENS[name]
    work.mkdir(parents=True, exist_ok=True)
    for first, plates in ((LEARNED, screen.learned), (JUDGED, screen.judged)):
        for plate, plate_seed, batch in plates:
            if not (work / plate).exists():
                where = ("--preset", name, "--seed", plate_seed, "--first-compound", first, "--batch", batch)
                _run("simulate", work / plate, *PLATE, *where)
    learned, judged = ([work / plate for plate, _, _ in plates] for plates in (screen.learned, screen.judged))
    model = work / f"model_{seed}"
    if not model.exists():
        kind = ("--label", "toxicity", "--classes", "nontoxic", "toxic", "--channels", "Hoechst 33342", "CM-H2DCFDA", "TMRM")
        _run("train", *learned, *kind, *TRAINING, "--steps", screen.steps, "--seed", seed, "--resume", "--out", model)
    out = work / f"evaluation_{seed}"
    asked = ("--label", "toxicity", "--classes", "nontoxic", "toxic", "--model", model, "--baselines", *baselines)
    _run("evaluate", *learned, *judged, *asked, "--out", out)
    content: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return content


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    print("napari-mid", " ".join(words), flush=True)
    subprocess.run([sys.executable, "-m", "napari_mid.cli", *words], check=True)


def _show(name: str, found: dict[str, Any]) -> None:
    print(json.dumps({"screen": name, **{key: found[key] for key in ("n", "metrics", "baselines") if key in found}}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
