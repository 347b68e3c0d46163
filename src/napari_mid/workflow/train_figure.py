"""How sure a model is beside how often it is right: the calibration plot of the card."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

#: Bins of equal width from 0 to 1.
BINS = 10
#: Fewer bags make no curve.
FEWEST_BAGS = 5


def calibration_bins(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> list[tuple[float, float, int]]:
    """Mean confidence, share of right ones and number of bags, for every bin that has some."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        (float(confidence[place == number].mean()), float(right[place == number].mean()), int((place == number).sum()))
        for number in np.unique(place).tolist()
    ]


def calibration_figure(labels: NDArray[np.int64], probabilities: NDArray[np.float64], positive: str) -> bytes | None:
    """The plot as PNG; None for fewer than `FEWEST_BAGS` bags.

    Parameters
    ----------
    labels
        (N,) numbers of the classes of bags that were not trained on.
    probabilities
        (N, K) of them; of two classes the last one's is drawn, of more that of the call.
    positive
        Name of the last class.
    """
    if len(labels) < FEWEST_BAGS:
        return None
    from matplotlib.figure import Figure

    two = probabilities.shape[1] == 2
    right = labels == 1 if two else labels == probabilities.argmax(axis=1)
    bins = calibration_bins(right, probabilities[:, 1] if two else probabilities.max(axis=1))
    figure = Figure(figsize=(3.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot([x for x, _, _ in bins], [y for _, y, _ in bins], color="#1f77b4", linewidth=1)
    axes.scatter([x for x, _, _ in bins], [y for _, y, _ in bins], s=[12 + 6 * n for _, _, n in bins], color="#1f77b4", alpha=0.7)
    for x, y, n in bins:
        axes.annotate(str(n), (x, y), textcoords="offset points", xytext=(5, -10), fontsize=7)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.05, 1.05))
    axes.set_xlabel(f"mean score ({positive})" if two else "mean probability of the call")
    axes.set_ylabel(f"share that is {positive}" if two else "share of right calls")
    axes.set_title(f"{len(labels)} held-out bags; numbers: bags in a bin", fontsize=8)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return image.getvalue()
