import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from napari_mid.evaluation.bootstrap import Scored, binary_estimates, compare, estimate, resamples
from napari_mid.evaluation.metrics import wilson_interval, z_prime
from napari_mid.evaluation.multiclass import multiclass_estimates, multiclass_metrics
from napari_mid.evaluation.weighted import METRICS, binary_metrics, ece, why_undefined

#: Scores with many ties, as a model that is sure gives them.
UNITS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0]), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


def scored(truth: list[int], scores: list[float], compounds: str | None = None) -> Scored:
    names = tuple(f"u{i}" for i in range(len(truth)))
    return Scored(names, tuple(compounds or names), np.array(truth, dtype=bool), np.array(scores, dtype=float))


def by_scikit_learn(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64], threshold: float
) -> dict[str, float]:
    called = scores >= threshold
    both = bool(weights[truth].sum() and weights[~truth].sum())
    matrix = sk.confusion_matrix(truth, called, sample_weight=weights, labels=[False, True])
    (tn, fp), (fn, tp) = matrix
    kw = {"sample_weight": weights}
    nan = math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "accuracy": sk.accuracy_score(truth, called, **kw),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, called, **kw) if both else nan,
            "precision": sk.precision_score(truth, called, **kw) if tp + fp else nan,
            "recall": sk.recall_score(truth, called, **kw) if tp + fn else nan,
            "specificity": sk.recall_score(~truth, ~called, **kw) if tn + fp else nan,
            "f1": sk.f1_score(truth, called, **kw) if tp + fp + fn else nan,
            "auroc": sk.roc_auc_score(truth, scores, **kw) if both else nan,
            "auprc": sk.average_precision_score(truth, scores, **kw) if both else nan,
            "mcc": sk.matthews_corrcoef(truth, called, **kw) if both and tp + fp and tn + fn else nan,
            "brier": sk.brier_score_loss(truth, scores, **kw),
        }


@given(UNITS, st.sampled_from([0.0, 0.25, 0.5, 0.7]))
@settings(max_examples=60)
def test_every_metric_is_that_of_scikit_learn_for_any_weights(units: list[tuple[bool, float, int]], threshold: float) -> None:
    truth, scores, weights = (
        np.array([u[0] for u in units]),
        np.array([u[1] for u in units]),
        np.array([float(u[2]) for u in units]),
    )
    if not weights.sum():
        weights += 1
    found = binary_metrics(truth, scores, weights[None], threshold)
    for name, expected in by_scikit_learn(truth, scores, weights, threshold).items():
        assert found[name][0] == pytest.approx(expected, nan_ok=True), name


@given(UNITS)
@settings(max_examples=60)
def test_what_is_undefined_has_a_reason_and_what_is_defined_has_none(units: list[tuple[bool, float, int]]) -> None:
    truth, scores = np.array([u[0] for u in units]), np.array([u[1] for u in units])
    found = binary_metrics(truth, scores, np.ones((1, len(units))), 0.5)
    for name in METRICS:
        assert math.isnan(found[name][0]) == bool(why_undefined(name, truth, scores, 0.5)) or (
            name == "f1" and (scores >= 0.5).any()
        ), name


def test_calibration_error_by_hand() -> None:
    # two bins: 0.2 twice, once right (gap 0.3), and 0.9 twice, both right (gap 0.1)
    assert ece(np.array([0.0, 1, 1, 1]), np.array([0.2, 0.2, 0.9, 0.9]), np.ones((1, 4)))[0] == pytest.approx(0.2)
    assert ece(np.array([1.0]), np.array([1.0]), np.ones((1, 1)))[0] == 0, "1.0 is in the last bin"


def test_one_class_has_no_auroc_and_says_why() -> None:
    found = binary_estimates(scored([1, 1, 1], [0.9, 0.8, 0.2]), 0.5, 50, 0)
    assert math.isnan(found["auroc"].value)
    assert found["auroc"].undefined == "all are positive"
    assert found["auroc"].as_dict() == {"value": None, "low": None, "high": None, "undefined": "all are positive"}
    assert found["recall"].value == pytest.approx(2 / 3)
    assert "nothing" in binary_estimates(scored([], []), 0.5, 50, 0)["accuracy"].undefined


def test_nothing_called_positive_has_no_precision() -> None:
    found = binary_estimates(scored([1, 0, 0], [0.1, 0.2, 0.3]), 0.5, 50, 0)
    assert found["precision"].undefined == "nothing is called positive"
    assert found["mcc"].undefined == "all are called the same"
    assert found["accuracy"].value == pytest.approx(2 / 3)


