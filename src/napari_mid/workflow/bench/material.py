"""What the bench works on: one simulated well, and an untrained model of the paper's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.folder import save_model
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.simulation import harmony_writer
from napari_mid.simulation.assays import CARDIOTOX
from napari_mid.simulation.cells import draw_field
from napari_mid.simulation.plan import plan_plate
from napari_mid.simulation.settings import SimulationSettings

#: A confluent well of seven such fields has about 2,000 cells.
FIELDS, FIELD_PX = 7, 1080
#: The large well that memory is measured on: so many fields, each of 2 x 2 of the smaller ones.
LARGE_FIELDS = 9


def drawn_plates(folder: Path) -> Steps[tuple[Path, Path]]:
    """The plates in `folder`, drawn where they are not there: a well of about 2,000 cells, and one of nine fields of 2,160 px."""
    settings = SimulationSettings(wells=6, fields=FIELDS, field_px=FIELD_PX)
    large = SimulationSettings(wells=6, fields=LARGE_FIELDS, field_px=2 * FIELD_PX)
    plan = plan_plate(settings)[0]
    places = folder / "plate", folder / "large"
    if all((place / harmony_writer.INDEX).is_file() for place in places):
        return places
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for field in range(1, FIELDS + 1):
        yield Progress("drawing a well", field - 1, FIELDS, f"field {field}")
        image = draw_field(plan, field, settings).image
        harmony_writer.write_field(places[0], plan, field, image)
        for copied in range(field, LARGE_FIELDS + 1, FIELDS):
            harmony_writer.write_field(places[1], plan, copied, np.tile(image, (1, 2, 2)))
    harmony_writer.write_index(places[0], [plan], settings)
    harmony_writer.write_index(places[1], [plan], large)
    return places


def untrained_model(folder: Path, seed: int = 0) -> Path:
    """Save an untrained ResNet-18 model for three channels and slices of 96 px; gives its folder."""
    torch.manual_seed(seed)
    wanted = ("nucleus", "ros", "mmp")
    channels = tuple(ModelChannel(stain.name, stain.role) for stain in CARDIOTOX.stains if stain.role.lower() in wanted)
    model = MidModel(ModelConfig("untrained", "bench", ("negative", "positive"), channels, simulated=True)).eval()
    return save_model(model, folder / "model", card="Untrained weights, to measure times.", metrics={})
