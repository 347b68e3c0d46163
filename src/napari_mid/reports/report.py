"""The report: one HTML file that holds its pictures and asks nothing of the network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_mid.files import atomic_path
from napari_mid.inference.result import WellResult
from napari_mid.reports.caption import RESEARCH_ONLY, cells_text, condition_text, score_numbers, score_text, words
from napari_mid.reports.html_page import rendered

#: Warnings of a kind that comes once per file are cut after so many.
MOST_WARNINGS = 20


@dataclass(frozen=True)
class WellSection:
    """A well of the report.

    Parameters
    ----------
    name, condition, score, interval, call, n_cells, summary
        As they are printed.
    annotated, gallery, card
        PNG files; an empty gallery or score card is left out.
    warnings
        One sentence each.
    """

    name: str
    condition: str
    score: str
    interval: str
    call: str
    n_cells: str
    summary: str
    annotated: bytes
    gallery: bytes = b""
    card: bytes = b""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What an HTML report says.

    Parameters
    ----------
    title, subtitle
        First two lines.
    score_meaning
        What a score is the probability of.
    wells
        In the order shown.
    failed
        Well to the reason why it could not be scored.
    plate_maps
        What the plate is coloured by, to a PNG file of it.
    cautions
        What must be said wherever a score is shown.
    facts
        Heading to a table of names and values: the plate, the model, the settings, the software.
    model_card
        Markdown.
    card_pictures
        Those that the card shows, PNG files by name.
    warnings
        About the plate, one sentence each.
    """

    title: str
    subtitle: str
    score_meaning: str
    wells: tuple[WellSection, ...]
    plate_maps: Mapping[str, bytes]
    failed: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    model_card: str = ""
    card_pictures: Mapping[str, bytes] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def well_section(result: WellResult, *, annotated: bytes, gallery: bytes = b"", card: bytes = b"") -> WellSection:
    """The section of a scored well, with its pictures."""
    scored = not math.isnan(result.score)
    score, interval = score_numbers(result.score, result.score_low, result.score_high)
    return WellSection(
        name=result.well,
        condition=condition_text(result.condition),
        score=score,
        interval=interval,
        call=words(result.call),
        n_cells=f"{result.n_cells:,}",
        summary=score_text(
            result.score, result.score_low, result.score_high, result.call, result.classes[-1] if result.classes else ""
        )
        + (f", {cells_text(result.n_cells, int(result.excluded.sum()))}" if scored else ""),
        annotated=annotated,
        gallery=gallery,
        card=card,
        warnings=shortened(result.warnings),
    )


def shortened(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """The first warnings, and how many more there are."""
    if len(warnings) <= MOST_WARNINGS:
        return tuple(warnings)
    return (*warnings[:MOST_WARNINGS], f"and {len(warnings) - MOST_WARNINGS} more")


def flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one table: ``{"scoring": {"n_sets": 50}}`` becomes ``{"scoring, n sets": 50}``."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        label = f"{prefix}{words(str(name))}"
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{label}, ")
        elif isinstance(value, list | tuple):
            flat[label] = ", ".join(map(_plain, value)) or "none"
        else:
            flat[label] = _plain(value)
    return flat


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return (
        {None: "not set", True: "yes", False: "no"}.get(value, str(value))
        if value is None or isinstance(value, bool)
        else str(value)
    )


def report_html(report: Report) -> str:
    """The report as one HTML page without references to anything outside it."""
    return rendered("report.html.jinja", report=report, research_only=RESEARCH_ONLY)


def write_report(report: Report, path: Path) -> Path:
    """Write `report` as the HTML file `path`."""
    html = report_html(report)
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)
