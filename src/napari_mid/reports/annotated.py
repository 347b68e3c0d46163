"""The annotated picture: cells as dots on the image, coloured by relevance, with all that is needed to read it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_mid.inference.result import NO_CELLS
from napari_mid.reports.caption import Caption
from napari_mid.reports.colours import RELEVANCE_COLOURS, relevance_limits, to_rgba
from napari_mid.reports.dots import MEASURES
from napari_mid.reports.page import FONT_SIZE, MARGIN_IN, QUIET, TEXT, TITLE_SIZE, Page, font, line_height_in, text_width_in
from napari_mid.reports.scale_bar import draw_scale_bar, scale_bar

WIDTH_PX = 1600
#: The image is at most this many times as high as the page is wide.
TALLEST = 1.25
#: Diameter of a dot as a part of the diameter of its nucleus, so that the nucleus is seen around it.
DOT_PART = 0.6
#: A nucleus of unknown size is taken to be this wide.
TYPICAL_NUCLEUS_UM = 12.0
TYPICAL_NUCLEUS_PX = 20.0
#: A dot is printed at least this wide.
LEAST_DOT_IN = 0.028
EDGE_COLOUR = "#f4f4f8"
#: The largest value of a measure in per cent: nothing lies above it.
PERCENT = 100.0


@dataclass(frozen=True)
class AnnotatedView:
    """What an annotated picture shows; the whole well, or the part of it that the window shows.

    Parameters
    ----------
    rgb
        (Y, X, 3) uint8, the image; see `composite`.
    caption
        What is said about it.
    points
        (N, 2) float, (y, x) of the nuclei in pixels of `rgb`, 0-based, at pixel centres; those outside are not drawn.
    relevance
        (N,) float, or another number of each cell, see `label`.
    limits
        Relevance of the darkest and of the brightest colour; those of the *well* when a part of it is shown. From `relevance`
        where None.
    dot_px
        Diameter of the dots in pixels of `rgb`, or (N,) of each; see `dot_diameter`.
    pixel_size_um
        Edge of a pixel of `rgb` in micrometres, or None.
    channels
        (name, hex colour) of the channels shown.
    colours
        (256, 4) colormap of the relevance.
    label, even
        What stands beside the colour bar, and the value that is marked on it, or None.
    note
        Which cells are shown, where these are not all.
    """

    rgb: NDArray[np.uint8]
    caption: Caption
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    relevance: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    limits: tuple[float, float] | None = None
    dot_px: float | NDArray[np.float64] = DOT_PART * TYPICAL_NUCLEUS_PX
    pixel_size_um: float | None = None
    channels: tuple[tuple[str, str], ...] = ()
    colours: NDArray[np.float64] = field(default_factory=lambda: RELEVANCE_COLOURS)
    label: str = MEASURES["relevance"].label
    even: float | None = MEASURES["relevance"].even
    note: str = ""

    def __post_init__(self) -> None:
        n = len(self.points)
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.points.shape != (n, 2) or self.relevance.shape != (n,):
            raise ValueError(
                f"rgb {self.rgb.shape}, points {self.points.shape} and relevance {self.relevance.shape} "
                "must be (Y, X, 3), (N, 2) and (N,)"
            )


def dot_diameter(area_px: NDArray[np.float64], pixel_size_um: float | None) -> float:
    """Diameter in pixels of the dots for nuclei of (N,) `area_px`; of a typical nucleus where no area is known."""
    known = np.asarray(area_px, dtype=float)
    known = known[np.isfinite(known) & (known > 0)]
    if known.size:
        return DOT_PART * 2.0 * math.sqrt(float(np.median(known)) / math.pi)
    return DOT_PART * (TYPICAL_NUCLEUS_UM / pixel_size_um if pixel_size_um else TYPICAL_NUCLEUS_PX)


def annotated_figure(view: AnnotatedView, width_px: int = WIDTH_PX) -> Figure:
    """Draw `view` on a page `width_px` pixels wide; its height follows the image."""
    page = Page(width_px)
    page.caption(view.caption)
    _draw_image(page, view)
    if len(view.points):
        _draw_colour_bar(page, view)
    page.legend(view.channels)
    return page.finished()


def _draw_image(page: Page, view: AnnotatedView) -> None:
    height, width = view.rgb.shape[:2]
    inches_per_px = min(page.inner_in / width, TALLEST * page.width_in / height)
    # whole pixels of the page, so that the image's edge is sharp
    left, top, wide, high = (
        round(inches * page.dpi) / page.dpi
        for inches in ((page.width_in - width * inches_per_px) / 2, page.top_in, width * inches_per_px, height * inches_per_px)
    )
    axes = page.axes(left, top, wide, high, "image")
    page.top_in = top + high + 0.1
    scale = inches_per_px * page.dpi
    rgb, step = _reduced(view.rgb, scale)
    axes.imshow(
        rgb,
        extent=(-0.5, rgb.shape[1] * step - 0.5, rgb.shape[0] * step - 0.5, -0.5),
        interpolation="nearest" if scale >= 1 else "hanning",
        aspect="auto",
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    if len(view.points):
        _draw_points(axes, view, inches_per_px)
    elif view.caption.score is not None:
        axes.text(
            0.5,
            0.5,
            NO_CELLS,
            transform=axes.transAxes,
            ha="center",
            va="center",
            color=TEXT,
            fontproperties=font(TITLE_SIZE, bold=True),
            bbox={"facecolor": "black", "alpha": 0.6, "edgecolor": "none"},
        )
    draw_scale_bar(axes, scale_bar(width, view.pixel_size_um), (height, width), inches_per_px, page.dpi)


def _reduced(rgb: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], int]:
    """`rgb` averaged in blocks while it keeps twice the pixels that are printed: matplotlib is slow on whole wells."""
    step = max(1, int(0.5 / scale))
    if step == 1:
        return rgb, 1
    height, width = (-(-size // step) * step for size in rgb.shape[:2])
    padded = np.pad(rgb, ((0, height - rgb.shape[0]), (0, width - rgb.shape[1]), (0, 0)), mode="edge")
    blocks = padded.reshape(height // step, step, width // step, step, 3)
    return blocks.mean(axis=(1, 3), dtype=np.float32).round().astype(np.uint8), step


def _draw_points(axes: Axes, view: AnnotatedView, inches_per_px: float) -> None:
    order = np.argsort(np.nan_to_num(view.relevance, nan=-np.inf), kind="stable")  # the most relevant on top
    diameters = np.maximum(np.broadcast_to(view.dot_px, len(order)), LEAST_DOT_IN / inches_per_px)[order]
    printed_points = float(np.median(diameters)) * inches_per_px * 72.0
    axes.add_collection(
        EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(order)),
            units="xy",
            offsets=view.points[order][:, ::-1],
            offset_transform=axes.transData,
            facecolors=to_rgba(view.relevance[order], _limits(view), view.colours),
            edgecolors=EDGE_COLOUR,
            linewidths=min(0.6, 0.08 * printed_points),
            zorder=5,
        )
    )


def _limits(view: AnnotatedView) -> tuple[float, float]:
    return view.limits or relevance_limits(view.relevance)


def _draw_colour_bar(page: Page, view: AnnotatedView) -> None:
    low, high = _limits(view)
    label = view.label
    label_width = text_width_in(label, font(FONT_SIZE), page.dpi) + 0.12
    left, width = MARGIN_IN + label_width, min(3.2, page.inner_in - label_width - 0.3)
    page.text(MARGIN_IN, page.top_in, label)
    axes = page.axes(left, page.top_in + 0.01, width, 0.12, "colour bar")
    axes.imshow(view.colours[np.newaxis], extent=(low, high, 0.0, 1.0), aspect="auto", interpolation="nearest")
    page.top_in += line_height_in(FONT_SIZE)
    for value, text in _ticks(low, high, view.even, width, page.dpi):
        at = left + width * (value - low) / (high - low)
        if text:
            page.text(at, page.top_in, text, colour=QUIET, align="center")
        if low < value < high:
            axes.axvline(value, color="white", lw=0.8)
    page.top_in += line_height_in(FONT_SIZE) + 0.02
    if view.note:
        page.paragraph(view.note, colour=QUIET)


def _ticks(low: float, high: float, even: float | None, width_in: float, dpi: float) -> list[tuple[float, str]]:
    """Values and labels along a colour bar: both limits, and the even value where its label has room."""
    properties, top_label = font(FONT_SIZE), f"{high:g}" if even is None and high == PERCENT else f"≥ {high:.3g}"
    ticks: list[tuple[float, str]] = [(low, f"{low:g}"), (high, top_label)]
    if even is not None and low < even < high:
        label = f"{even:g}"
        room = (text_width_in(top_label, properties, dpi) + text_width_in(label, properties, dpi)) / 2 + 0.05
        ticks.insert(1, (even, label if (high - even) / (high - low) * width_in > room else ""))
    return ticks
