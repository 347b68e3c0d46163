"""Plates that were scored, as `napari-mid score` left them on disk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import MidError
from napari_mid.evaluation.units import PLATE, WELL, EvaluationError
from napari_mid.images.flat_field import estimate_flat_fields
from napari_mid.inference.settings import ScoringSettings
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import Steps

WELLS, CELLS, RUN = "wells.csv", "cells.parquet", "run.json"
#: Columns of the probabilities of the classes, where a model has more than two, begin so.
PROBABILITY = "probability_"
CENTRE = ["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]
SITE, AREA = "Metadata_Site", "Nuclei_AreaShape_Area"


@dataclass(frozen=True)
class ScoredPlate:
    """The tables of one scored plate, and its images where they are still there.

    Parameters
    ----------
    folder
        Where the tables are.
    wells, cells
        A row per well and per cell that had a part in the score.
    run
        The run record.
    plate
        The plate as it was read for scoring; None where it cannot be opened.
    no_plate
        Why, in a sentence.
    """

    folder: Path
    wells: pd.DataFrame
    cells: pd.DataFrame
    run: Mapping[str, Any]
    plate: Plate | None
    no_plate: str = ""

    @property
    def name(self) -> str:
        """The plate's name."""
        return str(self.run["plate"]["name"])

    @property
    def model_hash(self) -> str:
        """Which model scored it."""
        return str(self.run["model"]["hash"])

    @property
    def scoring(self) -> ScoringSettings:
        """What it was scored with."""
        known = {field.name for field in dataclasses.fields(ScoringSettings)}
        return ScoringSettings(**{name: value for name, value in self.run["settings"]["scoring"].items() if name in known})

    def cells_of(self, well: str) -> pd.DataFrame:
        """The cells of a well, field by field."""
        return self.cells[self.cells[WELL] == well].sort_values(SITE, kind="stable").reset_index(drop=True)

    def nuclei_of(self, well: str) -> dict[int, Nuclei]:
        """The same as nuclei, by field."""
        found = {}
        for site, cells in self.cells_of(well).groupby(SITE):
            area = cells[AREA].to_numpy(dtype=float)
            centres = cells[CENTRE].to_numpy(dtype=float)
            found[int(str(site))] = Nuclei(well, int(str(site)), centres, area, np.full(len(area), np.nan), "results")
        return found


def is_results(path: Path | str) -> bool:
    """Whether `path` is a folder that `napari-mid score` wrote."""
    return (Path(path) / WELLS).is_file() and (Path(path) / RUN).is_file()


def read_scored_steps(folder: Path, plate: Plate | None = None) -> Steps[ScoredPlate]:
    """Read the folder that `napari-mid score` wrote; `plate` is its plate where it is open already.

    Raises
    ------
    EvaluationError
        If a file is absent or damaged.
    """
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        wells = pd.read_csv(folder / WELLS, dtype={WELL: str, "compound": object})
        cells = pd.read_parquet(folder / CELLS)
        wanted = run["model"]["hash"], run["plate"]["name"], run["settings"]["scoring"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise EvaluationError(f"{folder} is no folder of results that can be read ({reason}); score the plate again.") from error
    lacking = [column for column in (PLATE, WELL, "score") if column not in wells]
    if lacking or not wanted[0]:
        raise EvaluationError(f"{folder / WELLS} has no column {', '.join(lacking)}; score the plate again.")
    if "excluded" in cells:
        cells = cells[~cells["excluded"].astype(bool)]
    missing = ""
    if plate is None:
        try:
            plate = yield from _reopened(run)
        except (MidError, OSError) as error:
            missing = f"the images of plate {run['plate']['name']} cannot be opened: {error}"
    return ScoredPlate(folder, wells, cells, run, plate, missing)


def _reopened(run: Mapping[str, Any]) -> Steps[Plate]:
    """The plate of a run record, read as it was then."""
    facts, roles = run["settings"]["reading"], run["settings"]["roles"]
    plate = open_plate(run["plate"]["path"])
    # a model may have seen fewer channels under other roles; those of the record are the ones that were used
    plate = plate.with_channels(
        dataclasses.replace(channel, role=roles.get(channel.name, channel.role)) for channel in plate.channels
    )
    time, z = (facts[name] if isinstance(facts[name], int) else None for name in ("time_point", "focal_plane"))
    flat_field = str(facts["flat_field"])
    reading = dataclasses.replace(plate.reading, time=time, z=z, flat_field=flat_field, flat_fields=())
    plate = plate.with_reading(reading)
    if flat_field == "estimated":
        plate = yield from estimate_flat_fields(plate)
    return plate


def check_together(plates: Sequence[ScoredPlate]) -> None:
    """Raise `EvaluationError` where plates cannot be judged as one: other models, or a well twice."""
    models = {plate.model_hash: str(plate.run["model"]["name"]) for plate in plates}
    if len(models) > 1:
        named = ", ".join(f"{name} ({number})" for number, name in models.items())
        raise EvaluationError(
            f"The results come from {len(models)} models: {named}; evaluate each by itself, "
            "or give --several-models where they differ in their seed only."
        )
    wells = pd.concat([plate.wells[[PLATE, WELL]] for plate in plates])
    twice = wells[wells.duplicated()]
    if len(twice):
        plate, well = twice.iloc[0]
        raise EvaluationError(f"{len(twice)} wells are there twice, such as {well} of plate {plate}: give every result once.")


def probability_columns(wells: pd.DataFrame) -> dict[str, str]:
    """Class to the column of its probability, where the wells have them."""
    return {column.removeprefix(PROBABILITY): column for column in wells.columns if column.startswith(PROBABILITY)}
