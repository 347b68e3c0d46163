"""Where a score lies among the negative controls, in words."""

import math

import pytest

from napari_mid.reports.score_card import among_controls


@pytest.mark.parametrize(
    ("score", "controls", "told"),
    [
        (0.9, [0.1, 0.2, 0.95, 0.3], "above 75 % of 4 negative-control wells"),
        (0.9, [0.1], "above the one other negative-control well"),
        (0.1, [0.1], "not above the one other negative-control well"),
        (0.9, [], ""),
        (math.nan, [0.1], ""),
    ],
)
def test_few_controls_are_said_to_be_few(score: float, controls: list[float], told: str) -> None:
    assert among_controls(score, controls) == told
