import math

import numpy as np
import pytest

from napari_mid.inference.bag import Bag
from napari_mid.inference.lift import spearman
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.inference.trust import bootstrap_interval, effective_cells, percentile_among, trust_of
from napari_mid.model.network import MidModel
from napari_mid.model.reference import fit_reference

from . import toy

SETTINGS = ScoringSettings(set_size=20, n_sets=30)


def embeddings(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)


def test_effective_cells_counts_those_that_weigh() -> None:
    assert effective_cells(np.ones(40)) == pytest.approx(40)
    assert effective_cells(np.array([40.0, *[0.0] * 39])) == pytest.approx(1)
    assert effective_cells(np.array([10.0] * 4 + [0.0] * 36)) == pytest.approx(4)
    assert math.isnan(effective_cells(np.empty(0)))
    # 3 responding cells with 5/24 of the attention each among 9 others with 1/24
    bag = score_bag(toy.toy_model(), toy.toy_cells(3, 9), SETTINGS)
    assert trust_of(bag, np.empty(0), None).effective_cells == pytest.approx(24**2 / (3 * 25 + 9), rel=1e-3)


@pytest.mark.parametrize("n_cells", [15, 60])
def test_bootstrap_interval_is_as_wide_as_scores_of_other_cells_are_spread(n_cells: int) -> None:
    """Wells with a fifth of responding cells, more or less by chance: most intervals hold the score of very many cells."""
    model = toy.toy_model()
    true = toy.score(2000, 8000)
    held, rng = [], np.random.default_rng(0)
    for _ in range(60):
        responding = int(rng.binomial(n_cells, 0.2))
        cells = toy.toy_cells(responding, n_cells - responding)
        low, high = bootstrap_interval(Bag(model, cells), score_bag(model, cells, SETTINGS).score, SETTINGS, 200)
        held.append(low <= true <= high)
    assert np.mean(held) > 0.8


def test_bootstrap_is_seeded_bounded_and_modest(small_model: MidModel) -> None:
    bag = Bag(small_model, embeddings(30))
    assert bootstrap_interval(bag, 0.5, SETTINGS) == bootstrap_interval(bag, 0.5, SETTINGS)
    low, high = bootstrap_interval(bag, 1.0, SETTINGS)
    assert low < high == 1.0
    for n_cells in (1, 2, 3):
        assert bootstrap_interval(Bag(small_model, embeddings(n_cells)), 0.5, SETTINGS) == (0, 1)
    same = Bag(small_model, np.repeat(embeddings(1), 10, axis=0))
    low, high = bootstrap_interval(same, 0.5, SETTINGS)
    assert high - low < 1e-4


def test_bootstrap_agrees_with_the_interval_of_the_score(small_model: MidModel) -> None:
    for n_cells in (16, 100):  # a set holds all cells; a set holds a fifth
        widths = []
        for seed in range(10):
            cells = embeddings(n_cells, seed)
            bag = score_bag(small_model, cells, SETTINGS)
            low, high = bootstrap_interval(Bag(small_model, cells), bag.score, SETTINGS)
            widths.append((high - low) / (bag.score_high - bag.score_low))
        assert 0.6 < np.median(widths) < 1.6


def test_percentile_among_the_controls() -> None:
    assert percentile_among(0.5, [0.1, 0.2, 0.5, 0.9]) == pytest.approx(62.5)
    assert percentile_among(0.0, [0.1, 0.2]) == 0
    assert percentile_among(0.5, [0.1, math.nan]) == 100
    assert math.isnan(percentile_among(0.5, []))
    assert math.isnan(percentile_among(math.nan, [0.1]))


def test_standard_error_over_sets_is_that_of_other_seeds(small_model: MidModel) -> None:
    cells = embeddings(100)
    bags = [score_bag(small_model, cells, ScoringSettings(set_size=20, n_sets=30, seed=seed)) for seed in range(30)]
    errors = [trust_of(bag, np.empty(0), None).sets_se for bag in bags]
    # balanced sets scatter less than independent ones, so the error is on the safe side
    assert 0.5 < np.std([bag.score for bag in bags]) / np.mean(errors) < 1.3
    one_set = score_bag(small_model, embeddings(15), SETTINGS)
    assert trust_of(one_set, np.empty(0), None).sets_se == pytest.approx(0, abs=1e-12)


def test_distances_go_into_the_figures(small_model: MidModel) -> None:
    reference = fit_reference(embeddings(500, seed=1))
    near, far = embeddings(40), 5 * embeddings(40)
    bag = score_bag(small_model, near, SETTINGS)
    figures = [trust_of(bag, reference.distances(cells), reference) for cells in (near, far)]
    assert figures[0].training_distance == pytest.approx(1, abs=0.15)
    assert figures[0].far_cells < 0.25
    assert figures[1].training_distance > 3
    assert figures[1].far_cells > 0.95
    assert math.isnan(trust_of(bag, np.full(40, np.nan), None).training_distance)


def test_rank_correlation() -> None:
    values = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert spearman(values, np.exp(values)) == pytest.approx(1)
    assert spearman(values, -values) == pytest.approx(-1)
    assert math.isnan(spearman(values, np.ones(5)))
    assert math.isnan(spearman(values[:3], values[:3]))
    assert spearman(np.append(values, np.nan), np.append(values, 9)) == pytest.approx(1)
