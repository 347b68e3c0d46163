"""A dark page on which figures are laid out in inches from its top left corner.

Figures are made through matplotlib's objects, never through pyplot: the window has its own event loop, and a report must not
touch anyone's backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.textpath import text_to_path

from napari_mid.errors import SettingsError
from napari_mid.files import atomic_path
from napari_mid.reports.caption import RESEARCH_ONLY, Caption, CaptionLine, PlateCaption

GROUND = "#14161a"
TEXT = "#eceff4"
QUIET = "#a8b0bd"
CAUTION = "#ffb454"
LINE_COLOURS = {"title": TEXT, "plain": TEXT, "quiet": QUIET, "caution": CAUTION}

#: Points of ordinary text, and of the title.
FONT_SIZE = 8.0
TITLE_SIZE = 10.0
#: Height of a line of text as a multiple of its font size.
LINE_SPACING = 1.35
#: Empty frame of every page, in inches.
MARGIN_IN = 0.15
#: A page is this wide unless that leaves fewer than `LEAST_DPI` pixels an inch: then text keeps its pixels and the page shrinks.
PAGE_WIDTH_IN = 8.0
LEAST_DPI = 100.0

FORMATS = (".png", ".svg", ".pdf")

#: Fonts that are tried after DejaVu Sans, which has no Chinese, Japanese or Korean letters.
_MORE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)


@lru_cache
def font_families() -> tuple[str, ...]:
    """DejaVu Sans, and fonts of this machine that have the letters it lacks."""
    installed = set(fontManager.get_font_names())
    return ("DejaVu Sans", *(name for name in _MORE_FONTS if name in installed))


def font(size: float, *, bold: bool = False) -> FontProperties:
    """The font of all figures at `size` points."""
    return FontProperties(family=list(font_families()), size=size, weight="bold" if bold else "normal")


def text_width_in(text: str, properties: FontProperties, dpi: float) -> float:
    """Width of one line of text in inches; in a PNG every letter is rounded to whole pixels, so that `dpi` matters."""
    outline, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    renderer: Any = RendererAgg(1, 1, dpi)  # type: ignore[no-untyped-call]
    pixels, _, _ = renderer.get_text_width_height_descent(text, properties, False)
    return max(float(outline) / 72.0, float(pixels) / dpi)


def wrapped(text: str, width_in: float, properties: FontProperties, dpi: float) -> list[str]:
    """`text` in lines of at most `width_in`, broken at spaces, or inside a word that is longer than a line."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width_in(longer, properties, dpi) <= width_in:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and text_width_in(lines[-1] + letter, properties, dpi) > width_in:
                lines.append("")
            lines[-1] += letter
    return lines


def page_size(width_px: int) -> tuple[float, float]:
    """(width in inches, dots per inch) of a page `width_px` pixels wide."""
    if width_px < 200:
        raise SettingsError(f"The figure is to be {width_px} px wide, expected 200 px or more: its text needs that.")
    width_in = min(PAGE_WIDTH_IN, width_px / LEAST_DPI)
    return width_in, width_px / width_in


