"""Simulated screens, drawn, trained on, scored and evaluated by the commands that users have; what came out beside its limit.

    python benchmarks/evaluation/screens.py confirmation --work DIR --all-baselines --network-steps 1200
    python benchmarks/evaluation/screens.py cardiotox easy hard --work DIR --seeds 0 1 2

A screen is two plates to learn from, 120 compounds at three doses, a replicate on each plate of another batch, and plates of 120
other compounds to be judged on. What is in DIR already is used again, so that a run that was stopped goes on. DIR/summary.json
holds what came out so far, with the limits; that one is missed is told, and is no error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from _screens_summary import LEAST_ACCURACY, lines, summary

CHEAP = ("cell_count", "mean_intensity", "well_position", "mean_pooled", "gated_attention_mil")
DEAR = ("gated_attention_encoder", "single_cell", "cellprofiler")
#: Sets of 32 cells: with 12 many a set of a toxic bag holds no cell that responded. No label smoothing: with it, the network
#: keeps scores from becoming too sure by looking at healthy cells, and relevance turns around (docs/training.md).
TRAINING = ("--backbone", "resnet10t", "--width", "64", "--set-size", "32", "--sets-per-step", "8")
TRAINING += ("--learning-rate", "1e-3", "--label-smoothing", "0")
LABEL = ("--label", "toxicity", "--classes", "nontoxic", "toxic")
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Screen:
    """How plates are drawn, which ones as (name, seed, batch), how they are trained on and judged, and the least asked for."""

    drawing: tuple[str, ...]
    learned: tuple[tuple[str, int, int], ...]
    judged: tuple[tuple[str, int, int], ...]
    steps: int
    training: tuple[str, ...] = ("--slice-size", "64")
    judging: tuple[str, ...] = ()
    least_accuracy: float | None = None
    least_auroc: float | None = None
    #: The first of the compounds that are learned from, and of those that are judged.
    compounds: tuple[int, int] = (1, 201)


_TRAIN, _TEST = (("train_a", 11, 0), ("train_b", 12, 1)), (("test_a", 21, 0), ("test_b", 22, 2))
# all compounds quench dyes, so that a cell must be judged beside the others of its well: sets are of one well
_CARDIOTOX = Screen(
    ("--preset", "cardiotox", "--quenching", "1"),
    _TRAIN,
    _TEST,
    1200,
    ("--slice-size", "48", "--bag", "well"),
    # at the lower doses few cells respond, so that the mean over doses of a toxic compound is often below 0.5
    ("--fit-threshold",),
    least_accuracy=LEAST_ACCURACY,
)
SCREENS = {
    "cardiotox": _CARDIOTOX,
    # nothing of it was chosen after its plates were drawn (README.md)
    "confirmation": replace(
        _CARDIOTOX,
        learned=(("train_a", 13, 0), ("train_b", 14, 1)),
        judged=(("test_a", 23, 0), ("test_b", 24, 2)),
        compounds=(401, 601),
    ),
    "unquenched": Screen(("--preset", "cardiotox"), _TRAIN, _TEST, 700, least_accuracy=LEAST_ACCURACY),
    "easy": Screen(("--preset", "easy"), (("train_a", 31, 0), ("train_b", 32, 1)), (("test", 41, 0),), 300, least_auroc=0.95),
    "hard": Screen(("--preset", "hard"), (("train_a", 51, 0), ("train_b", 52, 1)), (("test", 61, 2),), 1500, least_auroc=0.85),
}


def main() -> int:
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    _simulate(options)
    if options.only_simulate:
        return 0
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.screens}
    failed: list[str] = []

    def screen(name: str) -> None:
        try:
            _screen(name, options, found[name], lambda: _write(options, found))
        except subprocess.CalledProcessError as error:  # the other screens go on
            failed.append(f"{name}: napari-mid {error.cmd[3]} ended with {error.returncode}")

    with ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(screen, options.screens))
    print(_write(options, found), flush=True)
    for name, records in found.items():
        print("\n".join(lines(name, records)))
    print("\n".join(failed))
    return 1 if failed else 0


def _write(options: argparse.Namespace, found: dict[str, list[dict[str, Any]]]) -> str:
    """Write what was found so far; the text."""
    text = json.dumps({"machine": _machine(), "command": " ".join(sys.argv[1:]), "screens": found})
    (options.work / "summary.json").write_text(text + "\n", encoding="utf-8")
    return text


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("screens", nargs="+", choices=sorted(SCREENS))
    parser.add_argument("--work", type=Path, required=True, help="folder for plates, models and results")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="of the trainings; baselines are trained beside the first (default: 0)"
    )
    parser.add_argument("--all-baselines", action="store_true", help=f"also {', '.join(DEAR)}: an hour on two cores")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--only-simulate", action="store_true", help="draw the plates and stop")
    parser.add_argument("--checks", action="store_true", help="the controls of the evaluation, too")
    parser.add_argument("--set-sizes", action="store_true", help="sets of every size, too")
    parser.add_argument("--wells", type=int, default=384, help="wells of a plate; fewer to try the script (default: 384)")
    parser.add_argument("--steps", type=int, help="training steps; fewer to try the script (default: those of the screen)")
    parser.add_argument("--network-steps", type=int, default=1000, help="of the baselines that are networks (default: 1000)")
    parser.add_argument(
        "--at-once",
        type=int,
        default=max(1, CORES // 4),
        help="screens that are trained and evaluated side by side (default: one for four cores)",
    )
    return parser.parse_args()


def _simulate(options: argparse.Namespace) -> None:
    """Draw the plates that are not there, as many at once as there are cores: a plate keeps one core busy, and a little more."""
    commands = []
    for name in options.screens:
        screen = SCREENS[name]
        for first, plates in zip(screen.compounds, (screen.learned, screen.judged), strict=True):
            for plate, seed, batch in plates:
                where = (*screen.drawing, "--seed", seed, "--first-compound", first, "--batch", batch)
                # a field of 360 px at 0.6 µm holds some 30 cells
                drawn = ("--wells", options.wells, "--doses", "3", "--fields", "1", "--field-px", "360")
                if not (options.work / name / plate).exists():
                    commands.append(("simulate", options.work / name / plate, *drawn, *where))
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(lambda command: _run(*command, threads=1), commands))


def _screen(name: str, options: argparse.Namespace, records: list[dict[str, Any]], keep: Callable[[], object]) -> None:
    """Train with every seed and evaluate; baselines, which cost more than the model, are trained beside the first alone."""
    baselines = CHEAP + (DEAR if options.all_baselines else ())
    for seed in options.seeds:
        records.append(_evaluated(name, options, seed, baselines if seed == options.seeds[0] else ()))
        keep()


def _evaluated(name: str, options: argparse.Namespace, seed: int, baselines: Sequence[str]) -> dict[str, Any]:
    screen, work = SCREENS[name], options.work / name
    learned, judged = ([work / plate for plate, _, _ in plates] for plates in (screen.learned, screen.judged))
    model, out = work / f"model_{seed}", work / f"evaluation_{seed}"
    device, seconds = ("--device", options.device), {}
    if not model.exists():
        kind = (*LABEL, "--channels", "Hoechst 33342", "CM-H2DCFDA", "TMRM", "--steps", options.steps or screen.steps)
        kind += (*TRAINING, *screen.training, *device, "--seed", seed)
        seconds["train"] = _run("train", *learned, *kind, "--resume", "--out", model)
    if not _is_evaluated(out, baselines, options, screen):
        asked = (*LABEL, *screen.judging, "--model", model, *device, "--network-steps", options.network_steps, "--seed", seed)
        asked += ("--baselines", *baselines) if baselines else ()
        asked += tuple(word for word, is_asked in (("--checks", options.checks), ("--set-sizes", options.set_sizes)) if is_asked)
        seconds["evaluate"] = _run("evaluate", *learned, *judged, *asked, "--out", out)
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    limits = {"least_accuracy": screen.least_accuracy, "least_auroc": screen.least_auroc}
    return {"seed": seed, "seconds": seconds, **summary(found, **limits)}


def _is_evaluated(out: Path, baselines: Sequence[str], options: argparse.Namespace, screen: Screen) -> bool:
    """Whether an evaluation with all that is asked for is there already."""
    try:
        asked = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["settings"]
    except OSError:
        return False
    enough = set(baselines) <= set(asked["baselines"]) and options.network_steps == asked["network_steps"]
    enough = enough and asked.get("fit_threshold", False) == ("--fit-threshold" in screen.judging)
    return enough and asked["checks"] >= options.checks and asked["set_sizes"] >= options.set_sizes


def _run(*command: object, threads: int | None = None) -> float:
    """Run a command of the package, found as this Python finds it, with `threads` for matrices; how long it took in seconds."""
    words, started = [str(word) for word in command], time.perf_counter()
    limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    print("napari-mid", " ".join(words), flush=True)
    subprocess.run([sys.executable, "-m", "napari_mid.cli", *words], check=True, env=os.environ | limit)
    taken = time.perf_counter() - started
    print(f"{taken:.0f} s: napari-mid {' '.join(words[:2])} ... {words[-1]}", flush=True)
    return round(taken, 1)


def _machine() -> dict[str, Any]:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cores": CORES, "gpu": gpu, "python": platform.python_version(), "torch": torch.__version__}


if __name__ == "__main__":
    sys.exit(main())
