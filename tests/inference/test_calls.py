import math

import pytest

from napari_mid.inference.calls import call_of


@pytest.mark.parametrize(
    ("score", "low", "high", "call", "why"),
    [
        (0.9, 0.8, 0.95, "positive", "0.80 to 0.95, lies at or above the threshold 0.50"),
        (0.6, 0.5, 0.7, "positive", "at or above"),
        (0.1, 0.05, 0.2, "negative", "below the threshold"),
        (0.6, 0.4, 0.7, "no call", "holds the threshold 0.50"),
        (0.4, 0.3, 0.5, "no call", "holds the threshold"),
        (math.nan, math.nan, math.nan, "no cells", "no nuclei"),
    ],
)
def test_the_interval_decides(score: float, low: float, high: float, call: str, why: str) -> None:
    called = call_of(score, low, high, 0.5, n_cells=0 if math.isnan(score) else 100)
    assert called.call == call
    assert why in called.reason


def test_few_cells_and_unlike_cells_are_not_called() -> None:
    sure = {"score": 0.9, "low": 0.85, "high": 0.95, "threshold": 0.5}
    assert call_of(**sure, n_cells=12, fewest_cells=12).call == "positive"
    few = call_of(**sure, n_cells=11, fewest_cells=12)
    assert (few.call, few.reason) == ("no call", "only 11 cells, and a call needs 12")
    assert call_of(**sure, n_cells=50, training_distance=1.1, far=1.9).call == "positive"
    unlike = call_of(**sure, n_cells=50, training_distance=2.4, far=1.9)
    assert unlike.call == "no call"
    assert "2.4 times as far" in unlike.reason


def test_a_model_that_does_not_know_its_training_cells_still_calls() -> None:
    assert call_of(0.9, 0.85, 0.95, 0.5, n_cells=50, training_distance=math.nan, far=math.nan).call == "positive"


def test_networks_that_differ_by_too_much_do_not_call() -> None:
    sure = {"score": 0.67, "low": 0.66, "high": 0.68, "threshold": 0.5, "n_cells": 50}
    assert call_of(**sure).call == "positive"
    assert call_of(**sure, networks_sd=0.05, n_networks=3).call == "positive"
    # two of three say 1, one 0
    split = call_of(**sure, networks_sd=0.577, n_networks=3)
    assert split.call == "no call"
    assert "3 networks of the model differ by so much (0.58)" in split.reason
    # the mean of more networks is known better
    assert call_of(**sure, networks_sd=0.08, n_networks=3).call == "no call"
    assert call_of(**sure, networks_sd=0.08, n_networks=10).call == "positive"
    below = {"score": 0.33, "low": 0.32, "high": 0.34, "threshold": 0.5, "n_cells": 50}
    assert call_of(**below, networks_sd=0.577, n_networks=3).call == "no call"
    assert call_of(**below, networks_sd=0.02, n_networks=3).call == "negative"
