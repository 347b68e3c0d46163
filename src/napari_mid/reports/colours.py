"""Colours of relevance and of scores; the window, the figures and the report use the same ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.color import lab2rgb, rgb2lab

#: Percentile of the relevance of a well that becomes the brightest colour.
TOP_PERCENTILE = 99.0
#: The brightest colour stands for this relevance at least: an even cell, 1, then lies in the middle of the scale.
EVEN_TOP = 2.0
#: Colour of a number that is not there: NaN, a well that was not scored.
MISSING = (0.55, 0.55, 0.55, 1.0)


def hex_to_rgb(colour: str) -> tuple[float, float, float]:
    """``"#ff8000"`` as (red, green, blue), each from 0 to 1."""
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return int(digits[0:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:6], 16) / 255


def rgb_to_hex(rgb: Sequence[float]) -> str:
    """(red, green, blue), each from 0 to 1, as ``"#ff8000"``."""
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, float(part)))):02x}" for part in rgb[:3])


def lightness(rgb: ArrayLike) -> NDArray[np.float64]:
    """CIELAB lightness L*, 0 to 100, of (..., 3) or (..., 4) colours from 0 to 1."""
    found: NDArray[np.float64] = rgb2lab(np.asarray(rgb, dtype=float)[..., :3])[..., 0]
    return found


def lab_colormap(anchors: Sequence[str], n: int = 256) -> NDArray[np.float64]:
    """Colormap (n, 4) through `anchors`, of rising lightness, whose lightness rises by the same amount at every step."""
    lab = rgb2lab(np.array([hex_to_rgb(anchor) for anchor in anchors]))
    steps = np.linspace(lab[0, 0], lab[-1, 0], n)
    smooth = np.stack([steps, np.interp(steps, lab[:, 0], lab[:, 1]), np.interp(steps, lab[:, 0], lab[:, 2])], axis=-1)
    rgba = np.ones((n, 4))
    rgba[:, :3] = np.clip(lab2rgb(smooth), 0.0, 1.0)
    return rgba


#: Relevance, (256, 4) RGBA from 0 to 1: dark blue, still visible on black, to bright pink.
RELEVANCE_COLOURS = lab_colormap(["#2233ae", "#4f3cc0", "#8346c6", "#b951c6", "#e768c2", "#ff85cc", "#ff9fd8"])
#: The same for readers who cannot tell blue from pink: dark blue to yellow.
RELEVANCE_COLOURS_CIVIDIS = lab_colormap(["#1c3c77", "#575d6d", "#7d7c78", "#a59c74", "#d3c064", "#ffe945"])
#: Relevance colormaps by the name that the window shows.
RELEVANCE_COLORMAPS = {"blue to pink": RELEVANCE_COLOURS, "blue to yellow (colour-blind)": RELEVANCE_COLOURS_CIVIDIS}
#: Scores from 0 to 1, (256, 4) RGBA, on plate maps.
SCORE_COLOURS = lab_colormap(["#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"])
SCORE_LIMITS = (0.0, 1.0)


def relevance_limits(relevance: ArrayLike) -> tuple[float, float]:
    """The relevance shown darkest and brightest: 0 and the 99th percentile of (N,) `relevance`, at least `EVEN_TOP`.

    Without that floor a well whose cells are all read alike would be painted as if some of them stood out.
    """
    values = np.asarray(relevance, dtype=float)
    values = values[np.isfinite(values)]
    return 0.0, max(EVEN_TOP, float(np.percentile(values, TOP_PERCENTILE))) if values.size else EVEN_TOP


def to_rgba(
    values: ArrayLike, limits: tuple[float, float], colours: NDArray[np.float64] = RELEVANCE_COLOURS
) -> NDArray[np.float64]:
    """Colours (..., 4) of `values` on the scale from ``limits[0]`` to ``limits[1]``; NaN becomes `MISSING`."""
    numbers = np.asarray(values, dtype=float)
    low, high = limits
    with np.errstate(invalid="ignore"):
        index = np.clip((numbers - low) / (high - low) * len(colours), 0, len(colours) - 1)
    rgba: NDArray[np.float64] = np.take(colours, np.nan_to_num(index).astype(int), axis=0)  # a copy, for a single value too
    rgba[np.isnan(numbers)] = MISSING
    return rgba


def relevance_rgba(
    relevance: ArrayLike, limits: tuple[float, float] | None = None, colours: NDArray[np.float64] = RELEVANCE_COLOURS
) -> NDArray[np.float64]:
    """Colours (N, 4) of (N,) `relevance`, on the scale of `relevance_limits` where `limits` is None."""
    return to_rgba(relevance, limits or relevance_limits(relevance), colours)


def score_rgba(scores: ArrayLike) -> NDArray[np.float64]:
    """Colours (..., 4) of scores from 0 to 1; a missing score is grey."""
    return to_rgba(scores, SCORE_LIMITS, SCORE_COLOURS)


def legible_on_dark(colour: str, least: float = 62.0) -> str:
    """`colour` mixed with as much white as text of lightness `least` on a dark ground needs."""
    rgb = np.array(hex_to_rgb(colour))
    for white in np.linspace(0.0, 1.0, 21):
        mixed = rgb + (1.0 - rgb) * white
        if lightness(mixed) >= least:
            return rgb_to_hex(mixed)
    return "#ffffff"
