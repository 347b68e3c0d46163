"""The cells that a model learns from, and to which bag, group and class they belong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import TrainingError
from napari_mid.plates.plate import Well
from napari_mid.plates.plate_map import WELL_ROLES
from napari_mid.training.slices import Slices

#: Roles that a plate map gives to control wells; they name no compound, so such wells are split by well.
CONTROL_ROLES = frozenset(WELL_ROLES)


@dataclass(frozen=True)
class LabelledBags:
    """Labelled cells, cut once.

    Parameters
    ----------
    slices
        Those of the M cells.
    bag_of_cell
        (M,) number of the bag of each cell.
    names, groups, labels
        Per bag: what it is, what it must not be split from (compound or well), and the number of its class.
    classes
        Names of the classes; the last one is the positive one.
    split_unit
        ``"compound"``, ``"well"`` or ``"plate"``: what the groups are.
    wells
        Per bag: the wells that it was cut from, as plate and name.
    """

    slices: Slices
    bag_of_cell: NDArray[np.int64]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    split_unit: str
    wells: tuple[tuple[str, ...], ...] = ()

    def cells_of(self, bag: int) -> NDArray[np.int64]:
        """Numbers of the cells of `bag`."""
        return np.flatnonzero(self.bag_of_cell == bag)


@dataclass(frozen=True, slots=True)
class Assignment:
    """To which class, group and bag a well belongs."""

    label: int
    group: str
    bag: str


def split_unit_of(wells: Sequence[Well], label: str, classes: Sequence[str], split: str = "auto") -> str:
    """What is kept on one side of the split as a whole: `split`, unless that is ``"auto"``.

    Then it is ``"compound"``, or ``"well"`` where the classes are control roles or a class has fewer than two compounds.
    """
    if split != "auto":
        return split
    if set(classes) <= CONTROL_ROLES:
        return "well"
    for name in classes:
        compounds = {well.condition.get("compound") for well in wells if _same(well.condition.get(label), name)}
        if len(compounds - {None}) < 2:
            return "well"
    return "compound"


def classes_of(wells: Sequence[Well], label: str) -> tuple[str, ...]:
    """The distinct values of the column `label`, sorted.

    Raises
    ------
    TrainingError
        If no well has such a column.
    """
    if not any(label in well.condition for well in wells):
        columns = sorted({column for well in wells for column in well.condition})
        raise TrainingError(f"The plate map has no column {label!r}; its columns are {', '.join(columns) or 'none'}.")
    return tuple(sorted({str(well.condition[label]) for well in wells if well.condition.get(label) is not None}))


def assign(well: Well, label: str, classes: Sequence[str], bag: str, split_unit: str) -> Assignment | None:
    """Say where `well` belongs; None where its label is not among the classes."""
    value = well.condition.get(label)
    number = next((i for i, name in enumerate(classes) if _same(value, name)), None)
    if number is None:
        return None
    well_key = f"{well.plate} {well.name}"
    compound = well.condition.get("compound")
    if split_unit == "plate":
        bags = _bags_of(well, well_key)
        # a compound that is on several plates is a bag on each
        return Assignment(number, well.plate, well_key if compound is None else f"{well.plate} {bags[bag]}")
    if split_unit == "well" or compound is None:
        # cells of a bag must stay on one side of the split, so a bag is no larger than the unit of the split
        return Assignment(number, well_key, well_key)
    return Assignment(number, str(compound), _bags_of(well, well_key)[bag])


def _bags_of(well: Well, well_key: str) -> dict[str, str]:
    """The name of the bag of a well with a compound, by what makes a bag."""
    parts = [well.condition.get(column) for column in ("compound", "concentration", "unit")]
    dose = " ".join(str(part) for part in parts if part is not None)
    return {"well": well_key, "compound": str(parts[0]), "compound_dose": dose}


def _same(value: Any, name: str) -> bool:
    return value is not None and str(value) == name
