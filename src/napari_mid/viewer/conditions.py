"""Which columns of the plate map are worth a colour, and what is known of the wells as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.reports.caption import own_columns

if TYPE_CHECKING:
    import pandas as pd

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


def numbers(plate: Plate | None, column: str) -> dict[str, float]:
    """The values of a column of the plate map that are numbers, by well."""
    found = {}
    for name, well in plate.wells.items() if plate is not None else ():
        value = _number(well.condition.get(column))
        if math.isfinite(value):
            found[name] = value
    return found


def number_columns(plate: Plate) -> list[str]:
    """The user's own columns of the plate map that hold too many different numbers to be told apart by colours."""
    found = []
    columns = dict.fromkeys(column for well in plate.wells.values() for column in own_columns(well.condition))
    for column in columns:
        values = [well.condition[column] for well in plate.wells.values() if well.condition.get(column) is not None]
        known = [_number(value) for value in values]
        if all(map(math.isfinite, known)) and len(set(known)) > MAX_VALUES:
            found.append(column)
    return found


def wells_table(plate: Plate, results: Mapping[str, WellResult]) -> pd.DataFrame:
    """A row per well of `plate`, by name: the plate map's columns and what its score is, to filter by."""
    import pandas as pd

    rows = []
    for name, well in plate.wells.items():
        result = results.get(name)
        row: dict[str, Any] = {"well": name, **well.condition}
        if result is not None:
            row |= {"score": result.score, "call": result.call, "cells": result.n_cells, "warnings": len(result.warnings)}
        rows.append(row)
    columns = ("well", "score", "call", "cells", "warnings")
    table = pd.DataFrame(rows, index=list(plate.wells))
    return table.reindex(columns=[*table.columns, *(column for column in columns if column not in table.columns)])


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
