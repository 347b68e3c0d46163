"""Results that were written to disk, read again as they were: scores and cells, without the embeddings."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.errors import WellError
from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.inference.trust import Trust
from napari_mid.plates.plate import Plate
from napari_mid.plates.plate_map import PlateMap

WELLS, CELLS, RUN = "wells.csv", "cells.parquet", "run.json"
PLATE, WELL = "Metadata_Plate", "Metadata_Well"
#: Columns of wells.csv that are not the plate map's.
_OURS = frozenset(
    (
        PLATE,
        WELL,
        "score",
        "score_low",
        "score_high",
        "call",
        "n_cells",
        "warnings",
        "n_excluded",
        "percentile_controls",
        "call_reason",
        *(field.name for field in dataclasses.fields(Trust)),
    )
)
_PROBABILITY = "probability_"


@dataclass(frozen=True)
class StoredResults:
    """The tables of a folder of results.

    Parameters
    ----------
    folder
        Where they are.
    run
        The run record.
    wells, cells
        A row per well and per cell.
    """

    folder: Path
    run: Mapping[str, Any]
    wells: pd.DataFrame
    cells: pd.DataFrame

    @property
    def plate_path(self) -> str:
        """Where the plate was."""
        return str(self.run["plate"]["path"])

    @property
    def model_hash(self) -> str:
        """Which model scored it."""
        return str(self.run["model"]["hash"])

    @property
    def model_path(self) -> Path | None:
        """The folder of the model, where it is still there."""
        path = self.run["model"].get("path")
        return Path(path) if path and Path(path).is_dir() else None

    @property
    def roles(self) -> dict[str, str]:
        """What the channels showed."""
        return dict(self.run["settings"].get("roles", {}))

    def plate_map(self) -> PlateMap | None:
        """The conditions of the scored wells; None where the table has none."""
        own = [column for column in self.wells.columns if column not in _OURS and not column.startswith(_PROBABILITY)]
        own = [column for column in own if self.wells[column].notna().any() and not column.startswith("Metadata_")]
        if not own:
            return None
        conditions = {
            str(row[WELL]): {column: None if pd.isna(row[column]) else row[column] for column in own}
            for row in self.wells.to_dict("records")
        }
        return PlateMap(self.folder / WELLS, tuple(own), conditions)

    def results(self, plate: Plate) -> list[WellResult]:
        """The scored wells of `plate`, with empty embeddings: their cells cannot be read again, but looked at."""
        by_well = dict(tuple(self.cells.groupby(WELL, sort=False))) if len(self.cells) else {}
        none = self.cells.iloc[:0]
        rows = {str(row[WELL]): {str(name): value for name, value in row.items()} for row in self.wells.to_dict("records")}
        return [
            self._result(plate, name, row, by_well.get(name, none).reset_index(drop=True))
            for name, row in rows.items()
            if name in plate.wells and str(row["call"]) != "unreadable"
        ]

    def _result(self, plate: Plate, name: str, row: Mapping[str, Any], cells: pd.DataFrame) -> WellResult:
        model = self.run["model"]
        classes = tuple(str(each) for each in model["classes"])
        score = _number(row.get("score"))
        return WellResult(
            plate=plate.name,
            well=name,
            score=score,
            score_low=_number(row.get("score_low")),
            score_high=_number(row.get("score_high")),
            call=str(row["call"]),
            classes=classes,
            probabilities=_probabilities(row, classes, score),
            cells=_complete(cells),
            embeddings=np.empty((0, 0), dtype=np.float32),
            set_scores=np.empty(0),
            warnings=tuple(filter(None, _text(row.get("warnings")).split("; "))),
            model_name=str(model["name"]),
            model_hash=self.model_hash,
            model_simulated=bool(model.get("simulated", False)),
            condition=dict(plate.wells[name].condition),
            settings=dict(self.run["settings"]),
            device=str(self.run.get("device", "")),
            call_reason=_text(row.get("call_reason")),
            trust=Trust(**{field.name: _number(row.get(field.name)) for field in dataclasses.fields(Trust)}),
        )


def is_results(path: Path | str) -> bool:
    """Whether `path` is a folder of results."""
    return all((Path(path) / name).is_file() for name in (WELLS, CELLS, RUN))


def read_results(folder: Path) -> StoredResults:
    """Read the folder that ``napari-mid score``, or the window, wrote.

    Raises
    ------
    WellError
        If a file is absent or damaged.
    """
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        wells = pd.read_csv(folder / WELLS, dtype={PLATE: str, WELL: str, "compound": object})
        cells = pd.read_parquet(folder / CELLS)
        known = run["plate"]["path"], run["model"]["hash"], run["model"]["name"], run["model"]["classes"], run["settings"]
        lacking = [column for column in (WELL, "score", "call") if column not in wells]
        lacking += [column for column in (WELL, "Metadata_Site", "relevance", "rank") if column not in cells]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WellError(f"{folder} is no folder of results that can be read ({reason}); score the plate again.") from error
    if lacking or not all(known):
        raise WellError(f"The tables in {folder} lack {', '.join(lacking) or 'what they are of'}; score the plate again.")
    return StoredResults(folder, run, wells, cells)


def _complete(cells: pd.DataFrame) -> pd.DataFrame:
    """`cells` with all of `CELL_COLUMNS`: tables of before some of them were there have none."""
    filled: dict[str, Any] = {name: np.nan for name in CELL_COLUMNS if name not in cells}
    filled |= {name: False for name in ("excluded", "out_of_focus", "touches_border") if name in filled}
    return cells.assign(**filled).drop(columns="class", errors="ignore")


def _probabilities(row: Mapping[str, Any], classes: tuple[str, ...], score: float) -> NDArray[np.float64]:
    if len(classes) == 2:
        return np.array([1 - score, score])
    return np.array([_number(row.get(f"{_PROBABILITY}{name}")) for name in classes])


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
