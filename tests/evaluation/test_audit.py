import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from napari_mid.evaluation.audit import (
    neighbours,
    relevance_associations,
    score_associations,
    sentence,
    spearman_rows,
)
from napari_mid.evaluation.bootstrap import Scored
from napari_mid.evaluation.evaluated import permuted

RNG = np.random.default_rng(0)
COMPOUNDS = [f"C{i // 3}" for i in range(60)]
POSITIVE = np.arange(60) // 3 % 2 == 1


def test_the_correlation_is_spearmans() -> None:
    a, b = RNG.normal(size=30), RNG.integers(0, 4, 30).astype(float)
    assert spearman_rows(a, b, np.ones((1, 30)))[0] == pytest.approx(spearmanr(a, b).statistic)
    assert math.isnan(spearman_rows(a, np.ones(30), np.ones((1, 30)))[0])


def test_a_shortcut_is_told_and_chance_is_not() -> None:
    column = RNG.integers(1, 13, 60).astype(float)
    score = 0.04 * column + 0.05 * RNG.random(60)
    found = score_associations(score, {"the column": column, "the row": RNG.random(60)}, COMPOUNDS, POSITIVE, 200, 0)
    strong = [each for each in found if each.strong]
    assert {(each.what, each.among) for each in strong} == {("the column", "all wells"), ("the column", "negative wells")}
    assert "rises with the column" in sentence(strong[1], "score")
    assert "do nothing there" in sentence(strong[1], "score")


def test_what_toxic_compounds_do_is_not_found_among_the_negative_wells() -> None:
    n_cells = np.where(POSITIVE, 40, 80) + RNG.normal(0, 5, 60)
    score = np.where(POSITIVE, 0.9, 0.1) + RNG.normal(0, 0.05, 60)
    everywhere, negative = score_associations(score, {"the number of cells": n_cells}, COMPOUNDS, POSITIVE, 200, 0)
    assert everywhere.strong
    assert not negative.strong


def test_properties_that_are_constant_or_unknown_have_no_correlation() -> None:
    score = RNG.random(60)
    constant, _, unknown, _ = score_associations(score, {"a": np.ones(60), "b": np.full(60, np.nan)}, COMPOUNDS, POSITIVE, 20, 0)
    assert "same everywhere" in constant.correlation.undefined
    assert "fewer than" in unknown.correlation.undefined
    assert not constant.strong
    assert not unknown.strong


def test_relevance_that_follows_the_border_in_every_well_is_told() -> None:
    follows = relevance_associations({"border": [0.7, 0.8, 0.75, math.nan], "area": [0.6, -0.6, 0.1, 0.0]}, list("abcd"), 100, 0)
    border, area = follows
    assert border.strong
    assert border.n == 3
    assert not area.strong
    assert relevance_associations({"x": [math.nan]}, ["a"], 10, 0)[0].n == 0


def test_neighbours_are_the_other_cells_within_reach() -> None:
    centres = np.array([(0.0, 0.0), (0.0, 5.0), (0.0, 11.0), (100.0, 0.0)])
    assert neighbours(centres, 7).tolist() == [1, 2, 1, 0]
    assert neighbours(np.empty((0, 2)), 7).tolist() == []


def test_shuffled_labels_come_out_at_a_half() -> None:
    names = tuple(map(str, range(40)))
    truth = np.tile([True, False], 20)
    found = permuted(Scored(names, names, truth, truth * 0.8 + 0.1), 0)
    assert found is not None
    assert found.auroc == pytest.approx(0.5, abs=0.02)
    assert found.low < 0.5 < found.high < 1
    assert found.p_value < 0.01
    guess = permuted(Scored(names, names, truth, RNG.random(40)), 0)
    assert guess is not None
    assert guess.p_value > 0.01
    assert permuted(Scored(names, names, np.ones(40, dtype=bool), RNG.random(40)), 0) is None
