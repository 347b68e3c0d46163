"""The scale bar: a round length, drawn to scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from napari_mid.reports.page import FONT_SIZE, font, text_width_in

#: A bar is the longest round length up to this part of the image's width.
LONGEST_PART = 0.25


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A length in pixels of the image, and its name: ``ScaleBar(83.3, "50 µm")``."""

    length_px: float
    label: str


def scale_bar(width_px: float, pixel_size_um: float | None) -> ScaleBar:
    """A bar for an image `width_px` wide: 1, 2 or 5 times a power of ten µm, or px where the pixel size is unknown."""
    unit_px = 1.0 / pixel_size_um if pixel_size_um else 1.0
    longest = max(LONGEST_PART * width_px / unit_px, 1e-9)
    power = 10.0 ** math.floor(math.log10(longest))
    length = next(step * power for step in (5, 2, 1) if step * power <= longest * (1 + 1e-9))
    if not pixel_size_um:
        length = max(1.0, length)
        return ScaleBar(length, f"{length:.0f} px")
    label = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    return ScaleBar(length * unit_px, label)


def draw_scale_bar(axes: Axes, bar: ScaleBar, shape: tuple[int, int], inches_per_px: float, dpi: float) -> None:
    """Draw `bar` in the lower right corner of an image of `shape` (Y, X) on a dark patch, so that it is seen on bright cells too.

    Parameters
    ----------
    inches_per_px
        Printed size of an image pixel.
    dpi
        Of the page.
    """
    height, width = shape
    inch = 1.0 / inches_per_px
    pad, thick, size = 0.05 * inch, 0.035 * inch, FONT_SIZE
    text = text_width_in(bar.label, font(size), dpi) * inch
    line = size / 72.0 * inch
    box_width, box_height = max(bar.length_px, text) + 2 * pad, line + thick + 2.6 * pad
    right, bottom = width - 0.5 - pad, height - 0.5 - pad
    axes.add_patch(
        Rectangle((right - box_width, bottom - box_height), box_width, box_height, color="black", alpha=0.6, lw=0, zorder=8)
    )
    middle = right - box_width / 2
    axes.add_patch(
        Rectangle(
            (middle - bar.length_px / 2, bottom - pad - thick),
            bar.length_px,
            thick,
            color="white",
            lw=0,
            zorder=9,
            gid="scale bar",
        )
    )
    axes.text(
        middle,
        bottom - 1.9 * pad - thick,
        bar.label,
        color="white",
        ha="center",
        va="baseline",
        fontproperties=font(size),
        zorder=9,
        parse_math=False,
    )
