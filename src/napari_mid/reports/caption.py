"""What stands beside every exported picture: which plate, well and compound, which score, which model."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from napari_mid.cells.edits import EDITED, EditCount
from napari_mid.inference.calls import NO_CALL, digits_of
from napari_mid.inference.result import NO_CELLS, WellResult

RESEARCH_ONLY = "Research use only"
DEMO_MODEL = "Demo model, simulated cells"
PRELIMINARY = "preliminary"
SIMULATED_IMAGES = "Simulated images"

#: Figures of the model's hash that are printed.
HASH_LENGTH = 8

#: Units as tables spell them and as they are printed.
UNITS = {"uM": "µM", "um": "µM", "ug/ml": "µg/ml", "ug/mL": "µg/mL"}

#: Columns that say where the well is, or are put into words by `condition_text`, without case and punctuation.
_KNOWN_COLUMNS = frozenset(
    ("compound", "concentration", "concentrationum", "unit", "role", "well", "row", "column", "col", "wellrow", "wellcol")
)
#: Columns of the user's own that are shown of a well.
MAX_OWN_COLUMNS = 3

LineKind = Literal["title", "plain", "quiet", "caution"]


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """One line of a caption; `caution` lines stand out."""

    text: str
    kind: LineKind = "plain"


@dataclass(frozen=True)
class Caption:
    """What a picture shows.

    Parameters
    ----------
    plate, well
        The key.
    condition
        The well's row of the plate map.
    task
        What the model predicts.
    positive_class
        The class whose probability the score is.
    score, score_low, score_high, call, n_cells, preliminary
        As in `WellResult`; `score` is None where the well was not scored.
    n_excluded
        How many of the cells are left out of the score.
    model_name, model_hash, model_simulated
        Which model, and whether it was trained on simulated cells.
    threshold
        The score that a well is called positive from; NaN where unknown.
    plate_simulated
        Whether the images were drawn.
    edits
        How the nuclei were edited by hand, as `EditCount` says it; empty where they were not.
    region
        What part of the well is shown; empty for all of it.
    reading
        How the images were read, see `reading_text`; empty where the plate leaves no choice.
    date
        Day of the export.
    """

    plate: str
    well: str
    condition: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    positive_class: str = ""
    score: float | None = None
    score_low: float = math.nan
    score_high: float = math.nan
    call: str = ""
    n_cells: int = 0
    n_excluded: int = 0
    preliminary: bool = False
    model_name: str = ""
    model_hash: str = ""
    model_simulated: bool = False
    threshold: float = math.nan
    plate_simulated: bool = False
    edits: str = ""
    region: str = ""
    reading: str = ""
    date: datetime.date = field(default_factory=datetime.date.today)

    def cautions(self) -> list[str]:
        """What must be said wherever the picture or the score is shown."""
        return cautions(self.model_simulated, self.plate_simulated)

    def lines(self) -> list[CaptionLine]:
        """The lines of the title block."""
        title = [f"Plate {self.plate}", f"well {self.well}", condition_text(self.condition), self.reading, self.region]
        model = [model_text(self.model_name, self.model_hash), threshold_text(self.threshold), self.date.isoformat()]
        lines = [CaptionLine(_joined(title), "title"), CaptionLine(self._score_line()), CaptionLine(_joined(model), "quiet")]
        if self.cautions():
            lines.append(CaptionLine(_joined(self.cautions()), "caution"))
        return lines

    def _score_line(self) -> str:
        if self.score is None:
            return "not scored"
        score = score_text(self.score, self.score_low, self.score_high, self.call, self.positive_class)
        cells = "" if math.isnan(self.score) else cells_text(self.n_cells, self.n_excluded)
        cells += f" (nuclei edited by hand: {self.edits})" if self.edits else ""
        return (f"{words(self.task)}: " if self.task else "") + _joined([PRELIMINARY if self.preliminary else "", score, cells])


@dataclass(frozen=True)
class PlateCaption:
    """What the picture of a whole plate shows.

    Parameters
    ----------
    plate
        Its name.
    shown
        What the colours stand for: ``"hERG inhibition: score for toxic, ..."``.
    n_scored, n_wells
        How many wells are scored, of how many that have images.
    model_name, model_hash, model_simulated, threshold, plate_simulated, reading, date
        As in `Caption`; the model is empty where what is shown does not come from one.
    """

    plate: str
    shown: str = ""
    n_scored: int = 0
    n_wells: int = 0
    model_name: str = ""
    model_hash: str = ""
    model_simulated: bool = False
    threshold: float = math.nan
    plate_simulated: bool = False
    reading: str = ""
    date: datetime.date = field(default_factory=datetime.date.today)

    def lines(self) -> list[CaptionLine]:
        """The lines of the title block."""
        model = [model_text(self.model_name, self.model_hash), threshold_text(self.threshold) if self.model_name else ""]
        scored = [f"{self.n_scored:,} of {self.n_wells:,} wells scored" if self.model_name else "", self.date.isoformat()]
        lines = [CaptionLine(_joined([f"Plate {self.plate}", self.reading]), "title"), CaptionLine(self.shown)]
        lines.append(CaptionLine(_joined([*model, *scored]), "quiet"))
        told = cautions(self.model_simulated and bool(self.model_name), self.plate_simulated)
        return lines + ([CaptionLine(_joined(told), "caution")] if told else [])


def cautions(model_simulated: bool, plate_simulated: bool) -> list[str]:
    """What must be said wherever a picture or a score is shown."""
    return ([DEMO_MODEL] if model_simulated else []) + ([SIMULATED_IMAGES] if plate_simulated else [])


def model_text(name: str, model_hash: str = "") -> str:
    """Which model it was: ``"model herg, version 1a2b3c4d"``; a model that is trained again has another version."""
    known = "model" in name.split()  # "demo model (cardiotox)" need not be called a model
    named = name if known or not name else f"model {name}"
    version = f"version {model_hash[:HASH_LENGTH]}" if model_hash else ""
    return ", ".join(filter(None, (named, version)))


def threshold_text(threshold: float) -> str:
    """``"threshold 0.5"``; empty where it is not known."""
    return "" if math.isnan(threshold) else f"threshold {threshold:g}"


def caption_of(
    result: WellResult,
    *,
    task: str = "",
    threshold: float = math.nan,
    plate_simulated: bool = False,
    region: str = "",
    reading: str = "",
    date: datetime.date | None = None,
) -> Caption:
    """The caption of a scored well."""
    return Caption(
        plate=result.plate,
        well=result.well,
        condition=result.condition,
        task=task,
        positive_class=result.classes[-1] if result.classes else "",
        score=result.score,
        score_low=result.score_low,
        score_high=result.score_high,
        call=result.call,
        n_cells=result.n_cells,
        n_excluded=int(result.excluded.sum()),
        preliminary=result.preliminary,
        model_name=result.model_name,
        model_hash=result.model_hash,
        model_simulated=result.model_simulated,
        threshold=threshold,
        plate_simulated=plate_simulated,
        edits=str(EditCount(**result.settings.get("detection", {}).get(EDITED, {}))),
        region=region,
        reading=reading,
        date=date or datetime.date.today(),
    )


def score_text(score: float, low: float, high: float, call: str, positive_class: str = "") -> str:
    """``"score 0.87 for toxic (95 % interval 0.82–0.91), call positive"``, or ``"no cells"``."""
    if math.isnan(score):
        return words(call) or NO_CELLS
    number, ends = score_numbers(score, low, high)
    of_class = f" for {words(positive_class)}" if positive_class else ""
    interval = f" (95 % interval {ends})" if ends else ""
    called = words(call) if call == NO_CALL else f"call {words(call)}" if call else ""
    return f"score {number}{of_class}{interval}" + (f", {called}" if called else "")


def score_numbers(score: float, low: float, high: float) -> tuple[str, str]:
    """A score and its interval with the digits that tell the ends apart: ``("0.87", "0.82–0.91")``; empty where unknown."""
    if math.isnan(score):
        return "", ""
    if math.isnan(low) or math.isnan(high):
        return f"{score:.2f}", ""
    digits = digits_of(low, high)
    return f"{score:.{digits}f}", f"{low:.{digits}f}–{high:.{digits}f}"


def cells_text(n_cells: int, n_excluded: int = 0) -> str:
    """``"1 cell"``, ``"3,912 cells"``, ``"1,192 cells (12 of 1,204 left out)"``."""
    left = n_cells - n_excluded
    return f"{left:,} cell" + ("" if left == 1 else "s") + (f" ({n_excluded:,} of {n_cells:,} left out)" if n_excluded else "")


def condition_text(condition: Mapping[str, Any]) -> str:
    """Compound and dose, ``"Alfuzosin 3.33 µM"``; for a control its role, ``"DMSO, negative control"``; empty where unknown.

    Where the plate map has neither, its own columns speak: ``"genotype Null"``.
    """
    compound, role = _word(condition.get("compound")), _word(condition.get("role"))
    number, unit = _number(condition.get("concentration")), _word(condition.get("unit"))
    unit = UNITS.get(unit, unit)
    parts = []
    if compound:
        parts.append(f"{compound} {number:.4g} {unit}".strip() if number else compound)
    if role and (role != "sample" or not compound):
        parts.append(words(role))
    own = () if parts else own_columns(condition)[:MAX_OWN_COLUMNS]
    return ", ".join(parts or [f"{words(column)} {condition[column]}" for column in own])


def own_columns(condition: Mapping[str, Any]) -> list[str]:
    """Columns of a plate map that hold something of the user's own."""
    return [
        column
        for column, value in condition.items()
        if value is not None and value == value and "".join(filter(str.isalnum, column.casefold())) not in _KNOWN_COLUMNS
    ]


def reading_text(columns: Mapping[str, int | str]) -> str:
    """How a plate was read (`Plate.reading_columns`), in words: ``"time point 2, maximum of the focal planes"``."""
    parts = []
    if "Metadata_TimePoint" in columns:
        parts.append(f"time point {columns['Metadata_TimePoint']}")
    if "Metadata_FocalPlane" in columns:
        z = columns["Metadata_FocalPlane"]
        parts.append("maximum of the focal planes" if z == "maximum" else f"focal plane {z}")
    if "Metadata_FlatField" in columns:
        parts.append("flat-field corrected")
    return ", ".join(parts)


def words(name: str) -> str:
    """A name from a table or a setting as it is spoken: ``"positive_control"`` becomes ``"positive control"``."""
    return name.replace("_", " ").strip()


def _number(value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0.0
    return 0.0 if math.isnan(number) else number


def _word(value: object) -> str:
    return "" if value is None or value != value else str(value).strip()  # NaN differs from itself


def _joined(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)
