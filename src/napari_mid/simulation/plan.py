"""Which compound, at which dose, is in which well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_mid.plates.well_names import STANDARD_PLATES, well_name
from napari_mid.simulation.compounds import Compound, catalogue_compound, positive_control, vehicles
from napari_mid.simulation.settings import SimulationSettings

#: Doses of a series in micromolar, highest first.
DOSES_UM = (10.0, 3.33, 1.11, 0.37, 0.12, 0.04)
POSITIVE_DOSE_UM = 10.0

#: A well counts as active where more than this fraction of its cells is expected to respond.
ACTIVE_FRACTION = 0.1


@dataclass(frozen=True, slots=True)
class WellPlan:
    """The content of one well; `replicate` counts the wells of the same compound and dose from 1."""

    well: str
    row: int
    column: int
    compound: Compound
    concentration_um: float
    role: str
    replicate: int

    @property
    def responding(self) -> float:
        """Expected fraction of responding cells."""
        return self.compound.responding(self.concentration_um)

    @property
    def active(self) -> bool:
        """Whether enough cells respond at this dose for the well to look different."""
        return self.responding > ACTIVE_FRACTION


def plate_size(wells: int) -> tuple[int, int]:
    """(rows, columns) of the smallest standard plate with `wells` wells."""
    return next((rows, columns) for rows, columns in STANDARD_PLATES if rows * columns >= wells)


def plan_plate(settings: SimulationSettings) -> list[WellPlan]:
    """Fill the wells of a plate.

    Toxic and other compounds take turns with full dose series, then come the controls, then two shorter series, of a toxic and
    another compound, in the wells that are left. So every plate has vehicle wells, a positive control and compounds of both
    kinds. Which goes where is drawn with the seed, unless `settings` ask for the order above, row by row.
    """
    wells, replicates, screen = settings.wells, settings.replicates, settings.screen
    negative = max(2, round(0.82 * math.sqrt(wells)))
    positive = math.ceil(negative / 2)
    left = wells - negative - positive
    doses = DOSES_UM[: settings.doses]
    series_wells = len(doses) * replicates
    full = 2 * (left // (2 * series_wells))
    rest = left - full * series_wells
    first = settings.first_compound
    toxic_first = first + (first + 1) % 2  # odd numbers of the catalogue are toxic
    contents: list[tuple[Compound, float, str]] = []
    for i in range(full):
        contents += _series(catalogue_compound(toxic_first + i, screen), series_wells, doses, replicates)
    contents += [(vehicles(screen)[i % 2], 0.0, "negative_control") for i in range(negative)]
    contents += [(positive_control(screen), POSITIVE_DOSE_UM, "positive_control")] * positive
    for i, n in enumerate(((rest + 1) // 2, rest // 2)):
        contents += _series(catalogue_compound(toxic_first + full + i, screen), n, doses, replicates)
    places = np.arange(wells)
    if settings.placement == "random":
        np.random.default_rng([settings.seed, 3]).shuffle(places)
    return _placed(contents, places.tolist(), plate_size(wells)[1])


def _series(compound: Compound, wells: int, doses: Sequence[float], replicates: int) -> list[tuple[Compound, float, str]]:
    """A dose series that fills `wells` wells, with fewer doses, spread over the range, where they do not suffice."""
    if wells == 0:
        return []
    n_doses = min(len(doses), max(1, wells // replicates))
    chosen = [doses[round(i)] for i in np.linspace(0, len(doses) - 1, n_doses)]
    return [(compound, chosen[i % n_doses], "sample") for i in range(wells)]


def _placed(contents: Sequence[tuple[Compound, float, str]], places: Sequence[int], columns: int) -> list[WellPlan]:
    """The plans in the order of the wells; `places` is the number of the well, counted row by row, of each of `contents`."""
    seen: dict[tuple[str, float], int] = {}
    plan = []
    for place, (compound, dose, role) in zip(places, contents, strict=True):
        row, column = place // columns + 1, place % columns + 1
        replicate = seen[compound.name, dose] = seen.get((compound.name, dose), 0) + 1
        plan.append(WellPlan(well_name(row, column), row, column, compound, dose, role, replicate))
    return sorted(plan, key=lambda one: (one.row, one.column))
