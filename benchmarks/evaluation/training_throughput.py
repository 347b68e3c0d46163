"""Slices a second of the training loop beside those of the bare network: forward, backward and optimiser on ready batches.

    python benchmarks/evaluation/training_throughput.py --preset fast --slice-size 48

Slices are read from files in random order, turned, and looked at in sets, as ``napari-mid train`` does; the bare network has one
batch in memory, in the same precision. Both take turns in one process, since other programs may share the machine. The loop is to
reach 0.85 of the bare network or more.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from napari_mid.cells.device import device_label, pick_device
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.network import MidModel
from napari_mid.settings import add_options, from_options
from napari_mid.training.bags import LabelledBags
from napari_mid.training.loop import train_steps
from napari_mid.training.precision import autocast, settled
from napari_mid.training.settings import PRESETS, TrainingSettings
from napari_mid.training.slices import Slices

WELLS, CELLS, CHANNELS = 24, 100, 3
#: Share of the bare network's speed that the loop is to reach.
WANTED = 0.85


def bags_in(folder: Path, settings: TrainingSettings) -> LabelledBags:
    """Random slices in a file for each of some wells, and every well a bag."""
    rng = np.random.default_rng(0)
    parts = []
    for well in range(WELLS):
        shape = (CELLS, settings.slice_size, settings.slice_size, CHANNELS)
        path = folder / f"{well}.npy"
        np.save(
            path,
            (rng.random(shape) * 255).astype(np.uint8)
            if settings.slice_type == "uint8"
            else rng.random(shape, np.float32).astype(np.float16),
        )
        parts.append((path, CELLS))
    names = tuple(map(str, range(WELLS)))
    return LabelledBags(
        slices=Slices(parts),
        bag_of_cell=np.repeat(np.arange(WELLS), CELLS),
        names=names,
        groups=names,
        labels=np.arange(WELLS) % 2,
        classes=("no", "yes"),
        split_unit="well",
    )


def network(settings: TrainingSettings) -> MidModel:
    """A network of its own for each of the two."""
    channels = tuple(ModelChannel(f"channel {number}", "other") for number in range(CHANNELS))
    torch.manual_seed(0)
    return MidModel(
        ModelConfig(
            "benchmark", "benchmark", ("no", "yes"), channels, settings.slice_size,
            backbone=settings.backbone, width=settings.width, heads=settings.heads,
        )
    )  # fmt: skip


def bare_step(settings: TrainingSettings, device: torch.device) -> Callable[[], None]:
    """A step of the network on a batch that is ready."""
    model = network(settings).to(device).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, fused=True)
    precision = settled(settings.precision, device)
    b, n, size = settings.sets_per_step, settings.set_size, settings.slice_size
    sets = torch.rand(b, n, size, size, CHANNELS, device=device).permute(0, 1, 4, 2, 3)
    labels = torch.arange(b, device=device) % 2

    def step() -> None:
        with autocast(device, precision):
            logits = model(sets)
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def timed(step: Callable[[], object], n: int, device: torch.device) -> float:
    """Seconds of `n` steps."""
    start = time.perf_counter()
    for _ in range(n):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="fast")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=12, help="turns that each of the two takes")
    parser.add_argument("--steps-a-round", type=int, default=2)
    add_options(parser, TrainingSettings)
    options = parser.parse_args()
    turns, per_turn = options.rounds, options.steps_a_round
    settings = from_options(TrainingSettings, options, **{**PRESETS[options.preset], "steps": (turns + 2) * per_turn})
    device = pick_device(options.device)
    per_step = settings.sets_per_step * settings.set_size
    with tempfile.TemporaryDirectory() as folder:
        bags = bags_in(Path(folder), settings)
        steps: Iterator[object] = train_steps(network(settings), bags, np.ones(WELLS, bool), settings, device)
        ready = bare_step(settings, device)
        seconds: dict[str, list[float]] = {"bare": [], "loop": []}
        for turn in range(turns + 1):
            once = {"bare": timed(ready, per_turn, device), "loop": timed(lambda: next(steps), per_turn, device)}
            if turn:  # the first turn of each pays for warming up
                for name, value in once.items():
                    seconds[name].append(value)
        steps.close()  # type: ignore[attr-defined]
    speed = {name: per_turn * per_step / statistics.median(values) for name, values in seconds.items()}
    ratio = statistics.median(bare / loop for bare, loop in zip(seconds["bare"], seconds["loop"], strict=True))
    precision = settled(settings.precision, device)
    print(f"{settings.backbone}, D {settings.width}, {settings.slice_size} px, {precision}, {device_label(device)}")
    print(f"bare forward, backward and optimiser: {speed['bare']:.0f} slices/s")
    print(f"training loop: {speed['loop']:.0f} slices/s")
    print(f"ratio (median of {turns} turns): {ratio:.2f}, wanted {WANTED}")
    return 0 if ratio >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
