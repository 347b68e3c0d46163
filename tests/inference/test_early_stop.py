"""Reading stops early where the score is known well enough, and not before."""

import numpy as np
import pytest

from napari_mid.inference.scoring import FEWEST_SETS, score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

CELLS = np.random.default_rng(0).normal(size=(90, 16)).astype(np.float32)


def settings(stop_at_se: float | None) -> ScoringSettings:
    return ScoringSettings(set_size=20, n_sets=200, stop_at_se=stop_at_se, precision="float32")


def test_no_set_is_left_out_unless_asked(small_model: MidModel) -> None:
    assert len(score_bag(small_model, CELLS, settings(None)).set_scores) == 200


def test_reading_stops_at_the_standard_error(small_model: MidModel) -> None:
    full = score_bag(small_model, CELLS, settings(None)).set_scores
    wanted = 2 * float(full.std(ddof=1)) / np.sqrt(len(full))
    stopped = score_bag(small_model, CELLS, settings(wanted))
    scores = stopped.set_scores
    assert FEWEST_SETS <= len(scores) < 200
    assert scores.std(ddof=1) / np.sqrt(len(scores)) < wanted
    assert np.allclose(scores, full[: len(scores)], atol=1e-6), "the sets are the first of those without an early stop"
    assert np.isfinite(stopped.lift).all()
    assert np.isfinite(stopped.lift_se).all()
    # an error that is never reached: all sets
    assert len(score_bag(small_model, CELLS, settings(0.0)).set_scores) == 200


def test_scores_alone_that_are_known_are_not_computed_again(small_model: MidModel) -> None:
    first = score_bag(small_model, CELLS, settings(None))
    again = score_bag(small_model, CELLS, settings(None), alone=first.alone + 1)
    assert np.array_equal(again.alone, first.alone + 1)
    assert again.score == pytest.approx(first.score)
