"""From wells to what is counted: compounds, doses of a compound, or wells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.errors import MidError
from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.training.leaks import label_text, look_alikes, misspellings

PLATE, WELL, COMPOUND = "Metadata_Plate", "Metadata_Well", "compound"
CONTROL_ROLES = ("negative_control", "positive_control")
#: The concentration in micromolar, where the plate map tells the unit.
MICROMOLAR = "concentration_um"
#: Columns of the table of units.
UNIT_COLUMNS = ("unit", "compound", "dose", "label", "positive", "score", "n_wells", "n_cells", "side")


class EvaluationError(MidError):
    """What was given does not allow an evaluation."""


@dataclass(frozen=True)
class Question:
    """What the scores are judged by.

    Parameters
    ----------
    label
        Column of the wells.
    classes
        Its values; the last one is the positive one.
    """

    label: str
    classes: tuple[str, ...]

    @property
    def positive(self) -> str:
        """The class whose probability the score is."""
        return self.classes[-1]


@dataclass(frozen=True)
class Wells:
    """Wells that can be judged, and what was left out.

    Parameters
    ----------
    table
        A row per well with a label: the columns of wells.csv, ``_compound`` (what is resampled together), ``_dose``, ``_label``.
    question
        The labels.
    left_out
        One sentence each.
    """

    table: pd.DataFrame
    question: Question
    left_out: tuple[str, ...]


def labelled_wells(
    wells: pd.DataFrame,
    label: str,
    settings: EvaluationSettings,
    *,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    model_positive: str | None = None,
) -> Wells:
    """The rows of `wells` that have a label and a score, without controls unless asked for.

    Parameters
    ----------
    wells
        As wells.csv has them.
    label
        Column with the truth.
    classes
        Values of the column that count, the last one the positive one; all of them where None.
    positive
        The positive value where `classes` does not say.
    model_positive
        The class whose probability the score is, taken where it is among the values.

    Raises
    ------
    EvaluationError
        If there is no such column, or there are not two classes, or it is not known which one is positive.
    """
    column = _column(wells, label)
    table = wells.assign(_label=[label_text(value) for value in wells[column]])
    left_out = []
    if not settings.controls and "role" in table:
        control = table["role"].isin(CONTROL_ROLES)
        if control.any():
            left_out.append(f"{int(control.sum())} control wells are left out (--controls counts them)")
        table = table[~control]
    values = {str(name): int(count) for name, count in table["_label"].value_counts().items() if name}
    alike = look_alikes(values)
    if alike:
        raise EvaluationError(f"Values of {column} look alike: {'; '.join(alike)}. Spell them the same in the plate map.")
    left_out += [f"values of {column} may be one value, misspelt: {pair}" for pair in misspellings(values)]
    names = _classes(column, tuple(sorted(values)), classes, positive, model_positive)
    counted = table["_label"].isin(names)
    if not counted.all():
        left_out.append(f"{int((~counted).sum())} wells whose {column} is empty or another value are left out")
    table = table[counted]
    unscored = ~np.isfinite(pd.to_numeric(table["score"], errors="coerce").to_numpy(dtype=float))
    if unscored.any():
        few = ", ".join(f"{plate} {well}" for plate, well in table.loc[unscored, [PLATE, WELL]].to_numpy()[:6])
        left_out.append(f"{int(unscored.sum())} wells without a score (no cells, or unreadable) are left out: {few}")
    table = table[~unscored]
    table = table.assign(_compound=_compounds(table), _dose=_doses(table)).reset_index(drop=True)
    if settings.unit != "well" and table.get(COMPOUND) is None:
        raise EvaluationError("The wells have no column compound; give --unit well, or a plate map that names the compounds.")
    present = [name for name in names if (table["_label"] == name).any()]
    if len(present) < 2:
        raise EvaluationError(
            f"All {len(table)} wells that are left have {column} = {present[0] if present else 'nothing'}; an evaluation needs "
            f"wells of two classes{'' if settings.controls else ', or --controls where the controls are one of them'}."
        )
    return Wells(table, Question(column, names), tuple(left_out))


def _column(wells: pd.DataFrame, label: str) -> str:
    plain = {str(column).casefold().removeprefix("metadata_"): str(column) for column in wells.columns}
    found = plain.get(label.casefold().removeprefix("metadata_"))
    if found is None:
        raise EvaluationError(f"The results have no column {label!r}; their columns are {', '.join(map(str, wells.columns))}.")
    return found


def _classes(
    column: str, values: tuple[str, ...], classes: Sequence[str] | None, positive: str | None, model_positive: str | None
) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(label_text(name) for name in classes)) if classes else values
    shown = ", ".join(values) or "none"
    if len(names) < 2:
        raise EvaluationError(
            f"An evaluation needs wells of two classes; the values of {column} are {shown}. --controls counts control wells, too."
        )
    for name in (*names, *([positive] if positive else [])):
        if name not in values:
            raise EvaluationError(f"No well counted has {column} = {name!r}; the values are {shown}.")
    chosen = positive or (names[-1] if classes else model_positive)
    if chosen not in names:
        raise EvaluationError(
            f"Which value of {column} is positive? They are {shown}, and the score is the probability of "
            f"{model_positive or 'a class that is not recorded'}; say it with --positive."
        )
    return (*(name for name in names if name != chosen), chosen)


def _compounds(table: pd.DataFrame) -> list[str]:
    """What is resampled together: the compound, or the well itself where it names none."""
    names = table[COMPOUND] if COMPOUND in table else pd.Series(index=table.index, dtype=object)
    wells = (f"{plate} {well}" for plate, well in zip(table[PLATE], table[WELL], strict=True))
    return [label_text(name) or well for name, well in zip(names, wells, strict=True)]


def _doses(table: pd.DataFrame) -> NDArray[np.float64]:
    """(W,) concentration in micromolar where that is known, else as the plate map gives it; NaN where it gives none."""
    column = dose_column(table)
    if column is None:
        return np.full(len(table), math.nan)
    return pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)


def dose_column(table: pd.DataFrame) -> str | None:
    """The column that holds the concentrations of wells, in micromolar where those are known; None where none has a number."""
    columns = (name for name in (MICROMOLAR, "concentration") if name in table)
    return next((name for name in columns if pd.to_numeric(table[name], errors="coerce").notna().any()), None)


def dose_unit(table: pd.DataFrame) -> str:
    """The unit of `dose_column`, empty where it is not known."""
    return "µM" if dose_column(table) == MICROMOLAR else ""


def unit_names(table: pd.DataFrame, settings: EvaluationSettings) -> list[str]:
    """The unit of every row of `table`, as `Wells` has it."""
    if settings.unit == "well":
        return [f"{plate} {well}" for plate, well in zip(table[PLATE], table[WELL], strict=True)]
    if settings.unit == "compound":
        return [str(name) for name in table["_compound"]]
    unit = dose_unit(table)
    doses = [f" {dose:g} {unit}".rstrip() if math.isfinite(dose) else "" for dose in table["_dose"]]
    return [f"{name}{dose}" for name, dose in zip(table["_compound"], doses, strict=True)]


def units_table(wells: Wells, settings: EvaluationSettings, score: str = "score") -> pd.DataFrame:
    """A row per unit, `UNIT_COLUMNS`; `score` is the column of the wells that is aggregated.

    Raises
    ------
    EvaluationError
        If the wells of a unit differ in their label.
    """
    table, question = wells.table, wells.question
    rows = []
    for name, members in table.groupby(unit_names(table, settings), sort=True):
        labels = sorted(set(members["_label"]))
        if len(labels) > 1:
            raise EvaluationError(
                f"{name} has wells with {question.label} = {' and '.join(labels)}, so it has no one truth; "
                f"{'give --unit compound_dose' if settings.unit == 'compound' else 'give --unit well'}."
            )
        rows.append(
            {
                "unit": name,
                "compound": members["_compound"].iloc[0],
                "dose": members["_dose"].iloc[0] if members["_dose"].nunique(dropna=False) == 1 else math.nan,
                "label": labels[0],
                "positive": labels[0] == question.positive,
                "score": aggregated(members[score].to_numpy(dtype=float), members["_dose"].to_numpy(dtype=float), settings),
                "n_wells": len(members),
                "n_cells": int(members["n_cells"].sum()) if "n_cells" in members else 0,
                "side": members["_side"].iloc[0] if "_side" in members else "",
            }
        )
    return pd.DataFrame(rows, columns=list(UNIT_COLUMNS))


def aggregated(scores: NDArray[np.float64], doses: NDArray[np.float64], settings: EvaluationSettings) -> float:
    """The score of a unit from those of its wells (W,) at `doses` (W,): `EvaluationSettings.aggregate`."""
    if settings.aggregate == "mean" or settings.unit != "compound" or not np.isfinite(doses).any():
        return float(scores.mean())
    if settings.aggregate == "highest_dose":
        return float(scores[doses == np.nanmax(doses)].mean())
    return float(max(scores[doses == dose].mean() for dose in np.unique(doses[np.isfinite(doses)])))


def aggregation_text(settings: EvaluationSettings) -> str:
    """What is aggregated, in words."""
    if settings.unit == "well":
        return "Every well counts by itself"
    if settings.unit == "compound_dose":
        return "The score of a compound at a dose is the mean over its wells"
    return {
        "mean": "The score of a compound is the mean over all its wells and doses",
        "highest_dose": "The score of a compound is the mean over its wells at its highest concentration",
        "maximum": "The score of a compound is that of the dose whose wells score highest",
    }[settings.aggregate]


def scored_units(units: pd.DataFrame) -> Scored:
    """The rows of `units` for the metrics."""
    return Scored(
        tuple(units["unit"].astype(str)),
        tuple(units["compound"].astype(str)),
        units["positive"].to_numpy(dtype=bool),
        units["score"].to_numpy(dtype=float),
    )
