"""Classes that a person sorts cells into; those of a plate come back when it is opened again.

Cells are known by their place, as in `napari_mid.inference.exclusions`: a well that is run again has the same ones marked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid import preferences
from napari_mid.cells.kept import WellKey
from napari_mid.files import write_json
from napari_mid.inference.exclusions import Wish

#: Keys 1 to 9.
N_CLASSES = 9
#: Steps that can be undone in a well.
UNDOABLE = 200
#: Folder of the files, in that of the preferences.
FOLDER = "classes"
#: Longest name of a class.
LONGEST = 40

_PLACE = ["Metadata_Site", "Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]
_NONE = np.empty((0, 4))


def usual_name(number: int) -> str:
    """What class `number` is called unless the user says otherwise."""
    return f"class {number}"


class Marks:
    """The class of cells of all plates, with what was done before in each well, and the names of the classes."""

    def __init__(self) -> None:
        #: names of classes 1 to `N_CLASSES`
        self.names: tuple[str, ...] = tuple(usual_name(number) for number in range(1, N_CLASSES + 1))
        # (M, 4) field, y, x and class
        self._marked: dict[WellKey, NDArray[np.float64]] = {}
        self._before: dict[WellKey, list[NDArray[np.float64]]] = {}

    def name(self, number: int) -> str:
        """Name of class `number`; empty for 0, no class."""
        return self.names[number - 1] if number else ""

    def rename(self, names: Sequence[str]) -> None:
        """Call the classes `names`; an empty one gets its usual name."""
        given = [" ".join(str(name).split())[:LONGEST] for name in names][:N_CLASSES]
        given += [""] * (N_CLASSES - len(given))
        self.names = tuple(name or usual_name(number) for number, name in enumerate(given, start=1))

    def of(self, key: WellKey, cells: pd.DataFrame) -> NDArray[np.int64]:
        """(N,) class of each row of `WellResult.cells`, 0 for none."""
        found = np.zeros(len(cells), dtype=np.int64)
        marked = self._marked.get(key, _NONE)
        for number in np.unique(marked[:, 3]):
            found[Wish(marked[marked[:, 3] == number, :3]).by_hand(cells)] = int(number)
        return found

    def names_of(self, key: WellKey, cells: pd.DataFrame) -> list[str]:
        """The name of the class of each row of `WellResult.cells`, ``""`` for none."""
        if not len(self._marked.get(key, _NONE)):
            return [""] * len(cells)
        return [self.name(int(number)) for number in self.of(key, cells)]

    def set(self, key: WellKey, cells: pd.DataFrame, rows: Iterable[int], number: int) -> None:
        """Put the `rows` of `WellResult.cells` into class `number`, 1 to `N_CLASSES`, or into none, 0."""
        places = cells[_PLACE].to_numpy(dtype=float)[sorted(set(rows))]
        before = self._marked.get(key, _NONE)
        self._before.setdefault(key, []).append(before)
        del self._before[key][:-UNDOABLE]
        here = Wish(places).by_hand(pd.DataFrame(before[:, :3], columns=_PLACE))
        new = np.column_stack([places, np.full(len(places), float(number))]) if number else _NONE
        self._marked[key] = np.concatenate([before[~here], new])

    def can_undo(self, key: WellKey) -> bool:
        """Whether anything was marked in a well that can be undone."""
        return bool(self._before.get(key))

    def undo(self, key: WellKey) -> bool:
        """Take back the last step in a well; say whether there was one."""
        if not self.can_undo(key):
            return False
        self._marked[key] = self._before[key].pop()
        return True

    # -- from one start of the program to the next -----------------------------------------------------------------------------

    def bring_back(self, plate: str) -> int:
        """Take the classes and their names of the wells of `plate`, a `WellKey.plate`, from another day; gives their number.

        Wells that were marked since the program started stay as they are. A file that is damaged holds nothing.
        """
        content: Any = None
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(_path(plate).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("plate") != plate or not isinstance(content.get("wells"), list):
            return 0
        if isinstance(content.get("names"), list):
            self.rename(content["names"])
        count = 0
        for entry in content["wells"]:
            with contextlib.suppress(TypeError, ValueError, KeyError, OverflowError):
                key = WellKey(plate, _number(entry["time"]), _number(entry["z"]), str(entry["well"]))
                cells = np.array(entry["cells"], dtype=np.float64).reshape(-1, 4)
                known = np.isin(cells[:, 3], np.arange(1, N_CLASSES + 1))
                if key not in self._marked and known.all() and np.isfinite(cells).all():
                    self._marked[key] = cells
                    count += len(cells)
        return count

    def remember(self, plate: str) -> bool:
        """Keep the classes of the cells of `plate` for the next start; False where that cannot be written."""
        wells = [
            {
                "well": key.well,
                "time": key.time,
                "z": key.z,
                "cells": [[int(row[0]), row[1], row[2], int(row[3])] for row in cells],
            }
            for key, cells in ((key, marked.tolist()) for key, marked in self._marked.items() if key.plate == plate)
            if cells
        ]
        try:
            write_json(_path(plate), {"plate": plate, "names": list(self.names), "wells": wells})
        except OSError:
            return False
        return True


def _path(plate: str) -> Path:
    return preferences.config_folder() / FOLDER / f"{hashlib.sha256(plate.encode()).hexdigest()[:24]}.json"


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