def test_wells_of_a_compound_are_drawn_together() -> None:
    weights = resamples(list("aabbcc"), 200, 3)
    assert weights.shape == (200, 6)
    np.testing.assert_array_equal(weights[:, ::2], weights[:, 1::2])
    assert (weights.sum(axis=1) == 6).all()
    np.testing.assert_array_equal(weights, resamples(list("aabbcc"), 200, 3))
    assert not np.array_equal(weights, resamples(list("aabbcc"), 200, 4))


def test_replicates_do_not_make_an_interval_narrow() -> None:
    """Ten wells of each of 8 compounds are 8 pieces of evidence, not 80."""
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(8) < 0.7, 10)
    truth = np.tile([True, False], 40)
    scores = np.where(right == truth, 0.9, 0.1)
    names = tuple(map(str, range(80)))
    together = binary_estimates(Scored(names, tuple(np.repeat(list("abcdefgh"), 10)), truth, scores), 0.5, 500, 0)["accuracy"]
    apart = binary_estimates(Scored(names, names, truth, scores), 0.5, 500, 0)["accuracy"]
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_one_compound_has_a_value_and_no_interval() -> None:
    found = binary_estimates(scored([1, 1, 0], [0.9, 0.8, 0.7], "aaa"), 0.5, 50, 0)["accuracy"]
    assert found.value == pytest.approx(2 / 3)
    assert math.isnan(found.low)
    assert "two compounds" in found.undefined


def test_the_interval_holds_its_value_about_95_times_in_100() -> None:
    """Accuracy of 60 compounds, of which 80 % are right: the interval should hold 0.8 nearly always."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        right = rng.random(60) < 0.8
        truth = rng.random(60) < 0.5
        found = binary_estimates(scored(truth.tolist(), np.where(right == truth, 0.9, 0.1).tolist()), 0.5, 300, 0)["accuracy"]
        held += found.low <= 0.8 <= found.high
    assert 85 <= held <= 99


def test_a_better_predictor_is_told_from_a_worse_one_and_not_from_itself() -> None:
    rng = np.random.default_rng(0)
    truth = np.tile([True, False], 30)
    good = scored(truth.tolist(), np.clip(truth * 0.4 + rng.random(60) * 0.6, 0, 1).tolist())
    bad = good.with_scores(rng.random(60))
    found = compare(good, bad, (0.5, 0.5), 500, 0)["auroc"]
    assert found.difference.value > 0.3
    assert found.difference.low > 0
    assert found.p_value < 0.01
    assert compare(bad, good, (0.5, 0.5), 500, 0)["auroc"].difference.value == pytest.approx(-found.difference.value)
    same = compare(good, good, (0.5, 0.5), 100, 0)["auroc"]
    assert same.difference.value == same.difference.low == same.difference.high == 0
    assert same.p_value == 1
    with pytest.raises(ValueError, match="same units"):
        compare(good, scored([1], [0.3]), (0.5, 0.5), 10, 0)


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        scored([1, 0], [0.5, math.nan])


def test_an_interval_of_rarely_defined_values_is_not_given() -> None:
    assert "resamples" in estimate(0.5, np.array([0.5, *[math.nan] * 9])).undefined


@given(st.integers(0, 10_000), st.integers(3, 4))
@settings(max_examples=30)
def test_several_classes_as_scikit_learn_counts_them(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 20)])
    probabilities = rng.dirichlet(np.ones(n_classes), len(truth)) + 0.7 * np.eye(n_classes)[truth] * rng.random((len(truth), 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    called = probabilities.argmax(axis=1)
    found = {name: values[0] for name, values in multiclass_metrics(truth, probabilities, np.ones((1, len(truth)))).items()}
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, called))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, called))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(truth, called, average="macro", labels=range(n_classes)))
    assert found["macro_auroc"] == pytest.approx(sk.roc_auc_score(truth, probabilities, multi_class="ovr"))
    assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(truth, called))
    if len(set(called)) == n_classes:
        assert found["macro_precision"] == pytest.approx(sk.precision_score(truth, called, average="macro"))
    else:
        assert math.isnan(found["macro_precision"])


def test_several_classes_with_intervals() -> None:
    truth = np.tile([0, 1, 2], 10)
    found = multiclass_estimates(truth, 0.8 * np.eye(3)[truth] + 0.2 / 3, [str(i // 3) for i in range(30)], 100, 0)
    assert found["macro_auroc"].value == 1
    assert found["accuracy"].low == 1
    absent = multiclass_estimates(np.array([0, 1]), np.eye(3)[[0, 1]], ["a", "b"], 20, 0)
    assert math.isnan(absent["macro_f1"].value)
    assert "class" in absent["macro_f1"].undefined


def test_z_prime_and_wilson_by_hand() -> None:
    assert z_prime([1.0, 1.2], [0.0, 0.2]) == pytest.approx(1 - 3 * 2 * math.sqrt(0.02))
    low, high = wilson_interval(29, 32)
    assert (round(low, 2), round(high, 2)) == (0.76, 0.97)
