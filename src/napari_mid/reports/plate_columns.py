"""Which colour each well of a plate has by any of its numbers or words; the window's map and the figures paint the same."""

from __future__ import annotations

import colorsys
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import SettingsError
from napari_mid.inference.controls import percentiles_among_controls
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.reports.caption import UNITS, own_columns, words
from napari_mid.reports.colours import RELEVANCE_COLOURS_CIVIDIS, SCORE_COLOURS, SCORE_LIMITS, rgb_to_hex, to_rgba

ROLE_COLOURS = {"negative_control": "#4c9be8", "positive_control": "#e8684c", "sample": "#a9b665", "empty": "#5a5a5a"}
UNKNOWN = "#8c8c8c"
CALL_COLOURS = {"positive": "#fde725", "negative": "#3b528b", "no call": "#b08bd9", "no cells": "#5a5a5a"}
#: Different values of a column that a person can tell apart by their colours.
MAX_VALUES = 24

Results = Mapping[str, WellResult]


@dataclass(frozen=True)
class WellColours:
    """How the wells of a plate are painted.

    Parameters
    ----------
    colours
        Hex colour by well; a well with images that is not here has no value yet.
    entries
        Legend of categories: label and colour.
    scale
        Legend of numbers: (low, high, (256, 4) RGBA), or None.
    note
        How the numbers lie on their scale, where it is not evenly.
    written
        What is written in a well where there is room: its number, and the number of its entry.
    below
        A second, smaller line in a well.
    """

    colours: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[tuple[str, str], ...] = ()
    scale: tuple[float, float, NDArray[np.float64]] | None = None
    note: str = ""
    written: Mapping[str, str] = field(default_factory=dict)
    below: Mapping[str, str] = field(default_factory=dict)


def by_score(plate: Plate | None, results: Results) -> WellColours:
    """Score from 0 to 1; wells that are not scored have none."""
    scored = {name: result for name, result in results.items() if np.isfinite(result.score)}
    return _by_number(
        {name: result.score for name, result in scored.items()},
        SCORE_LIMITS,
        SCORE_COLOURS,
        written={name: f"{result.score:.2f}" for name, result in scored.items()},
        below={
            name: "{:.2f}–{:.2f}".format(*result.interval)
            for name, result in scored.items()
            if all(map(np.isfinite, result.interval))
        },
    )


def by_cell_count(plate: Plate | None, results: Results) -> WellColours:
    """Number of cells scored, from 0 to the largest on the plate."""
    counts = {name: float(result.n_cells) for name, result in results.items()}
    return _by_number(counts, (0.0, max(counts.values(), default=0.0) or 1.0), RELEVANCE_COLOURS_CIVIDIS)


def by_percentile(plate: Plate | None, results: Results) -> WellColours:
    """Per cent of the other negative-control wells that score lower; none where no control is scored."""
    found = percentiles_among_controls(results.values())
    return _by_number({name: value for name, value in found.items() if np.isfinite(value)}, (0.0, 100.0), SCORE_COLOURS)


def by_warnings(plate: Plate | None, results: Results) -> WellColours:
    """Number of warnings of each scored well."""
    counts = {name: float(len(result.warnings)) for name, result in results.items()}
    return _by_number(counts, (0.0, max(counts.values(), default=0.0) or 1.0), RELEVANCE_COLOURS_CIVIDIS)


def by_call(plate: Plate | None, results: Results) -> WellColours:
    """What each scored well is called."""
    calls = {name: result.call for name, result in results.items()}
    return _by_category(calls, {call: CALL_COLOURS.get(call, UNKNOWN) for call in dict.fromkeys(sorted(calls.values()))})


def by_dose(plate: Plate | None, results: Results) -> WellColours:
    """Concentration in the plate map, from the lowest above 0 to the highest, on a logarithmic scale."""
    doses = {name: float(value) for name, value in _numbers(plate, "concentration").items()}
    above = [dose for dose in doses.values() if dose > 0]
    if not above:
        return WellColours()
    low, high = min(above), max(above)
    high = high if high > low else 10 * low
    places = {name: float(np.log10(max(dose, low) / low)) for name, dose in doses.items()}
    written = {name: _number_text(dose) for name, dose in doses.items()}
    painted = _by_number(places, (0.0, float(np.log10(high / low))), RELEVANCE_COLOURS_CIVIDIS, written=written)
    scale = (low, high, RELEVANCE_COLOURS_CIVIDIS)
    units = {UNITS.get(unit, unit) for unit in _column(plate, "unit").values()}
    note = ", ".join([*(units if len(units) == 1 else ()), "logarithmic"])
    return WellColours(painted.colours, scale=scale, note=note, written=painted.written)


def by_number_column(plate: Plate | None, results: Results, column: str) -> WellColours:
    """A column of the plate map that holds numbers, from its lowest to its highest."""
    found = _numbers(plate, column)
    return _by_number(found, (min(found.values()), max(found.values())), RELEVANCE_COLOURS_CIVIDIS)


