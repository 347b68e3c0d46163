"""Numbers of an evaluation as they are printed."""

from __future__ import annotations

import math

from napari_mid.evaluation.bootstrap import Comparison, Estimate


def estimate_text(each: Estimate) -> str:
    """``"0.91 (0.76 to 0.97)"``, ``"0.91 (fewer than two compounds)"`` or ``"undefined: none is positive"``."""
    if not math.isfinite(each.value):
        return f"undefined: {each.undefined}"
    if not math.isfinite(each.low):
        return f"{each.value:.2f} ({each.undefined})"
    return f"{each.value:.2f} ({each.low:.2f} to {each.high:.2f})"


def comparison_text(each: Comparison) -> str:
    """``"-0.20 (-0.31 to -0.08), p = 0.002"``."""
    difference = each.difference
    if not math.isfinite(difference.value):
        return f"undefined: {difference.undefined}"
    if not math.isfinite(difference.low):
        return f"{difference.value:+.2f}"
    p = "p < 0.001" if each.p_value < 0.001 else f"p = {each.p_value:.2g}"
    return f"{difference.value:+.2f} ({difference.low:+.2f} to {difference.high:+.2f}), {p}"
