"""How far do damaged cells lie from those that the demo model was trained on? The limits told in docs/relevance.md.

    .venv/bin/python benchmarks/distance.py [--wells 12] [--seed 3]

Draws a simulated plate, cuts the slices of its nuclei as scoring does, damages them in one way after the other, and prints the
median of their distances (1: the typical training cell) beside the one that 5 % of held-out cells exceed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from napari_mid.cells.slices import cut_slices
from napari_mid.cli.common import run_with_bar
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import estimate_intensity_range
from napari_mid.model.folder import demo_model_path, load_model
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.workflow.contract import fit
from napari_mid.workflow.detect import detect_well_steps

#: Pixels of a box that blurs, and the standard deviation of strong camera noise, as a share of the intensity range.
BLUR_PX, NOISE = 5, 0.2


def slices_of(plate: Plate, model: MidModel) -> Tensor:
    """All cells of `plate` (N, C, S, S) as `model` sees them."""
    channels = list(fit(plate, model).channels)
    intensity = run_with_bar(estimate_intensity_range(plate))
    low, high = zip(*(intensity.limits(channel) for channel in channels), strict=True)
    found = []
    for well in plate.wells:
        for number, nuclei in run_with_bar(detect_well_steps(plate, well)).items():
            pixels = torch.from_numpy(load_field(plate[well].fields[number], channels))
            found.append(cut_slices(pixels, nuclei.centroids, model.config.slice_px, low, high, model.config.normalisation))
    return torch.cat(found)


def damages(slices: Tensor) -> Mapping[str, Callable[[], Tensor]]:
    """What may be wrong with images, by name."""
    edge = slices.shape[-1]
    rng = torch.Generator().manual_seed(0)

    def without_second() -> Tensor:
        empty = slices.clone()
        empty[:, 1] = 0
        return empty

    def twice() -> Tensor:
        middle = slices[..., edge // 4 : edge - edge // 4, edge // 4 : edge - edge // 4]
        return interpolate(middle, size=(edge, edge), mode="bilinear", align_corners=False)

    return {
        "as they are": lambda: slices,
        "random noise": lambda: torch.rand(slices.shape, generator=rng),
        "inverted": lambda: 1 - slices,
        "strong camera noise": lambda: (slices + NOISE * torch.randn(slices.shape, generator=rng)).clamp(0, 1),
        "channels swapped": lambda: slices.flip(1),
        "second channel empty": without_second,
        "blurred": lambda: avg_pool2d(slices, BLUR_PX, 1, BLUR_PX // 2),
        "twice as large": twice,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wells", type=int, default=12)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    model = load_model(demo_model_path())
    known = model.reference
    assert known is not None
    with tempfile.TemporaryDirectory() as folder:
        plate = Path(folder) / "plate"
        drawn = SimulationSettings(preset="cardiotox", wells=options.wells, fields=1, seed=options.seed)
        run_with_bar(simulate_steps(plate, drawn))
        slices = slices_of(open_plate(plate), model)
    print(f"{len(slices)} cells; 5 % of held-out cells are farther than {known.far:.1f}")
    for name, damaged in damages(slices).items():
        with torch.inference_mode():
            distances = known.distances(torch.cat([model.encode(part) for part in damaged().split(256)]).numpy())
        print(f"{name:>22}: {np.median(distances):.1f}, {100 * (distances > known.far).mean():.0f} % are far")
    return 0


if __name__ == "__main__":
    sys.exit(main())