def by_role(plate: Plate | None, results: Results) -> WellColours:
    """Role in the plate map."""
    found = _column(plate, "role")
    palette = {role: ROLE_COLOURS.get(role, UNKNOWN) for role in dict.fromkeys(found.values())}
    return _by_category(found, palette)


def by_column(plate: Plate | None, results: Results, column: str) -> WellColours:
    """Another column of the plate map, each value in its own colour."""
    found = _column(plate, column)
    names = sorted(set(found.values()))
    return _by_category(found, dict(zip(names, distinct_colours(len(names)), strict=True)))


SCORE = "score"
#: What the wells of any plate can be coloured by, in the order in which it is offered.
MODES: dict[str, Callable[[Plate | None, Results], WellColours]] = {
    SCORE: by_score,
    "role": by_role,
    "compound": functools.partial(by_column, column="compound"),
    "dose": by_dose,
    "cell count": by_cell_count,
    "percentile": by_percentile,
    "call": by_call,
    "warnings": by_warnings,
}
#: Those that wells have once they are scored, and what they are.
FROM_SCORES = {
    SCORE: "the probability of that class, averaged over random sets of the well's cells",
    "cell count": "the number of cells that the model read",
    "percentile": "how many per cent of the plate's other negative-control wells score lower",
    "call": "what the well is called from its score and interval",
    "warnings": "the number of warnings about the well",
}


def modes(plate: Plate | None) -> dict[str, Callable[[Plate | None, Results], WellColours]]:
    """What the wells can be coloured by: the user's own columns of the plate map as well."""
    found = dict(MODES)
    if plate is None:
        return found
    for column in _number_columns(plate):
        found.setdefault(words(column), functools.partial(by_number_column, column=column))
    for column in _telling_columns(plate):
        found.setdefault(words(column), functools.partial(by_column, column=column))
    return found


def check_columns(plate: Plate, columns: Sequence[str]) -> None:
    """Raise `SettingsError` where wells of `plate` cannot be coloured by one of `columns`."""
    known = modes(plate)
    for column in columns:
        if column not in known:
            raise SettingsError(f"Wells cannot be coloured by {column!r}; this plate has {', '.join(known)}.")


def distinct_colours(n: int) -> list[str]:
    """`n` colours as far apart in hue as can be, alternating in lightness."""
    return [rgb_to_hex(colorsys.hls_to_rgb(i / max(n, 1), (0.62, 0.48)[i % 2], 0.65)) for i in range(n)]


def _by_number(
    values: Mapping[str, float],
    limits: tuple[float, float],
    colours: NDArray[np.float64],
    written: Mapping[str, str] | None = None,
    below: Mapping[str, str] | None = None,
) -> WellColours:
    rgba = to_rgba(list(values.values()), limits, colours)
    return WellColours(
        {name: rgb_to_hex(colour) for name, colour in zip(values, rgba, strict=True)},
        scale=(*limits, colours),
        written={name: _number_text(value) for name, value in values.items()} if written is None else written,
        below=below or {},
    )


def _by_category(found: Mapping[str, str], palette: Mapping[str, str]) -> WellColours:
    entries = tuple((words(name), colour) for name, colour in palette.items())
    number = {name: str(i) for i, name in enumerate(palette, start=1)}
    return WellColours(
        {name: palette[value] for name, value in found.items()},
        entries,
        written={name: number[value] for name, value in found.items()},
    )


def _number_text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _column(plate: Plate | None, column: str) -> dict[str, str]:
    if plate is None:
        return {}
    return {name: str(well.condition[column]) for name, well in plate.wells.items() if well.condition.get(column) is not None}


def _numbers(plate: Plate | None, column: str) -> dict[str, float]:
    """The values of a column of the plate map that are numbers, by well."""
    found = {}
    for name, well in plate.wells.items() if plate is not None else ():
        value = _number(well.condition.get(column))
        if math.isfinite(value):
            found[name] = value
    return found


def _telling_columns(plate: Plate) -> list[str]:
    """The user's own columns of the plate map by which wells with images differ, and few enough values to be colours."""
    values: dict[str, set[str]] = {}
    for well in plate.wells.values():
        if well.has_images:
            for column in own_columns(well.condition):
                values.setdefault(column, set()).add(str(well.condition[column]))
    return [column for column, found in values.items() if 2 <= len(found) <= MAX_VALUES]


def _number_columns(plate: Plate) -> list[str]:
    """The user's own columns of the plate map that hold too many different numbers to be told apart by colours."""
    found = []
    columns = dict.fromkeys(column for well in plate.wells.values() for column in own_columns(well.condition))
    for column in columns:
        values = [well.condition[column] for well in plate.wells.values() if well.condition.get(column) is not None]
        known = [_number(value) for value in values]
        if all(map(math.isfinite, known)) and len(set(known)) > MAX_VALUES:
            found.append(column)
    return found


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
