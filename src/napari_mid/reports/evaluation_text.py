"""Numbers of an evaluation as they are printed."""

from __future__ import annotations

import math

from napari_mid.evaluation.bootstrap import Comparison, Estimate
from napari_mid.evaluation.paired import Paired

#: Whether a control came out as it should, in words.
VERDICTS = {True: "as it should", False: "NOT as it should", None: "not run"}


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


def paired_text(each: Paired | None) -> str:
    """``"swap test p = 0.01; alone right: 3, MID alone: 9, McNemar p = 0.15"``; empty for MID itself."""
    if each is None:
        return ""
    counts = f"alone right {each.only_right}, MID alone {each.only_reference}"
    if math.isfinite(each.mcnemar):
        counts += f", McNemar p = {each.mcnemar:.2g}"
    if not math.isfinite(each.swap_auroc):
        return counts
    return f"swap test p = {each.swap_balanced_accuracy:.2g} (balanced accuracy), {each.swap_auroc:.2g} (AUROC); {counts}"
