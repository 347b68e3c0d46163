"""Cells that a person leaves out of scores: which ones, and why; those of a plate come back when it is opened again.

Cells are known by their place, not by their row: a well that is run again has the same ones left out as long as its nuclei are
where they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.kept import WellKey
from napari_mid.inference.kept_exclusions import remember_cells, remembered_cells

#: Kinds of cells that can be left out together: those whose slice leaves the field, and those out of focus.
Rule = Literal["border", "focus"]
#: Columns of `WellResult.cells` that tell.
COLUMNS: dict[Rule, str] = {"border": "touches_border", "focus": "out_of_focus"}
#: A cell is the same where its nucleus is no further than this from where it was, in pixels.
SAME_PX = 2.0
#: Steps that can be undone in a well.
UNDOABLE = 200

_PLACE = ["Metadata_Site", "Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]


@dataclass(frozen=True)
class Wish:
    """What is to be left out of a well.

    Parameters
    ----------
    places
        (M, 3) field, y and x of the cells that were left out one by one.
    rules
        Kinds of cells that are left out.
    """

    places: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    rules: frozenset[Rule] = frozenset()

    def by_hand(self, cells: pd.DataFrame) -> NDArray[np.bool_]:
        """(N,) which rows of `WellResult.cells` were left out one by one."""
        mask = np.zeros(len(cells), dtype=bool)
        rows = self._rows(cells)
        mask[rows[rows < len(cells)]] = True
        return mask

    def lost(self, cells: pd.DataFrame) -> int:
        """How many of those that were left out one by one are not among `cells`."""
        return int((self._rows(cells) >= len(cells)).sum())

    def by_rule(self, cells: pd.DataFrame) -> dict[Rule, NDArray[np.bool_]]:
        """(N,) which rows each of the rules leaves out."""
        return {rule: cells[COLUMNS[rule]].to_numpy(dtype=bool) for rule in COLUMNS if rule in self.rules}

    def mask(self, cells: pd.DataFrame) -> NDArray[np.bool_]:
        """(N,) which rows of `WellResult.cells` are left out."""
        mask = self.by_hand(cells)
        for rows in self.by_rule(cells).values():
            mask |= rows
        return mask

    def record(self, cells: pd.DataFrame) -> dict[str, int]:
        """How many cells are left out for which reason, for the record of a result; one may have several."""
        counts = {"by_hand": int(self.by_hand(cells).sum())}
        counts |= {COLUMNS[rule]: int(rows.sum()) for rule, rows in self.by_rule(cells).items()}
        return {reason: count for reason, count in counts.items() if count}

    def _rows(self, cells: pd.DataFrame) -> NDArray[np.int64]:
        """(M,) the row of each place; the number of rows where no cell is there."""
        from scipy.spatial import KDTree

        rows = np.full(len(self.places), len(cells), dtype=np.int64)
        if not len(self.places) or not len(cells):
            return rows
        # fields are set so far apart that no cell of one is near a place in another
        places, wanted = cells[_PLACE].to_numpy(dtype=float), self.places.copy()
        apart = np.array([1e7, 1.0, 1.0])
        finite = np.flatnonzero(np.isfinite(places).all(axis=1))
        distance, nearest = KDTree(places[finite] * apart).query(wanted * apart)
        near = distance <= SAME_PX
        rows[near] = finite[nearest[near]]
        return rows


class Exclusions:
    """What is left out of the wells of all plates, with what was done before in each well."""

    def __init__(self) -> None:
        #: kinds of cells that are left out of every well
        self.rules: frozenset[Rule] = frozenset()
        self._places: dict[WellKey, NDArray[np.float64]] = {}
        self._before: dict[WellKey, list[NDArray[np.float64]]] = {}

    def bring_back(self, plate: str) -> dict[WellKey, int]:
        """Leave out again what was left out of the wells of `plate`, a `WellKey.plate`, before the program was closed.

        Wells in which cells were left out, or taken back, since the program started stay as they are. One `undo` takes all cells
        of a well back. Gives their number by well.
        """
        back = {key: places for key, places in remembered_cells(plate).items() if key not in self._places}
        for key, places in back.items():
            self._places[key], self._before[key] = places, [np.empty((0, 3))]
        return {key: len(places) for key, places in back.items()}

    def remember(self, plate: str) -> bool:
        """Keep what is left out of the wells of `plate` for the next start; False where that cannot be written."""
        return remember_cells(plate, self._places)

    def of(self, key: WellKey) -> Wish:
        """What is to be left out of a well."""
        return Wish(self._places.get(key, np.empty((0, 3))), self.rules)

    def set(self, key: WellKey, cells: pd.DataFrame, rows: Iterable[int], *, out: bool) -> None:
        """Leave the `rows` of `WellResult.cells` out of a well, or take them back."""
        chosen = np.zeros(len(cells), dtype=bool)
        chosen[list(rows)] = True
        wish = self.of(key)
        self._before.setdefault(key, []).append(wish.places)
        del self._before[key][:-UNDOABLE]
        if out:
            new = cells[_PLACE].to_numpy(dtype=float)[chosen & ~wish.by_hand(cells)]
            self._places[key] = np.concatenate([wish.places, new])
        else:
            rows_of = wish._rows(cells)
            back = np.append(chosen, False)[rows_of]
            self._places[key] = wish.places[~back]

    def can_undo(self, key: WellKey) -> bool:
        """Whether anything was done in a well that can be undone."""
        return bool(self._before.get(key))

    def undo(self, key: WellKey) -> bool:
        """Take back the last step in a well; say whether there was one."""
        if not self.can_undo(key):
            return False
        self._places[key] = self._before[key].pop()
        return True
