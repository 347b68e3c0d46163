"""One field of view: its four images and the truth about every nucleus in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.simulation import camera, stains
from napari_mid.simulation.debris import debris_light
from napari_mid.simulation.monolayer import place_cells, spread_cells
from napari_mid.simulation.phenotypes import STATES, CellTraits, WellTraits, batch_shift, draw_cells
from napari_mid.simulation.plan import WellPlan
from napari_mid.simulation.settings import SimulationSettings

if TYPE_CHECKING:
    import pandas as pd

#: Cells are drawn this far outside the field, so that those at the border are cut.
MARGIN_UM = 30.0

#: Columns of the truth and their types; locations are in pixels from the centre of the first, areas in square pixels.
TRUTH_COLUMNS = {
    "Metadata_Plate": "str",
    "Metadata_Well": "str",
    "Metadata_Site": "int64",
    "Nuclei_Location_Center_X": "float64",
    "Nuclei_Location_Center_Y": "float64",
    "Nuclei_AreaShape_Area": "float64",
    "state": "str",
    "responded": "bool",
    "out_of_focus": "bool",
    "artefact": "bool",
    "phenotype_strength": "float64",
    "nucleus_cut": "bool",
}

#: A nucleus is in the truth where at least this share of it is in the field.
VISIBLE_SHARE = 0.2


@dataclass(frozen=True)
class SimulatedField:
    """`image` (C, Y, X) uint16 in the order of the stains; `truth` has a row per nucleus in the field."""

    image: NDArray[np.uint16]
    truth: pd.DataFrame


def draw_field(plan: WellPlan, field: int, settings: SimulationSettings) -> SimulatedField:
    """Draw one field of a well; the result depends on the settings, the well and the field number (from 1) alone."""
    pixel, screen = settings.pixel_size_um, settings.screen
    assay = screen.assay
    traits = np.random.default_rng([settings.seed, plan.row, plan.column, 0])
    well = WellTraits.draw(traits, screen, batch_shift(settings.seed, settings.batch, screen))
    rng = np.random.default_rng([settings.seed, plan.row, plan.column, field])
    margin = math.ceil(MARGIN_UM / pixel)
    canvas = settings.field_px + 2 * margin
    centres = place_cells(rng, canvas, settings.cells_per_px * well.density)
    light = np.zeros((len(assay.stains), settings.field_px, settings.field_px), dtype=np.float32)
    truth: dict[str, Any] = {}
    if len(centres):
        artefact = settings.artefact if plan.compound.toxic else 0.0
        cells = draw_cells(rng, len(centres), well, plan.compound, plan.concentration_um, screen, artefact)
        layer = spread_cells(rng, centres, cells.body_um, canvas, pixel)
        scene = stains.Scene(layer, stains.nucleus_patches(rng, layer, cells, pixel), cells, pixel)
        lights = [stains.LIGHTS[stain.role](rng, scene) for stain in assay.stains]
        if settings.artefact:
            lights[1] += stains.crystal_light(rng, scene)
        light = np.stack([camera.focus(sharp, defocused, margin, pixel) for sharp, defocused in lights])
        truth = _truth(scene.nuclei, cells, margin, settings.field_px)
    light += debris_light(rng, len(assay.stains), settings.field_px, pixel)
    levels = well.stain * np.exp(plan.compound.tint or np.zeros(len(assay.stains)))
    image = np.stack(
        [
            camera.expose(rng, light[i], stain, levels[i], camera.illumination(settings.seed, i, settings.field_px))
            for i, stain in enumerate(assay.stains)
        ]
    )
    return SimulatedField(image, _table(truth, plan.well, field, settings.plate_name))


def _truth(nuclei: stains.NucleusPatches, cells: CellTraits, margin: int, field_px: int) -> dict[str, Any]:
    """Centre and area of the part of every nucleus that is in the field, in pixels of the field, and what the cell is."""
    masks = nuclei.masks > 0.4
    index = np.arange(masks.shape[1])
    y = nuclei.corners[:, 0, None] + index - margin
    x = nuclei.corners[:, 1, None] + index - margin
    inside = ((y >= 0) & (y < field_px))[:, :, None] & ((x >= 0) & (x < field_px))[:, None, :]
    whole = masks.sum(axis=(1, 2))
    seen = masks & inside
    area = seen.sum(axis=(1, 2))
    kept = area > VISIBLE_SHARE * whole
    area = area[kept]
    return {
        "Nuclei_Location_Center_X": (seen[kept].sum(axis=1) * x[kept]).sum(axis=1) / area,
        "Nuclei_Location_Center_Y": (seen[kept].sum(axis=2) * y[kept]).sum(axis=1) / area,
        "Nuclei_AreaShape_Area": area.astype(float),
        "state": np.array(STATES)[cells.state[kept]],
        "responded": cells.responded[kept],
        "out_of_focus": cells.out_of_focus[kept],
        "artefact": cells.artefact[kept],
        "phenotype_strength": cells.strength[kept],
        "nucleus_cut": area < whole[kept],
    }


def _table(truth: dict[str, Any], well: str, field: int, plate: str) -> pd.DataFrame:
    import pandas as pd

    n = len(truth["state"]) if truth else 0
    columns = {"Metadata_Plate": [plate] * n, "Metadata_Well": [well] * n, "Metadata_Site": [field] * n, **truth}
    # a field without cells keeps the types of the columns
    return pd.DataFrame({name: columns.get(name, []) for name in TRUTH_COLUMNS}).astype(TRUTH_COLUMNS)
