"""Draws a plate and writes it whole or not at all."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mid import __version__
from napari_mid.errors import MidError
from napari_mid.files import atomic_folder, write_json
from napari_mid.progress import Progress, Steps
from napari_mid.settings import check
from napari_mid.simulation import harmony_writer, ome_zarr_writer
from napari_mid.simulation.cells import draw_field
from napari_mid.simulation.plan import WellPlan, plan_plate
from napari_mid.simulation.settings import SimulationSettings

if TYPE_CHECKING:
    import pandas as pd

PLATE_MAP = "plate_map.csv"
TRUTH = "truth.parquet"
WELL_TRUTH = "truth_wells.csv"
RECORD = "simulation.json"


class OutputFolderError(MidError):
    """The folder to write into holds something that is not ours to replace."""


def simulate_steps(out: Path, settings: SimulationSettings, *, overwrite: bool = False) -> Steps[Path]:
    """Draw a plate into the folder `out`.

    Parameters
    ----------
    out
        A folder that does not exist yet or is empty.
    settings
        What to draw.
    overwrite
        Replace `out` where it is a simulated plate; any other folder with content is refused.

    Returns
    -------
    Path
        `out`, with ``Images/Index.idx.xml`` or ``plate.zarr`` as the layout says, ``plate_map.csv``, ``truth.parquet`` (a row per
        nucleus), ``truth_wells.csv`` (a row per well) and ``simulation.json`` (the settings and the true dose response of every
        compound).

    Raises
    ------
    OutputFolderError
        If `out` may not be written.
    SettingsError
        If a setting is outside its range.
    """
    import pandas as pd

    check(settings)
    _check_free(out, overwrite)
    plans = plan_plate(settings)
    keys = [(plan, field) for plan in plans for field in range(1, settings.fields + 1)]
    with atomic_folder(out.resolve()) as folder:
        truth = []
        pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 8))
        try:
            drawn = [pool.submit(_draw_and_write, folder, plan, field, settings) for plan, field in keys]
            for done, (plan, field) in enumerate(keys):
                yield Progress("drawing fields", done, len(keys), f"{plan.well} field {field}")
                truth.append(drawn[done].result())
        finally:
            pool.shutdown(cancel_futures=True)
        if settings.layout == "harmony":
            harmony_writer.write_index(folder, plans, settings)
        else:
            ome_zarr_writer.write_index(folder, plans, settings)
        plate_map_table(plans, settings).to_csv(folder / PLATE_MAP, index=False)
        cells = pd.concat(truth, ignore_index=True)
        cells.to_parquet(folder / TRUTH, index=False)
        well_truth_table(plans, cells).to_csv(folder / WELL_TRUTH, index=False)
        write_json(folder / RECORD, _record(plans, settings))
    yield Progress("drawing fields", len(keys), len(keys), str(out))
    return out


def _draw_and_write(folder: Path, plan: WellPlan, field: int, settings: SimulationSettings) -> pd.DataFrame:
    drawn = draw_field(plan, field, settings)
    if settings.layout == "harmony":
        harmony_writer.write_field(folder, plan, field, drawn.image)
    else:
        ome_zarr_writer.write_field(folder, plan, field, drawn.image, settings)
    return drawn.truth


def plate_map_table(plans: Sequence[WellPlan], settings: SimulationSettings) -> pd.DataFrame:
    """The plate map: a row per well.

    ``toxicity`` (``mitotoxicity`` in the mitotox assay) is a property of the compound; ``effect`` says whether more than a tenth
    of the cells respond at this very dose.
    """
    import pandas as pd

    assay = settings.screen.assay

    return pd.DataFrame(
        {
            "well": [plan.well for plan in plans],
            "compound": [plan.compound.name for plan in plans],
            "concentration": [plan.concentration_um for plan in plans],
            "unit": "uM",
            "role": [plan.role for plan in plans],
            assay.column: [plan.compound.label for plan in plans],
            "effect": [assay.positive if plan.active else "no effect" for plan in plans],
            "replicate": [plan.replicate for plan in plans],
        }
    )


def well_truth_table(plans: Sequence[WellPlan], cells: pd.DataFrame) -> pd.DataFrame:
    """A row per well: which fraction of its cells was expected to respond or to change benignly, and which fractions did."""
    import pandas as pd

    of_well = cells.groupby("Metadata_Well")
    drawn = pd.DataFrame(
        {
            "n_cells": of_well.size(),
            "responded": of_well.responded.mean(),
            "benign": of_well.state.agg(lambda state: (state == "benign").mean()),
            "dead": of_well.state.agg(lambda state: (state == "dead").mean()),
            "artefact": of_well.artefact.mean(),
        }
    ).reindex([plan.well for plan in plans])
    drawn["n_cells"] = drawn.n_cells.fillna(0).astype(int)
    expected = pd.DataFrame(
        {
            "well": [plan.well for plan in plans],
            "expected_responding": [round(plan.responding, 4) for plan in plans],
            "expected_benign": [round(plan.compound.changed(plan.concentration_um), 4) for plan in plans],
        }
    )
    return pd.concat([expected, drawn.round(4).reset_index(drop=True)], axis=1)


def _record(plans: Sequence[WellPlan], settings: SimulationSettings) -> dict[str, object]:
    compounds = {plan.compound.name: dataclasses.asdict(plan.compound) for plan in plans}
    return {"napari_mid": __version__, "settings": dataclasses.asdict(settings), "compounds": compounds}


def _check_free(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputFolderError(f"{out} is a file; give the name of a folder to write the plate into.")
    if not any(out.iterdir()):
        return
    if not is_simulated_plate(out):
        raise OutputFolderError(f"{out} is not empty and not a simulated plate; give a new folder.")
    if not overwrite:
        raise OutputFolderError(f"{out} already holds a simulated plate; give a new folder, or --overwrite to replace it.")


def cell_count(folder: Path) -> int:
    """Number of nuclei in the truth of the simulated plate at `folder`."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(folder / TRUTH).num_rows)


def is_simulated_plate(folder: Path) -> bool:
    """Whether `folder` was written by `simulate_steps`."""
    written = harmony_writer.is_simulated(folder) or ome_zarr_writer.is_simulated(folder)
    return written and (folder / RECORD).is_file()
