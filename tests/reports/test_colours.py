import numpy as np
import pytest

from napari_mid.reports.colours import (
    MISSING,
    RELEVANCE_COLORMAPS,
    RELEVANCE_COLOURS,
    SCORE_COLOURS,
    hex_to_rgb,
    legible_on_dark,
    lightness,
    relevance_limits,
    relevance_rgba,
    rgb_to_hex,
    score_rgba,
)


@pytest.mark.parametrize("colours", [*RELEVANCE_COLORMAPS.values(), SCORE_COLOURS])
def test_lightness_rises_by_the_same_amount_at_every_step(colours):
    assert colours.shape == (256, 4)
    assert colours.min() >= 0
    assert colours.max() <= 1
    steps = np.diff(lightness(colours))
    assert steps.min() > 0.15
    assert steps.max() < 1.1 * steps.min()


def test_relevance_runs_from_a_dark_blue_that_is_seen_on_black_to_bright_pink():
    (red, green, blue), (top_red, top_green, top_blue) = RELEVANCE_COLOURS[0, :3], RELEVANCE_COLOURS[-1, :3]
    assert blue > 2 * max(red, green)
    assert 25 < lightness(RELEVANCE_COLOURS[0]) < 35
    assert top_red > top_blue > top_green
    assert lightness(RELEVANCE_COLOURS[-1]) > 70


def test_limits_reach_from_zero_to_the_99th_percentile_and_hold_an_even_cell():
    values = np.linspace(0, 5, 1001)
    assert relevance_limits(values) == (0.0, pytest.approx(4.95))
    assert relevance_limits(np.full(10, 0.2)) == (0.0, 2.0)
    assert relevance_limits(np.array([])) == (0.0, 2.0)
    assert relevance_limits([np.nan, 1.0, 3.0]) == (0.0, pytest.approx(2.98))


def test_colours_of_values():
    rgba = relevance_rgba([0.0, 5.0, 99.0, np.nan, -1.0], (0.0, 10.0))
    assert np.array_equal(rgba[0], RELEVANCE_COLOURS[0])
    assert np.array_equal(rgba[1], RELEVANCE_COLOURS[128])
    assert np.array_equal(rgba[2], RELEVANCE_COLOURS[-1])
    assert tuple(rgba[3]) == MISSING
    assert np.array_equal(rgba[4], RELEVANCE_COLOURS[0])
    assert np.array_equal(score_rgba(1.0), SCORE_COLOURS[-1])
    assert tuple(score_rgba(np.nan)) == MISSING
    assert tuple(score_rgba(0.0)) == tuple(SCORE_COLOURS[0]) != MISSING  # the scale itself was left as it is


def test_text_in_the_colour_of_a_stain_is_legible_on_a_dark_ground():
    assert lightness(hex_to_rgb(legible_on_dark("#0000ff"))) >= 60
    assert legible_on_dark("#00ff00") == "#00ff00"
    assert rgb_to_hex(hex_to_rgb("#12ab9f")) == "#12ab9f"
    assert hex_to_rgb("#fff") == (1.0, 1.0, 1.0)
