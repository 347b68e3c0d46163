import math

import numpy as np
import pytest

from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.paired import mcnemar, paired

TRUTH = np.tile([True, False], 20)


def scored(scores: np.ndarray, compounds: list[str] | None = None) -> Scored:
    names = tuple(f"U{i}" for i in range(len(scores)))
    return Scored(names, tuple(compounds) if compounds else names, TRUTH[: len(scores)], scores)


def test_mcnemar_is_a_fair_coin() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(5, 0) == mcnemar(0, 5)
    assert mcnemar(3, 4) == 1


def test_a_better_predictor_is_told_from_a_worse_one() -> None:
    rng = np.random.default_rng(0)
    good, poor = TRUTH + rng.normal(0, 0.3, 40), rng.normal(0.5, 0.3, 40)
    found = paired(scored(poor), scored(good), (0.5, 0.5), seed=0)
    assert found.only_reference > found.only_right
    assert max(found.mcnemar, found.swap_auroc, found.swap_balanced_accuracy) < 0.01


def test_equals_are_not_told_apart_whatever_their_scale() -> None:
    rng = np.random.default_rng(0)
    one = TRUTH + rng.normal(0, 1, 40)
    found = paired(scored(1000 * one - 500), scored(one), (0.0, 0.5), seed=0)
    assert (found.only_right, found.only_reference, found.mcnemar) == (0, 0, 1)
    assert found.swap_auroc == found.swap_balanced_accuracy == 1


@pytest.mark.parametrize("seed", range(3))
def test_no_difference_gives_no_small_p_more_often_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ps = [
        paired(scored(TRUTH + rng.normal(0, 1, 40)), scored(TRUTH + rng.normal(0, 1, 40)), (0.5, 0.5), 0, n=100).swap_auroc
        for _ in range(30)
    ]
    assert np.mean(np.array(ps) < 0.05) < 0.2


def test_wells_of_one_compound_are_swapped_together() -> None:
    rng = np.random.default_rng(0)
    good, poor = TRUTH + rng.normal(0, 0.3, 40), rng.normal(0.5, 0.3, 40)
    compounds = [f"C{i % 4}" for i in range(40)]
    found = paired(scored(poor, compounds), scored(good, compounds), (0.5, 0.5), seed=0)
    assert math.isnan(found.mcnemar)
    assert found.swap_auroc > 0.05, "four compounds allow no smaller p than 2 in 16"


def test_one_class_or_one_compound_allows_no_test() -> None:
    scores = np.linspace(0, 1, 6)
    one = Scored(tuple("abcdef"), tuple("abcdef"), np.ones(6, dtype=bool), scores)
    assert math.isnan(paired(one, one, (0.5, 0.5), 0).swap_auroc)
    with pytest.raises(ValueError, match="same units"):
        paired(one, scored(scores), (0.5, 0.5), 0)
