"""The words of the report as pages of the PDF: scores, what went wrong, plate, model, settings, software, the model's card."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.figure import Figure

from napari_mid.reports.caption import RESEARCH_ONLY
from napari_mid.reports.page import CAUTION, FONT_SIZE, MARGIN_IN, QUIET, TEXT, TITLE_SIZE, Page, font, line_height_in, wrapped
from napari_mid.reports.report import Report

#: A page ends when it is this high, in inches: with the pages' width of 8 that is about the shape of paper.
PAGE_HEIGHT_IN = 10.5
#: Space above a heading, and between two columns, in inches.
ABOVE_IN, GAP_IN = 0.12, 0.1
#: Where the columns of the table of scores and of the tables of facts begin, as parts of the width.
SCORE_COLUMNS, FACT_COLUMNS = (0.0, 0.09, 0.5, 0.59, 0.74, 0.9), (0.0, 0.24)

#: Lines of a card that say nothing here: empty ones, rulers of tables, pictures, which stay with the model.
UNSHOWN = re.compile(r"\s*$|[|: -]+$|.*!\[")


def text_pages(report: Report, width_px: int) -> list[Figure]:
    """All that the HTML report says in words, in its order, on as many pages as that takes."""
    pages = _Pages(width_px)
    pages.paragraph(report.title, size=TITLE_SIZE, bold=True)
    pages.paragraph(report.subtitle)
    pages.paragraph(" · ".join((*report.cautions, RESEARCH_ONLY)), colour=CAUTION if report.cautions else QUIET)
    pages.heading("Scores")
    pages.row(("Well", "Condition", "Score", "95 % interval", "Call", "Cells"), SCORE_COLUMNS, colour=QUIET)
    for well in report.wells:
        pages.row((well.name, well.condition, well.score, well.interval, well.call, well.n_cells), SCORE_COLUMNS)
    pages.paragraph(report.score_meaning, colour=QUIET)
    told = [*report.warnings, *(f"{well}: {reason}" for well, reason in report.failed.items())]
    told += [f"{well.name}: {warning}" for well in report.wells for warning in well.warnings]
    if told:
        pages.heading("Warnings")
        for sentence in told:
            pages.paragraph(sentence, colour=CAUTION)
    for heading, facts in report.facts.items():
        pages.heading(heading)
        for name, value in facts.items():
            pages.row((name, str(value)), FACT_COLUMNS)
    if report.model_card:
        pages.heading("Model card")
        for line in report.model_card.splitlines():
            if line.startswith("#"):
                pages.heading(line.lstrip("# "))
            elif not UNSHOWN.match(line):
                pages.paragraph(_plain(line))
    return pages.finished()


def _plain(line: str) -> str:
    """A line of Markdown without its marks."""
    if line.startswith("|"):
        line = ", ".join(cell.strip() for cell in line.strip("| ").split("|"))
    return line.replace("*", "")


class _Pages:
    """Pages that are filled from top to bottom, one after the other."""

    def __init__(self, width_px: int) -> None:
        self._width_px = width_px
        self._full: list[Figure] = []
        self._page = Page(width_px)

    def heading(self, text: str) -> None:
        """Begin a part; its first two lines stay with it."""
        self._room(ABOVE_IN + 3 * line_height_in(FONT_SIZE))
        self._page.top_in += ABOVE_IN
        self.paragraph(text, bold=True)

    def paragraph(self, text: str, *, size: float = FONT_SIZE, colour: str = TEXT, bold: bool = False) -> None:
        """Write `text` over the whole width, wrapped."""
        for line in wrapped(text, self._page.inner_in, font(size, bold=bold), self._page.dpi):
            self._room(line_height_in(size))
            self._page.text(MARGIN_IN, self._page.top_in, line, size=size, colour=colour, bold=bold)
            self._page.top_in += line_height_in(size)

    def row(self, cells: Sequence[str], starts: Sequence[float], *, colour: str = TEXT) -> None:
        """Write `cells` side by side, each wrapped within its column, which begins at a part of the width."""
        page, height = self._page, line_height_in(FONT_SIZE)
        lefts = [MARGIN_IN + start * page.inner_in for start in (*starts, 1.0)]
        columns = [
            wrapped(cell, right - left - GAP_IN, font(FONT_SIZE), page.dpi)
            for cell, left, right in zip(cells, lefts, lefts[1:], strict=False)
        ]
        for number in range(max(map(len, columns))):
            self._room(height)
            for left, lines in zip(lefts, columns, strict=False):
                if number < len(lines):
                    self._page.text(left, self._page.top_in, lines[number], colour=colour)
            self._page.top_in += height

    def finished(self) -> list[Figure]:
        """All pages."""
        return [*self._full, self._page.finished()]

    def _room(self, needed_in: float) -> None:
        if self._page.top_in + needed_in > PAGE_HEIGHT_IN:
            self._full.append(self._page.finished())
            self._page = Page(self._width_px)
