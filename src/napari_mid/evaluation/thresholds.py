"""From which score on a unit is called positive, where that is fitted."""

from __future__ import annotations

import numpy as np

from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.units import EvaluationError
from napari_mid.evaluation.weighted import binary_metrics


def check_fitting(validation: Scored, new: Scored, given: float | None) -> None:
    """Check that thresholds can be fitted on the units of `validation` and judged on those that are `new`; none may be `given`.

    Raises
    ------
    EvaluationError
        If there is not one of each class to fit on, nothing to judge, or a threshold was given.
    """
    if given is not None:
        raise EvaluationError(
            f"--fit-threshold fits the threshold, and --threshold {given:g} gives one; leave one of the two out."
        )
    positive = int(validation.truth.sum())
    if not 0 < positive < len(validation):
        raise EvaluationError(
            f"--fit-threshold needs units of both classes that the model's training held out for validation; found {positive} "
            f"positive ones and {len(validation) - positive} others. Give --model and the plates that it was trained on as well."
        )
    if not len(new):
        raise EvaluationError(
            "--fit-threshold leaves nothing to judge: all units were trained on or held out for validation. Give plates with "
            "compounds that the model does not know."
        )


def fitted_threshold(scored: Scored) -> float:
    """The threshold at which the balanced accuracy of `scored`, units of both classes, is largest: halfway between two scores.

    Of several the middle one is taken; scores that are all the same are no reason for another than 0.5.
    """
    levels = np.unique(scored.scores)
    halfway = (levels[1:] + levels[:-1]) / 2
    if not len(halfway):
        return 0.5
    once = np.ones((1, len(scored)))
    reached = [binary_metrics(scored.truth, scored.scores, once, float(each))["balanced_accuracy"][0] for each in halfway]
    best = halfway[np.isclose(reached, max(reached))]
    return float(best[len(best) // 2])
