"""From the score of a well to a call, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from napari_mid.inference.result import NO_CELLS

POSITIVE, NEGATIVE, NO_CALL = "positive", "negative", "no call"


@dataclass(frozen=True)
class Call:
    """What is called, and the reason in one sentence."""

    call: str
    reason: str


def call_of(
    score: float,
    low: float,
    high: float,
    threshold: float,
    *,
    n_cells: int,
    fewest_cells: int = 1,
    training_distance: float = math.nan,
    far: float = math.nan,
    networks_sd: float = math.nan,
    n_networks: int = 1,
) -> Call:
    """Call a well.

    Parameters
    ----------
    score, low, high
        With its 95 % interval over cells.
    threshold
        At and above which a score is positive.
    n_cells, fewest_cells
        How many cells the well has, and how many a call needs.
    training_distance, far
        Median distance of the cells from the training cells, and the distance that 5 % of those exceed; NaN where not known. A
        well of which more than half of the cells lie beyond it is not called.
    networks_sd, n_networks
        Standard deviation of the score over the networks of an ensemble, and how many there are.

    Returns
    -------
    Call
        ``"no cells"``; ``"no call"`` where there are too few cells, they are unlike the training cells, or the interval
        straddles the threshold, or would if it were that over cells and over networks; else ``"positive"`` or ``"negative"``.
    """
    if n_cells == 0 or math.isnan(score):
        return Call(NO_CELLS, "no nuclei were found")
    if n_cells < fewest_cells:
        return Call(NO_CALL, f"only {n_cells} cells, and a call needs {fewest_cells}")
    if training_distance > far:
        return Call(
            NO_CALL,
            f"the cells are unlike those the model was trained on: {training_distance:.1f} times as far from them as usual, and "
            f"more than {far:.1f} is rare",
        )
    digits = digits_of(low, high)
    interval = f"the interval of the score, {low:.{digits}f} to {high:.{digits}f},"
    if low < threshold <= high:
        return Call(NO_CALL, f"{interval} holds the threshold {threshold:.2f}")
    if n_networks > 1 and networks_sd > 0:
        # few networks: their mean is known by Student's distribution
        over_networks = float(stdtrit(n_networks - 1, 0.975)) * networks_sd / math.sqrt(n_networks)
        nearer = score - low if score >= threshold else high - score
        if math.hypot(nearer, over_networks) > abs(score - threshold):
            return Call(
                NO_CALL,
                f"the {n_networks} networks of the model differ by so much ({networks_sd:.2f}) that the score may lie on either "
                f"side of the threshold {threshold:.2f}",
            )
    if low >= threshold:
        return Call(POSITIVE, f"{interval} lies at or above the threshold {threshold:.2f}")
    return Call(NEGATIVE, f"{interval} lies below the threshold {threshold:.2f}")


def digits_of(low: float, high: float) -> int:
    """Digits behind the point with which the ends of an interval of scores can be told apart, mostly."""
    return 2 if f"{low:.2f}" != f"{high:.2f}" else 3
