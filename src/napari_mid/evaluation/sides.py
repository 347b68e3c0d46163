"""On which side of the model's training a well is: what it was trained on is never counted as held out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_mid.evaluation.units import PLATE, WELL
from napari_mid.model.folder import METRICS
from napari_mid.training.leaks import SPLIT, same_group

#: `trained`: its cells changed the weights. `validation`: held out while training. `new`: the training never had it.
TRAINED, VALIDATION, NEW, UNKNOWN = "trained", "validation", "new", "unknown"
HELD_OUT = (VALIDATION, NEW)


@dataclass(frozen=True)
class TrainingSplit:
    """What a model was trained on.

    Parameters
    ----------
    unit
        ``"compound"`` or ``"well"``: what `trained` and `validation` name.
    trained, validation
        In the spelling of `same_group`.
    """

    unit: str
    trained: frozenset[str]
    validation: frozenset[str]

    def side(self, well: Mapping[str, Any]) -> str:
        """The side of a row of wells.csv."""
        compound = same_group(well.get("compound"))
        # wells without a compound are their own group, as in training
        name = compound if self.unit == "compound" and compound else same_group(f"{well[PLATE]} {well[WELL]}")
        if name in self.trained:
            return TRAINED
        return VALIDATION if name in self.validation else NEW


def read_split(model: Path) -> TrainingSplit | None:
    """The split that `napari-mid train` recorded in the model folder `model`; None where there is no record."""
    try:
        record = json.loads((model / METRICS).read_text(encoding="utf-8"))[SPLIT]
        return TrainingSplit(
            str(record["unit"]),
            frozenset(map(same_group, record["train"])),
            frozenset(map(same_group, record["validation"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def with_sides(wells: pd.DataFrame, split: TrainingSplit | None) -> pd.DataFrame:
    """`wells` with a column ``_side``."""
    sides = [
        UNKNOWN if split is None else split.side({str(name): value for name, value in row.items()})
        for row in wells.to_dict("records")
    ]
    return wells.assign(_side=sides)


def sides_text(wells: pd.DataFrame, unit: str) -> list[str]:
    """What was found about the sides, one sentence each; `wells` has ``_side`` and ``_compound``."""
    n = {side: part["_compound"].nunique() for side, part in wells.groupby("_side")}
    if n.get(UNKNOWN):
        return [
            "It is not known on which compounds the model was trained (its folder does not say, or --model was not given), "
            "so some of these may have been among them: the metrics may be better than the model is."
        ]
    told = []
    if n.get(TRAINED):
        told.append(f"{n[TRAINED]} compounds were in the training; they are told apart and have no part in the held-out metrics.")
    if n.get(VALIDATION):
        told.append(f"{n[VALIDATION]} of the held-out compounds were the validation compounds of the training.")
    if not n.get(VALIDATION) and not n.get(NEW):
        told.append(f"No {unit} was held out: everything here was in the training, so nothing is known about unseen ones.")
    return told
