"""Make the demo model that ships with the package: ``make demo-model``.

Draws a simulated plate, trains a small model on it and writes it to src/napari_mid/data/demo_model. The plate's seed and
compounds differ from those of the demo plate, so that the demo is scored on cells the model has not seen.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from napari_mid.cli.common import run_with_bar
from napari_mid.model.folder import METRICS, demo_model_path, load_model, save_model
from napari_mid.plates import open_plate
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.training.settings import TrainingSettings
from napari_mid.workflow.train import train_model_steps

#: Not those of the demo plate (seed 0, compounds from 1).
SIMULATION = SimulationSettings(wells=96, fields=1, seed=2026, first_compound=101)
#: lcnet_050 has 0.8 million weights and reads 96 px slices five times as fast as resnet10t.
TRAINING = TrainingSettings(
    slice_size=96, backbone="lcnet_050", width=64, heads=8, steps=600, learning_rate=2e-3, sets_per_step=16, bag="compound_dose"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=demo_model_path())
    parser.add_argument("--plate", type=Path, help="keep the training plate here, or use the one that is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.plate or Path(temporary) / "training plate"
        if not (folder / "Images").exists():
            run_with_bar(simulate_steps(folder, SIMULATION))
        trained = run_with_bar(
            train_model_steps(
                [open_plate(folder)],
                options.out,
                label="effect",
                classes=["no effect", "toxic"],
                settings=TRAINING,
                name="demo model, simulated cells",
                task="cardiotoxicity (simulated)",
            )
        )
    _halve(trained.path)
    print(f"{trained.path}: {trained.metrics}, {trained.seconds:.0f} s")
    return 0


def _halve(folder: Path) -> None:
    """Store the weights with 16 bits: half the size in the wheel; a score changes by less than 0.001."""
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    model = load_model(folder)
    save_model(model.half(), folder, card=model.card, metrics=metrics)


if __name__ == "__main__":
    sys.exit(main())
