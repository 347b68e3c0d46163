"""What is in each well: compound, concentration, role, labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PlateMap:
    """The conditions of a plate's wells.

    Parameters
    ----------
    path
        Where it was read from.
    columns
        Names of the columns other than the well, in the file's order; ``concentration_um`` is added where the unit is known.
    conditions
        ``{"B03": {"compound": "Wortmannin", "concentration": 0.98, "unit": "nM", "concentration_um": 0.00098, "role": "sample"}}``;
        an empty cell of the table is None.
    """

    path: Path
    columns: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...] = ()
