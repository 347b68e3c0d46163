import numpy as np
import pytest

from napari_mid.inference.bag import Bag
from napari_mid.inference.curves import FRACTIONS, deletion_insertion
from napari_mid.inference.measures import relevance_by
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

from . import toy

SETTINGS = ScoringSettings(set_size=20, n_sets=30)


def embeddings(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)


def test_fractions_have_their_complements() -> None:
    np.testing.assert_allclose(1 - np.array(FRACTIONS), FRACTIONS[::-1])


@pytest.mark.parametrize("n_cells", [1, 2, 12, 70])
def test_curves_begin_or_end_with_the_score_of_the_well(small_model: MidModel, n_cells: int) -> None:
    cells = embeddings(n_cells)
    whole = score_bag(small_model, cells, SETTINGS)
    bag = Bag(small_model, cells, SETTINGS.precision)
    curves = deletion_insertion(bag, whole.lift, SETTINGS)
    assert curves.deletion[0] == pytest.approx(whole.score, abs=1e-5)
    assert curves.insertion[-1] == curves.deletion[0] == pytest.approx(curves.random[-1])
    assert np.isnan([curves.deletion[-1], curves.insertion[0], curves.random[0]]).all()
    again = deletion_insertion(bag, whole.lift, SETTINGS)
    np.testing.assert_array_equal(curves.random, again.random)
    np.testing.assert_array_equal(curves.deletion, again.deletion)


def test_curves_of_the_toy_model_are_those_of_pencil_and_paper() -> None:
    cells = toy.toy_cells(4, 16)
    bag = Bag(toy.toy_model(), cells)
    curves = deletion_insertion(bag, relevance_by("attention", toy.toy_model(), cells, SETTINGS).values, SETTINGS)
    at = {fraction: place for place, fraction in enumerate(FRACTIONS)}
    assert curves.deletion[at[0.1]] == pytest.approx(toy.score(2, 16), abs=1e-3)
    assert curves.deletion[at[0.5]] == pytest.approx(toy.score(0, 10), abs=1e-3)
    assert curves.insertion[at[0.2]] == pytest.approx(toy.score(4, 0), abs=1e-3)
    assert curves.insertion[at[0.5]] == pytest.approx(toy.score(4, 6), abs=1e-3)
    few, many = at[0.2], at[0.8]
    assert curves.random_low[few] <= curves.random[few] <= curves.random_high[few]
    assert curves.deletion[few] < curves.random_low[many]
    assert curves.insertion[few] > curves.random_high[few]
    assert curves.deletion_area > 0.1
    assert curves.insertion_area > 0.1


def test_a_wrong_or_empty_ranking_has_no_area() -> None:
    cells = toy.toy_cells(6, 54)
    bag = Bag(toy.toy_model(), cells)
    wrong = deletion_insertion(bag, np.array([0.0] * 6 + [1.0] * 54), SETTINGS)
    assert wrong.deletion_area < 0
    assert wrong.insertion_area < 0
    rng = np.random.default_rng(3)
    chance = [deletion_insertion(bag, rng.random(60), SETTINGS, 4).deletion_area for _ in range(12)]
    assert wrong.deletion_area < min(chance)
    assert min(chance) < 0 < max(chance)
    alike = deletion_insertion(Bag(toy.toy_model(), toy.toy_cells(0, 30)), np.arange(30.0), SETTINGS)
    assert abs(alike.deletion_area) < 1e-3
