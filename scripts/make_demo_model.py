"""Make a demo model that ships with the package: ``make demo-models``.

Draws two simulated plates, trains a small model on them and writes it to src/napari_mid/data. The plates' seeds and compounds
differ from those of the demo plates, so that a demo is scored on compounds and cells the model has not seen.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from napari_mid.cli.common import run_with_bar
from napari_mid.model.folder import DEMO_MODELS, METRICS, load_model, save_model
from napari_mid.plates import open_plate
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.training.settings import TrainingSettings
from napari_mid.workflow.train import train_model_steps

#: The demo plates hold compounds from 1.
FIRST_COMPOUND = 201
#: What the two models share, see docs/training.md; which precision `auto` means differs between machines.
SHARED = {"slice_size": 64, "width": 64, "heads": 8, "set_size": 32, "sets_per_step": 8, "label_smoothing": 0.0}
SHARED |= {"precision": "float32"}


@dataclass(frozen=True)
class Demo:
    """The plates of a demo model, what it learns from them, and what it is told to say."""

    preset: str
    seeds: tuple[int, int]
    label: str
    negative: str
    task: str
    training: TrainingSettings


DEMOS = {
    # lcnet_050 has 0.8 million weights
    "demo": Demo(
        "cardiotox",
        (21, 22),
        "effect",
        "no effect",
        "cardiotoxicity (simulated)",
        TrainingSettings(**SHARED, backbone="lcnet_050", steps=1200, learning_rate=2e-3),
    ),
    # five channels are too much for so small a network
    "demo-mitotox": Demo(
        "mitotox",
        (71, 72),
        "mitotoxicity",
        "inactive",
        "mitochondrial toxicity (simulated)",
        TrainingSettings(**SHARED, backbone="resnet10t", steps=500, learning_rate=1e-3),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(DEMOS))
    parser.add_argument("--out", type=Path, help="model folder (default: the one in the package)")
    parser.add_argument("--plates", type=Path, help="keep the training plates in this folder, or use those that are there")
    parser.add_argument("--seed", type=int, help="of the training (default: that of the model that ships)")
    options = parser.parse_args()
    demo = DEMOS[options.name]
    settings = demo.training if options.seed is None else replace(demo.training, seed=options.seed)
    # several threads add in another order, and after a thousand steps that is another model; other processors may still differ
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        plates = []
        for batch, seed in enumerate(demo.seeds):
            drawn = SimulationSettings(
                preset=demo.preset,
                wells=384,
                doses=3,
                fields=1,
                field_px=360,
                seed=seed,
                first_compound=FIRST_COMPOUND,
                batch=2 * batch,
            )
            folder = (options.plates or Path(temporary)) / drawn.plate_name
            if not (folder / "Images").exists():
                run_with_bar(simulate_steps(folder, drawn))
            plates.append(open_plate(folder))
        screen = drawn.screen
        trained = run_with_bar(
            train_model_steps(
                plates,
                options.out or DEMO_MODELS[options.name],
                label=demo.label,
                classes=[demo.negative, screen.assay.positive],
                channels=[stain.name for stain in screen.assay.stains if stain.role != "dead"],
                settings=settings,
                name=f"demo model ({demo.preset}), simulated cells",
                task=demo.task,
            )
        )
    _halve(trained.path)
    print(f"{trained.path}: {trained.metrics}, {trained.seconds:.0f} s")
    return 0


def _halve(folder: Path) -> None:
    """Store the weights with 16 bits: half the size in the wheel; a score changes by less than 0.001."""
    beside = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".png", ".csv"}}
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    model = load_model(folder)
    save_model(model.half(), folder, card=model.card, metrics=metrics, files=beside)


if __name__ == "__main__":
    sys.exit(main())
