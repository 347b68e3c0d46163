"""Cells that a person left out one by one, kept on disk from one start of the program to the next, a file for each plate."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid import preferences
from napari_mid.cells.kept import WellKey
from napari_mid.files import write_json

#: Folder of the files, in that of the preferences.
FOLDER = "left_out"
#: Plates whose cells are kept; the one that was changed longest ago goes first.
MAX_PLATES = 500


def remembered_cells(plate: str) -> dict[WellKey, NDArray[np.float64]]:
    """The places (M, 3), field, y and x, of the cells that were left out of the wells of `plate`, a `WellKey.plate`.

    A file that is absent or damaged holds nothing; so does what makes no sense in it.
    """
    content: Any = None
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(_path(plate).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("plate") != plate or not isinstance(content.get("wells"), list):
        return {}
    found = {}
    for entry in content["wells"]:
        with contextlib.suppress(TypeError, ValueError, KeyError, OverflowError):
            places = np.array(entry["cells"], dtype=np.float64).reshape(-1, 3)
            key = WellKey(plate, _number(entry["time"]), _number(entry["z"]), str(entry["well"]))
            if len(places) and np.isfinite(places).all():
                found[key] = places
    return found


def remember_cells(plate: str, places: Mapping[WellKey, NDArray[np.float64]]) -> bool:
    """Keep the `places` of the cells that are left out of the wells of `plate`; False where the folder cannot be written."""
    wells = [
        {"well": key.well, "time": key.time, "z": key.z, "cells": [[int(site), y, x] for site, y, x in cells.tolist()]}
        for key, cells in places.items()
        if key.plate == plate and len(cells)
    ]
    path = _path(plate)
    try:
        if wells:
            write_json(path, {"plate": plate, "wells": wells})
            _forget_old(path.parent)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _path(plate: str) -> Path:
    return preferences.config_folder() / FOLDER / f"{hashlib.sha256(plate.encode()).hexdigest()[:24]}.json"


def _forget_old(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - MAX_PLATES)]:
        file.unlink(missing_ok=True)


def _number(value: Any) -> int | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value} is no number of a time point or focal plane")
    return None if value is None else int(value)