class Page:
    """A dark figure of a known width whose height grows until it is `finished`.

    Parameters
    ----------
    width_px
        Width in pixels.
    """

    def __init__(self, width_px: int) -> None:
        self.width_in, self.dpi = page_size(width_px)
        self.width_px = width_px
        self.figure = Figure(figsize=(self.width_in, self.width_in), dpi=self.dpi, facecolor=GROUND)
        #: inches from the top to the first free spot
        self.top_in = MARGIN_IN
        #: axes and their (left, top, width, height) in inches
        self.placed: list[tuple[Axes, tuple[float, float, float, float]]] = []
        # one invisible layer under everything carries the text, in inches
        self._layer = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), label="text")
        self._layer.set_axis_off()

    @property
    def inner_in(self) -> float:
        """Width between the margins, in inches."""
        return self.width_in - 2 * MARGIN_IN

    def axes(self, left_in: float, top_in: float, width_in: float, height_in: float, label: str) -> Axes:
        """Axes without ticks at a place in inches; `label` names them."""
        axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), label=label)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_facecolor("black")
        for spine in axes.spines.values():
            spine.set_visible(False)
        self.placed.append((axes, (left_in, top_in, width_in, height_in)))
        return axes

    def text(
        self,
        left_in: float,
        top_in: float,
        text: str,
        *,
        size: float = FONT_SIZE,
        colour: str = TEXT,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Write one line whose top lies `top_in` below the page's top; `align` says what of it lies at `left_in`."""
        baseline_in = top_in + size / 72.0
        # names of plates and compounds may hold dollar signs, which are no formulas
        self._layer.text(
            left_in,
            baseline_in,
            text,
            color=colour,
            ha=align,
            va="baseline",
            fontproperties=font(size, bold=bold),
            parse_math=False,
        )

    def paragraph(self, text: str, *, size: float = FONT_SIZE, colour: str = TEXT, bold: bool = False) -> None:
        """Write `text` over the whole width at the first free spot, wrapped."""
        for line in wrapped(text, self.inner_in, font(size, bold=bold), self.dpi):
            self.text(MARGIN_IN, self.top_in, line, size=size, colour=colour, bold=bold)
            self.top_in += line_height_in(size)

    def caption(self, caption: Caption | PlateCaption) -> None:
        """Write the title block, and "Research use only"."""
        for line in [*caption.lines(), CaptionLine(RESEARCH_ONLY, "quiet")]:
            title = line.kind == "title"
            self.paragraph(
                line.text,
                size=TITLE_SIZE if title else FONT_SIZE,
                colour=LINE_COLOURS[line.kind],
                bold=line.kind in ("title", "caution"),
            )
        self.top_in += 0.06

    def legend(self, channels: Sequence[tuple[str, str]]) -> None:
        """Name the channels, each beside a square of its colour, over as many lines as that takes."""
        from napari_mid.reports.colours import legible_on_dark

        square, gap, properties = 0.1, 0.16, font(FONT_SIZE)
        left, height = MARGIN_IN, line_height_in(FONT_SIZE)
        for name, colour in channels:
            needed = square + 0.06 + text_width_in(name, properties, self.dpi)
            if left > MARGIN_IN and left + needed > self.width_in - MARGIN_IN:
                left, self.top_in = MARGIN_IN, self.top_in + height
            swatch = self.axes(left, self.top_in + 0.02, square, square, f"swatch {name}")
            swatch.set_facecolor(colour)
            self.text(left + square + 0.06, self.top_in, name, colour=legible_on_dark(colour))
            left += needed + gap
        if channels:
            self.top_in += height

    def finished(self) -> Figure:
        """The figure, as high as its content."""
        height_px = round((self.top_in + MARGIN_IN) * self.dpi)
        height_in = height_px / self.dpi
        self.figure.set_size_inches(self.width_in, height_in)
        self._layer.set_xlim(0.0, self.width_in)
        self._layer.set_ylim(height_in, 0.0)
        for axes, (left, top, width, height) in self.placed:
            axes.set_position((left / self.width_in, 1.0 - (top + height) / height_in, width / self.width_in, height / height_in))
        return self.figure


def line_height_in(size: float) -> float:
    """Height of a line of text of `size` points, in inches."""
    return size * LINE_SPACING / 72.0


def check_suffix(path: Path) -> None:
    """Raise `SettingsError` where a figure cannot be written as `path`."""
    if path.suffix.lower() not in FORMATS:
        raise SettingsError(f"{path.name} ends in {path.suffix!r}; figures are written as {', '.join(FORMATS)}.")


def save_figure(figure: Figure, path: Path, dpi: float | None = None) -> Path:
    """Write `figure` as PNG, SVG or PDF, by the suffix of `path`.

    Parameters
    ----------
    dpi
        Dots per inch of a PNG; what the figure was made for where None.

    Raises
    ------
    SettingsError
        If the suffix is another one.
    """
    path = Path(path)
    check_suffix(path)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower()[1:], dpi=dpi or figure.dpi, facecolor=figure.get_facecolor())
    return path
