import dataclasses

import numpy as np
import pytest
import torch

from napari_mid.errors import ModelError
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

SETTINGS = ScoringSettings(set_size=20, n_sets=30, precision="float32")


def embeddings(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)


def test_score_is_the_mean_softmax_of_one_pass_where_a_set_holds_all_cells(small_model: MidModel) -> None:
    cells = embeddings(15)
    bag = score_bag(small_model, cells, SETTINGS)
    with torch.inference_mode():
        logits, attention = small_model.read_sets(torch.from_numpy(cells)[None])
    assert bag.score == pytest.approx(float(logits.softmax(-1)[0, -1]), abs=1e-6)
    np.testing.assert_allclose(bag.attention, attention.mean(1)[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(bag.lift, 15 * bag.attention)
    assert bag.lift.mean() == pytest.approx(1)
    assert len(bag.set_scores) == 30
    assert (bag.lift_se > 0).all()


def test_many_cells_are_read_in_sets_and_every_cell_gets_its_lift(small_model: MidModel) -> None:
    bag = score_bag(small_model, embeddings(90), SETTINGS)
    assert np.isfinite(bag.lift).all()
    assert bag.lift.mean() == pytest.approx(1, abs=0.05)
    assert bag.set_scores.std() > 0
    assert bag.score_low < bag.score < bag.score_high


def test_the_same_seed_gives_the_same_numbers(small_model: MidModel) -> None:
    first, second = (score_bag(small_model, embeddings(90), SETTINGS) for _ in range(2))
    assert first.score == second.score
    np.testing.assert_array_equal(first.lift, second.lift)


def test_lift_does_not_depend_on_where_a_cell_stands(small_model: MidModel) -> None:
    cells = embeddings(60)
    many = ScoringSettings(set_size=20, n_sets=600, precision="float32")
    order = np.random.default_rng(1).permutation(60)
    straight, shuffled = score_bag(small_model, cells, many), score_bag(small_model, cells[order], many)
    assert np.corrcoef(straight.lift[order], shuffled.lift)[0, 1] > 0.99
    assert shuffled.score == pytest.approx(straight.score, abs=0.01)


def test_interval_covers_the_score_of_other_samples_of_the_same_cells(small_model: MidModel) -> None:
    """The interval is about where another sample of cells of the well would score: check it against such samples."""
    for n_cells in (40, 120):  # halves of all cells; sets of a part of them
        scores, widths = [], []
        for seed in range(60):
            bag = score_bag(small_model, embeddings(n_cells, seed), SETTINGS)
            scores.append(bag.score)
            widths.append(bag.score_high - bag.score_low)
        true_width = 2 * 1.96 * np.std(scores)
        assert 0.6 < np.median(widths) / true_width < 1.7


@pytest.mark.parametrize("n_cells", [1, 2, 3])
def test_very_few_cells_have_a_score_and_know_no_interval(small_model: MidModel, n_cells: int) -> None:
    bag = score_bag(small_model, embeddings(n_cells), SETTINGS)
    assert 0 < bag.score < 1
    assert (bag.score_low, bag.score_high) == (0, 1)


def test_a_cell_alone_is_a_set_of_one(small_model: MidModel) -> None:
    cells = embeddings(5)
    bag = score_bag(small_model, cells, SETTINGS)
    assert bag.alone[3] == pytest.approx(score_bag(small_model, cells[3:4], SETTINGS).score, abs=1e-6)


def test_embeddings_that_are_no_numbers_are_refused(small_model: MidModel) -> None:
    cells = embeddings(5)
    cells[2, 3] = np.nan
    with pytest.raises(ModelError, match="1 of 5 cells"):
        score_bag(small_model, cells, SETTINGS)


def test_temperature_divides_the_logits(small_model: MidModel) -> None:
    cells = embeddings(15)
    hot = MidModel(dataclasses.replace(small_model.config, temperature=3.0)).eval()
    hot.load_state_dict(small_model.state_dict())
    cold, warm = (score_bag(model, cells, SETTINGS).score for model in (small_model, hot))
    assert np.log(warm / (1 - warm)) == pytest.approx(np.log(cold / (1 - cold)) / 3, abs=1e-4)


@pytest.mark.parametrize("n_cells", [40, 120])
def test_ranks_are_stable_where_the_cells_differ_and_not_where_they_are_the_same(small_model: MidModel, n_cells: int) -> None:
    many = ScoringSettings(set_size=30, n_sets=60, precision="float32")
    assert score_bag(small_model, embeddings(n_cells), many).rank_stability > 0.9
    same = np.repeat(embeddings(1), n_cells, axis=0)
    noisy = same + 1e-7 * embeddings(n_cells)
    assert not score_bag(small_model, noisy, many).rank_stability > 0.9
    assert np.isnan(score_bag(small_model, embeddings(3), many).rank_stability)
