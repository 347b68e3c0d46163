"""Which compound, at which dose, is in which well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_mid.plates.well_names import STANDARD_PLATES, well_name
from napari_mid.simulation.phenotypes import POSITIVE_CONTROL, VEHICLE, Compound, catalogue_compound

#: Doses of a series in micromolar, highest first.
DOSES_UM = (10.0, 3.33, 1.11, 0.37, 0.12, 0.04)
POSITIVE_DOSE_UM = 10.0

#: A well counts as active where more than this fraction of its cells is expected to respond.
ACTIVE_FRACTION = 0.2


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


def plan_plate(wells: int, replicates: int = 1, first_compound: int = 1) -> list[WellPlan]:
    """Fill `wells` wells row by row.

    Toxic and inactive compounds take turns with full dose series, then come the controls, then two shorter series, of a toxic
    and an inactive compound, in the wells that are left. So every plate has vehicle wells, a positive control and compounds of
    both kinds.
    """
    negative = max(2, round(0.82 * math.sqrt(wells)))
    positive = math.ceil(negative / 2)
    left = wells - negative - positive
    series_wells = len(DOSES_UM) * replicates
    full, rest = 2 * (left // (2 * series_wells)), left % (2 * series_wells)
    toxic_first = first_compound + (first_compound + 1) % 2  # odd numbers of the catalogue are toxic
    contents: list[tuple[Compound, float, str]] = []
    for i in range(full):
        contents += _series(catalogue_compound(toxic_first + i), series_wells, replicates)
    contents += [(VEHICLE, 0.0, "negative_control")] * negative
    contents += [(POSITIVE_CONTROL, POSITIVE_DOSE_UM, "positive_control")] * positive
    for i, n in enumerate(((rest + 1) // 2, rest // 2)):
        contents += _series(catalogue_compound(toxic_first + full + i), n, replicates)
    return _placed(contents, plate_size(wells)[1])


def _series(compound: Compound, wells: int, replicates: int) -> list[tuple[Compound, float, str]]:
    """A dose series that fills `wells` wells, with fewer doses, spread over the range, where they do not suffice."""
    if wells == 0:
        return []
    n_doses = min(len(DOSES_UM), max(1, wells // replicates))
    doses = [DOSES_UM[round(i)] for i in np.linspace(0, len(DOSES_UM) - 1, n_doses)]
    return [(compound, doses[i % n_doses], "sample") for i in range(wells)]


def _placed(contents: list[tuple[Compound, float, str]], columns: int) -> list[WellPlan]:
    seen: dict[tuple[str, float], int] = {}
    plan = []
    for i, (compound, dose, role) in enumerate(contents):
        row, column = i // columns + 1, i % columns + 1
        replicate = seen[compound.name, dose] = seen.get((compound.name, dose), 0) + 1
        plan.append(WellPlan(well_name(row, column), row, column, compound, dose, role, replicate))
    return plan
