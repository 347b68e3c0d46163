"""What is known of the wells as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate

if TYPE_CHECKING:
    import pandas as pd


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
