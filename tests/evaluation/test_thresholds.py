"""Thresholds that are fitted: as good as any on the units they are fitted on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.thresholds import check_fitting, fitted_threshold
from napari_mid.evaluation.units import EvaluationError
from napari_mid.evaluation.weighted import binary_metrics


def scored(truth: list[bool], scores: list[float]) -> Scored:
    names = tuple(f"C{i}" for i in range(len(truth)))
    return Scored(names, names, np.array(truth, dtype=bool), np.array(scores, dtype=float))


def reached(units: Scored, threshold: float) -> float:
    return float(binary_metrics(units.truth, units.scores, np.ones((1, len(units))), threshold)["balanced_accuracy"][0])


def test_a_threshold_lies_halfway_between_the_classes_it_parts() -> None:
    assert fitted_threshold(scored([False, False, True, True], [0.1, 0.2, 0.3, 0.9])) == pytest.approx(0.25)


def test_scores_that_are_all_the_same_keep_the_usual_threshold() -> None:
    assert fitted_threshold(scored([False, True], [0.2, 0.2])) == 0.5


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.2, 0.35, 0.5, 0.8, 1.0])), min_size=2, max_size=20))
def test_no_other_threshold_between_scores_is_better(units: list[tuple[bool, float]]) -> None:
    truth, scores = [each for each, _ in units], [score for _, score in units]
    if all(truth) or not any(truth) or len(set(scores)) < 2:
        return
    these = scored(truth, scores)
    best = reached(these, fitted_threshold(these))
    between = [other for other in (0.05, 0.15, 0.3, 0.4, 0.6, 0.9) if min(scores) < other <= max(scores)]
    assert all(best >= reached(these, other) - 1e-12 for other in between)


def test_one_class_or_nothing_new_is_no_ground_to_fit_and_judge_on() -> None:
    both, none = scored([True, False], [0.9, 0.1]), scored([], [])
    check_fitting(both, both, None)
    with pytest.raises(EvaluationError, match="found 2 positive ones and 0 others"):
        check_fitting(scored([True, True], [0.9, 0.1]), both, None)
    with pytest.raises(EvaluationError, match="nothing to judge"):
        check_fitting(both, none, None)
    with pytest.raises(EvaluationError, match="leave one of the two out"):
        check_fitting(both, both, 0.4)
