"""Which colour each well of the plate map has, and the legend that says so. No Qt here."""

from __future__ import annotations

import colorsys
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_mid.plates.plate import Plate
from napari_mid.reports.caption import words
from napari_mid.reports.colours import RELEVANCE_COLOURS_CIVIDIS, SCORE_COLOURS, SCORE_LIMITS, rgb_to_hex, to_rgba
from napari_mid.session import Session
from napari_mid.viewer.conditions import number_columns, numbers, telling_columns

ROLE_COLOURS = {"negative_control": "#4c9be8", "positive_control": "#e8684c", "sample": "#a9b665", "empty": "#5a5a5a"}
UNKNOWN = "#8c8c8c"
CALL_COLOURS = {"positive": "#fde725", "negative": "#3b528b", "no call": "#b08bd9", "no cells": "#5a5a5a"}


@dataclass(frozen=True)
class WellColours:
    """How the plate map is painted.

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
    """

    colours: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[tuple[str, str], ...] = ()
    scale: tuple[float, float, NDArray[np.float64]] | None = None
    note: str = ""


def by_score(session: Session) -> WellColours:
    """Score from 0 to 1; wells that are not scored have none."""
    scores = {name: result.score for name, result in session.results.items() if np.isfinite(result.score)}
    return _by_number(scores, SCORE_LIMITS, SCORE_COLOURS)


def by_cell_count(session: Session) -> WellColours:
    """Number of cells scored, from 0 to the largest on the plate."""
    counts = {name: float(result.n_cells) for name, result in session.results.items()}
    return _by_number(counts, (0.0, max(counts.values(), default=0.0) or 1.0), RELEVANCE_COLOURS_CIVIDIS)


def by_percentile(session: Session) -> WellColours:
    """Per cent of the other negative-control wells that score lower; none where no control is scored."""
    from napari_mid.workflow.relevance import percentiles_among_controls

    found = percentiles_among_controls(session.results.values())
    return _by_number({name: value for name, value in found.items() if np.isfinite(value)}, (0.0, 100.0), SCORE_COLOURS)


def by_warnings(session: Session) -> WellColours:
    """Number of warnings of each scored well."""
    counts = {name: float(len(result.warnings)) for name, result in session.results.items()}
    return _by_number(counts, (0.0, max(counts.values(), default=0.0) or 1.0), RELEVANCE_COLOURS_CIVIDIS)


def by_call(session: Session) -> WellColours:
    """What each scored well is called."""
    calls = {name: result.call for name, result in session.results.items()}
    return _by_category(calls, {call: CALL_COLOURS.get(call, UNKNOWN) for call in dict.fromkeys(sorted(calls.values()))})


def by_dose(session: Session) -> WellColours:
    """Concentration in the plate map, from the lowest above 0 to the highest, on a logarithmic scale."""
    doses = {name: float(value) for name, value in numbers(session.plate, "concentration").items()}
    above = [dose for dose in doses.values() if dose > 0]
    if not above:
        return WellColours()
    low, high = min(above), max(above)
    high = high if high > low else 10 * low
    places = {name: float(np.log10(max(dose, low) / low)) for name, dose in doses.items()}
    painted = _by_number(places, (0.0, float(np.log10(high / low))), RELEVANCE_COLOURS_CIVIDIS)
    return WellColours(painted.colours, scale=(low, high, RELEVANCE_COLOURS_CIVIDIS), note="logarithmic")


def by_number_column(session: Session, column: str) -> WellColours:
    """A column of the plate map that holds numbers, from its lowest to its highest."""
    found = numbers(session.plate, column)
    return _by_number(found, (min(found.values()), max(found.values())), RELEVANCE_COLOURS_CIVIDIS)


def by_role(session: Session) -> WellColours:
    """Role in the plate map."""
    found = _column(session.plate, "role")
    palette = {role: ROLE_COLOURS.get(role, UNKNOWN) for role in dict.fromkeys(found.values())}
    return _by_category(found, palette)


def by_compound(session: Session) -> WellColours:
    """Compound in the plate map, each in its own colour."""
    return by_column(session, "compound")


def by_column(session: Session, column: str) -> WellColours:
    """Another column of the plate map, each value in its own colour."""
    found = _column(session.plate, column)
    names = sorted(set(found.values()))
    return _by_category(found, dict(zip(names, distinct_colours(len(names)), strict=True)))


#: What the wells of any plate can be coloured by, in the order of the combo box.
MODES: dict[str, Callable[[Session], WellColours]] = {
    "score": by_score,
    "role": by_role,
    "compound": by_compound,
    "dose": by_dose,
    "cell count": by_cell_count,
    "percentile": by_percentile,
    "call": by_call,
    "warnings": by_warnings,
}
#: Those that wells have once they are scored.
FROM_SCORES = ("score", "cell count", "percentile", "call", "warnings")


def modes(session: Session) -> dict[str, Callable[[Session], WellColours]]:
    """What the wells can be coloured by: the user's own columns of the plate map as well."""
    plate = session.plate
    found = dict(MODES)
    if plate is None:
        return found
    for column in number_columns(plate):
        found.setdefault(words(column), functools.partial(by_number_column, column=column))
    for column in telling_columns(plate):
        found.setdefault(words(column), functools.partial(by_column, column=column))
    return found


def distinct_colours(n: int) -> list[str]:
    """`n` colours as far apart in hue as can be, alternating in lightness."""
    return [rgb_to_hex(colorsys.hls_to_rgb(i / max(n, 1), (0.62, 0.48)[i % 2], 0.65)) for i in range(n)]


def _by_number(values: Mapping[str, float], limits: tuple[float, float], colours: NDArray[np.float64]) -> WellColours:
    rgba = to_rgba(list(values.values()), limits, colours)
    return WellColours({name: rgb_to_hex(colour) for name, colour in zip(values, rgba, strict=True)}, scale=(*limits, colours))


def _column(plate: Plate | None, column: str) -> dict[str, str]:
    if plate is None:
        return {}
    return {name: str(well.condition[column]) for name, well in plate.wells.items() if well.condition.get(column) is not None}


def _by_category(found: Mapping[str, str], palette: Mapping[str, str]) -> WellColours:
    entries = tuple((words(name), colour) for name, colour in palette.items())
    return WellColours({name: palette[value] for name, value in found.items()}, entries)
