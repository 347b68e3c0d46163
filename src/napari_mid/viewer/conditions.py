"""Which columns of the plate map are worth a colour."""

from __future__ import annotations

from napari_mid.plates.plate import Plate
from napari_mid.reports.caption import own_columns

#: Different values of a column that a person can tell apart by their colours.
MAX_VALUES = 24


def telling_columns(plate: Plate) -> list[str]:
    """The user's own columns of the plate map by which wells with images differ, and few enough values to be colours."""
    values: dict[str, set[str]] = {}
    for well in plate.wells.values():
        if well.has_images:
            for column in own_columns(well.condition):
                values.setdefault(column, set()).add(str(well.condition[column]))
    return [column for column, found in values.items() if 2 <= len(found) <= MAX_VALUES]
