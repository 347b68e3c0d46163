"""Galleries: the cells that the model relied on most and least, each slice as its channels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import NDArray

from napari_mid.inference.result import NO_CELLS
from napari_mid.reports.caption import Caption
from napari_mid.reports.colours import hex_to_rgb, legible_on_dark, relevance_rgba
from napari_mid.reports.page import FONT_SIZE, GROUND, MARGIN_IN, QUIET, TEXT, Page, font, line_height_in, text_width_in, wrapped
from napari_mid.reports.scale_bar import ScaleBar, scale_bar

#: Slices shown on each side unless told otherwise.
ROWS = 8
#: Title of the column of cells of negative-control wells, and how to read it.
CONTROLS = "NEGATIVE CONTROLS"
CONTROLS_TEXT = "Of the negative controls, cells at random: beside each its well and its relevance in that well."
GREY = "#ffffff"
#: Colour of the outlines of nuclei, and their width in points.
OUTLINE, OUTLINE_PT = "#ffffff", 0.6
#: Points of the smallest names of channels.
LEAST_HEAD_PT = 5.0
#: A slice is printed at most this wide, in inches.
LARGEST_IN = 1.25
GAP_IN = 0.04
COLUMN_GAP_IN = 0.25


@dataclass(frozen=True)
class GalleryColumn:
    """One column of a gallery.

    Parameters
    ----------
    title
        ``"RELEVANT"``, ``"IRRELEVANT"``.
    slices
        (N, C, S, S) from 0 to 1, from top to bottom.
    ranks
        (N,) 1 is the most relevant cell of the well.
    relevance
        (N,)
    names
        What stands beside each slice in place of its rank: which well it is of.
    outlines
        (N, K, 2), (y, x) in pixels of the slice, the nucleus of each; NaN where unknown. None draws none.
    """

    title: str
    slices: NDArray[np.float32]
    ranks: NDArray[np.int64]
    relevance: NDArray[np.float64]
    outlines: NDArray[np.float32] | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.slices)
        if self.slices.ndim != 4 or self.ranks.shape != (n,) or self.relevance.shape != (n,):
            raise ValueError(
                f"slices {self.slices.shape}, ranks {self.ranks.shape} and relevance {self.relevance.shape} "
                "must be (N, C, S, S), (N,) and (N,)"
            )
        if self.names and len(self.names) != n:
            raise ValueError(f"{len(self.names)} names were given for {n} slices")
        if self.outlines is not None and (self.outlines.ndim != 3 or self.outlines.shape[::2] != (n, 2)):
            raise ValueError(f"outlines are {self.outlines.shape}, expected ({n}, K, 2)")


def slice_strip(planes: NDArray[Any], colours: Sequence[str] | None = None, gap_px: int = 0) -> NDArray[np.uint8]:
    """Draw one slice as its channels side by side.

    Parameters
    ----------
    planes
        (C, S, S) from 0 to 1.
    colours
        C hex colours; grey where None.
    gap_px
        Columns of the page's ground between channels.

    Returns
    -------
    NDArray
        (S, C * S + (C - 1) * gap_px, 3) uint8.
    """
    n_channels, height, width = planes.shape
    full = np.array([hex_to_rgb(colour) for colour in (colours or [GREY] * n_channels)])
    if len(full) != n_channels:
        raise ValueError(f"{len(full)} colours were given for {n_channels} channels")
    bright = np.clip(np.nan_to_num(planes.astype(np.float32)), 0.0, 1.0)
    tiles = np.rint(255 * bright[..., np.newaxis] * full[:, np.newaxis, np.newaxis, :]).astype(np.uint8)
    if gap_px == 0 or n_channels < 2:
        strip: NDArray[np.uint8] = tiles.transpose(1, 0, 2, 3).reshape(height, n_channels * width, 3)
        return strip
    gap = np.broadcast_to(np.rint(255 * np.array(hex_to_rgb(GROUND))).astype(np.uint8), (height, gap_px, 3))
    pieces = [piece for tile in tiles for piece in (gap, tile)][1:]
    return np.concatenate(pieces, axis=1)


def most_and_least(ranks: NDArray[Any], n: int = ROWS) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the `n` most relevant cells, best first, and of the `n` least relevant, least first; no cell is in both.

    Cells that are left out of the score have no rank, 0, and are in neither.
    """
    ranks = np.asarray(ranks)
    order = np.argsort(ranks, kind="stable")[int((ranks < 1).sum()) :]
    n_most = min(n, (len(order) + 1) // 2)
    n_least = min(n, len(order) // 2)
    return order[:n_most], order[::-1][:n_least]


def gallery_figure(
    columns: Sequence[GalleryColumn],
    channels: Sequence[tuple[str, str]],
    caption: Caption,
    *,
    pixel_size_um: float | None = None,
    limits: tuple[float, float] | None = None,
    width_px: int = 1600,
    stained: bool = True,
) -> Figure:
    """Draw galleries beside each other.

    Parameters
    ----------
    columns
        From left to right; a column without slices says so.
    channels
        (name, hex colour) of the slices' planes, in order.
    caption
        What is said about the well.
    pixel_size_um
        Edge of a slice's pixel in micrometres, or None.
    limits
        Relevance of the darkest and the brightest colour; those of the whole well.
    stained
        In the colours of the stains, else in grey.
    """
    page = Page(width_px)
    page.caption(caption)
    shown = [column for column in columns if len(column.slices)]
    if shown:
        _draw_columns(page, columns, channels, limits or (0.0, max(float(column.relevance.max()) for column in shown)), stained)
        _draw_foot(page, shown[0].slices.shape, pixel_size_um)
        if any(column.names for column in shown):
            page.paragraph(CONTROLS_TEXT, colour=QUIET)
    else:
        page.paragraph(NO_CELLS, bold=True)
    return page.finished()


def _label_width_in(columns: Sequence[GalleryColumn], dpi: float) -> float:
    labels = [text for column in columns for number in range(len(column.slices)) for text in _labels(column, number)]
    return max((text_width_in(label, font(FONT_SIZE), dpi) for label in labels), default=0.3) + 0.08


def _labels(column: GalleryColumn, number: int) -> tuple[str, str]:
    name = column.names[number] if column.names else f"#{column.ranks[number]:,}"
    return name, f"{column.relevance[number]:.2f}"


def _tile_in(page: Page, n_columns: int, n_channels: int, label_in: float) -> float:
    """Printed edge of one channel of a slice."""
    column_in = (page.inner_in - (n_columns - 1) * COLUMN_GAP_IN) / n_columns
    return max(0.1, min(LARGEST_IN, (column_in - label_in - 0.1 - (n_channels - 1) * GAP_IN) / n_channels))


def _draw_columns(
    page: Page, columns: Sequence[GalleryColumn], channels: Sequence[tuple[str, str]], limits: tuple[float, float], stained: bool
) -> None:
    label_in = _label_width_in(columns, page.dpi)
    tile = _tile_in(page, len(columns), len(channels), label_in)
    strip_in = len(channels) * tile + (len(channels) - 1) * GAP_IN
    step = label_in + 0.1 + strip_in + COLUMN_GAP_IN
    for number, column in enumerate(columns):
        page.text(MARGIN_IN + number * step, page.top_in, column.title, bold=True)
    page.top_in += line_height_in(FONT_SIZE)
    size, lines = _channel_heads(page, [name for name, _ in channels], tile)
    for number in range(len(columns)):
        for channel, (_, colour) in enumerate(channels):
            left = MARGIN_IN + number * step + label_in + 0.1 + channel * (tile + GAP_IN)
            for line, text in enumerate(lines[channel]):
                page.text(
                    left,
                    page.top_in + line * line_height_in(size),
                    text,
                    size=size,
                    colour=legible_on_dark(colour),
                )
    page.top_in += max(map(len, lines), default=0) * line_height_in(size) + 0.03
    colours = [colour if stained else GREY for _, colour in channels]
    row_in = max(tile, 2 * line_height_in(FONT_SIZE)) + GAP_IN
    for number, column in enumerate(columns):
        _draw_column(page, column, colours, limits, (MARGIN_IN + number * step, label_in, tile, row_in))
    page.top_in += max(1, *(len(column.slices) for column in columns)) * row_in + 0.05


def _channel_heads(page: Page, names: Sequence[str], tile_in: float) -> tuple[float, list[list[str]]]:
    """Channel names wrapped to the width of a slice, in a size in which their words need not be broken, where it is legible."""
    size = FONT_SIZE - 1
    while size > LEAST_HEAD_PT and any(
        text_width_in(word, font(size), page.dpi) > tile_in for name in names for word in name.split()
    ):
        size -= 0.5
    return size, [wrapped(name, tile_in, font(size), page.dpi) for name in names]


def _draw_column(
    page: Page,
    column: GalleryColumn,
    colours: Sequence[str],
    limits: tuple[float, float],
    place: tuple[float, float, float, float],
) -> None:
    left, label_in, tile, row_in = place
    if not len(column.slices):
        page.text(left, page.top_in, NO_CELLS, colour=QUIET)
    stripes = relevance_rgba(column.relevance, limits)
    for number, planes in enumerate(column.slices):
        top = page.top_in + number * row_in
        rank, relevance = _labels(column, number)
        page.text(left, top, rank, colour=TEXT)
        page.text(left, top + line_height_in(FONT_SIZE), relevance, colour=QUIET)
        stripe = page.axes(left + label_in, top, 0.06, tile, f"{column.title} stripe {number}")
        stripe.set_facecolor(tuple(stripes[number]))
        for channel, colour in enumerate(colours):
            place_left = left + label_in + 0.1 + channel * (tile + GAP_IN)
            axes = page.axes(place_left, top, tile, tile, f"{column.title} {number} {channel}")
            axes.imshow(slice_strip(planes[channel : channel + 1], [colour]), interpolation="nearest", aspect="auto")
            if column.outlines is not None and np.isfinite(column.outlines[number]).all():
                outline = Polygon(column.outlines[number][:, ::-1], fill=False, edgecolor=OUTLINE, linewidth=OUTLINE_PT)
                axes.add_patch(outline)


def _draw_foot(page: Page, shape: tuple[int, ...], pixel_size_um: float | None) -> None:
    """The scale bar of the slices, and how to read the labels."""
    tile_axes = next(axes for axes, _ in page.placed if axes.get_images())
    tile_in = next(place[2] for axes, place in page.placed if axes is tile_axes)
    size_px = shape[-1]
    # a bar of up to half a slice: a quarter of a 48 px slice would be too short to read
    bar: ScaleBar = scale_bar(2 * size_px, pixel_size_um)
    length_in = bar.length_px / size_px * tile_in
    axes = page.axes(MARGIN_IN, page.top_in + 0.05, length_in, 0.035, "scale bar")
    axes.add_patch(Rectangle((0, 0), 1, 1, color="white", lw=0))
    edge = f"{size_px} px" + (f" = {size_px * pixel_size_um:.3g} µm" if pixel_size_um else "")
    page.text(MARGIN_IN + length_in + 0.1, page.top_in, f"{bar.label}; a slice is {edge} wide")
    page.top_in += line_height_in(FONT_SIZE)
    page.paragraph(
        "Beside each slice: its rank in the well and its relevance (1 = even), in the colour of its dot.", colour=QUIET
    )
