"""What the plate map says of a well, on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_mid.plates.plate import Plate
from napari_mid.reports.caption import condition_text, words

#: Columns that say where the well is or stand in `condition_text`, without case and punctuation.
_KNOWN = frozenset(
    ("compound", "concentration", "concentrationum", "unit", "role", "well", "row", "column", "col", "wellrow", "wellcol")
)
#: Columns shown of a well, and different values of one that a person can tell apart by their colours.
MAX_COLUMNS, MAX_VALUES = 3, 24


def well_text(condition: Mapping[str, Any]) -> str:
    """Compound and dose, or the role; where the plate map has neither, its own columns: ``"genotype Null"``."""
    told = condition_text(condition)
    if told:
        return told
    return ", ".join(f"{words(column)} {condition[column]}" for column in own_columns(condition)[:MAX_COLUMNS])


def own_columns(condition: Mapping[str, Any]) -> list[str]:
    """Columns of a plate map that hold something of the user's own."""
    return [
        column
        for column, value in condition.items()
        if value is not None and value == value and "".join(filter(str.isalnum, column.casefold())) not in _KNOWN
    ]


def telling_columns(plate: Plate) -> list[str]:
    """The user's own columns of the plate map by which wells with images differ, and few enough values to be colours."""
    values: dict[str, set[str]] = {}
    for well in plate.wells.values():
        if well.has_images:
            for column in own_columns(well.condition):
                values.setdefault(column, set()).add(str(well.condition[column]))
    return [column for column, found in values.items() if 2 <= len(found) <= MAX_VALUES]
