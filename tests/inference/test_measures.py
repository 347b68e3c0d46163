from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_mid.errors import ModelError, SettingsError
from napari_mid.inference.bag import Bag
from napari_mid.inference.measures import leave_one_out, measure, measure_names, relevance_by
from napari_mid.inference.measures.attention import per_head
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel

from . import toy

SETTINGS = ScoringSettings(set_size=20, n_sets=30, precision="float32")


def embeddings(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)


def test_the_toy_model_does_what_pencil_and_paper_say() -> None:
    bag = score_bag(toy.toy_model(), toy.toy_cells(3, 9), SETTINGS)
    assert bag.score == pytest.approx(toy.score(3, 9), abs=1e-4)


def test_every_measure_says_what_it_means() -> None:
    names = measure_names()
    assert names[0] == "attention"
    assert {"rollout", "alone", "swap_in", "leave_one_out"} <= set(names)
    for name in names:
        meaning = measure(name).MEANING
        assert meaning.endswith(".")
        assert len(meaning) < 130
    with pytest.raises(SettingsError, match="saliency"):
        measure("saliency")


def test_attention_and_rollout_are_those_of_the_toy_model() -> None:
    model, cells = toy.toy_model(), toy.toy_cells(3, 9)
    attention = relevance_by("attention", model, cells, SETTINGS).values
    np.testing.assert_allclose(attention[:3], 12 * 5 / 24, rtol=1e-4)
    np.testing.assert_allclose(attention[3:], 12 * 1 / 24, rtol=1e-4)
    # the first block attends evenly to 13 tokens; CLS attends to itself with 1 of 25
    last = np.array([1.0, *[5.0] * 3, *[1.0] * 9]) / 25
    row = (np.eye(13)[0] + last) / 2
    row = (row + row.sum() / 13) / 2
    np.testing.assert_allclose(relevance_by("rollout", model, cells, SETTINGS).values, 12 * row[1:] / row[1:].sum(), rtol=1e-4)


def test_signed_measures_are_those_of_the_toy_model() -> None:
    model, cells = toy.toy_model(), toy.toy_cells(2, 3)
    alone = relevance_by("alone", model, cells, SETTINGS)
    np.testing.assert_allclose(alone.values, [toy.log_odds(1, 0)] * 2 + [toy.log_odds(0, 1)] * 3, atol=1e-3)
    left_out = relevance_by("leave_one_out", model, cells, SETTINGS)
    whole = toy.log_odds(2, 3)
    wanted = [whole - toy.log_odds(1, 3)] * 2 + [whole - toy.log_odds(2, 2)] * 3
    np.testing.assert_allclose(left_out.values, wanted, atol=1e-3)
    assert (left_out.values[2:] < 0).all()
    # sets of 4, as in training: three controls and the cell
    swapped = relevance_by("swap_in", model, cells, SETTINGS, controls=toy.toy_cells(0, 7))
    np.testing.assert_allclose(swapped.values, [toy.log_odds(1, 3) - toy.log_odds(0, 3)] * 2 + [0] * 3, atol=1e-3)
    np.testing.assert_allclose(swapped.standard_error, 0, atol=1e-4)


@pytest.mark.parametrize("name", measure_names())
def test_every_measure_finds_the_responding_cells(name: str) -> None:
    rng = np.random.default_rng(0)
    cells = toy.toy_cells(10, 50) + 0.2 * rng.normal(size=(60, 8)).astype(np.float32)
    values = relevance_by(name, toy.toy_model(), cells, SETTINGS, controls=toy.toy_cells(0, 20)).values
    assert values[:10].min() > values[10:].max()


@pytest.mark.parametrize("name", measure_names())
@pytest.mark.parametrize("n_cells", [0, 1, 2, 50])
def test_any_number_of_cells_and_the_same_numbers_again(small_model: MidModel, name: str, n_cells: int) -> None:
    cells, controls = embeddings(n_cells), embeddings(9, seed=1)
    first, second = (relevance_by(name, small_model, cells, SETTINGS, controls) for _ in range(2))
    assert first.values.shape == (n_cells,)
    if n_cells and not (name == "leave_one_out" and n_cells == 1):
        assert np.isfinite(first.values).all()
    np.testing.assert_array_equal(first.values, second.values)
    if first.standard_error is not None:
        np.testing.assert_array_equal(first.standard_error, second.standard_error)
        assert n_cells < 50 or (first.standard_error > 0).all()
    if n_cells == 50 and name != "alone":
        other = relevance_by(
            name, small_model, cells, ScoringSettings(set_size=20, n_sets=30, seed=1, precision="float32"), controls
        )
        assert (other.values != first.values).any()


@pytest.mark.parametrize("name", measure_names())
def test_embeddings_that_are_no_numbers_or_of_another_model_are_refused(small_model: MidModel, name: str) -> None:
    cells, controls = embeddings(6), embeddings(9, seed=1)
    with pytest.raises(ModelError, match="needs \\(cells, 16\\)"):
        relevance_by(name, small_model, cells[:, :8], SETTINGS, controls)
    cells[2, 3] = np.nan
    with pytest.raises(ModelError, match="1 of 6 cells"):
        relevance_by(name, small_model, cells, SETTINGS, controls)


def test_swap_in_says_what_it_needs(small_model: MidModel) -> None:
    for controls in (None, embeddings(0)):
        with pytest.raises(SettingsError, match="negative_control"):
            relevance_by("swap_in", small_model, embeddings(6), SETTINGS, controls)
    with pytest.raises(ModelError, match="finite"):
        relevance_by("swap_in", small_model, embeddings(6), SETTINGS, np.full((3, 16), np.inf, np.float32))


@torch.inference_mode()
def _log_odds(model: MidModel, cells: np.ndarray) -> float:
    probabilities = torch.softmax(model.read_sets(torch.from_numpy(cells)[None])[0].double(), -1)[0]
    return math.log(float(probabilities[-1]) / float(1 - probabilities[-1]))


def test_leave_one_out_equals_brute_force(small_model: MidModel) -> None:
    cells = embeddings(18)
    found = relevance_by("leave_one_out", small_model, cells, SETTINGS)
    whole = _log_odds(small_model, cells)
    brute = [whole - _log_odds(small_model, np.delete(cells, i, axis=0)) for i in range(18)]
    np.testing.assert_allclose(found.values, brute, atol=1e-5)
    assert found.standard_error is None
    assert np.isnan(relevance_by("leave_one_out", small_model, cells[:1], SETTINGS).values).all()


def test_leave_one_out_of_many_cells_averages_over_sets(small_model: MidModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leave_one_out, "LARGEST_SET", 10)
    cells = embeddings(30)
    found = relevance_by("leave_one_out", small_model, cells, SETTINGS)
    assert np.isfinite(found.values).all()
    assert (found.standard_error > 0).all()
    exact = relevance_by("alone", small_model, cells, SETTINGS)
    assert np.corrcoef(found.values, exact.values)[0, 1] > 0.3


def test_heads_average_to_the_attention(small_model: MidModel) -> None:
    cells = embeddings(50)
    heads = per_head(Bag(small_model, cells), SETTINGS)
    assert heads.shape == (50, 2)
    np.testing.assert_allclose(heads.mean(axis=1), relevance_by("attention", small_model, cells, SETTINGS).values)
    assert np.abs(heads[:, 0] - heads[:, 1]).max() > 0.01
    np.testing.assert_allclose(score_bag(small_model, cells, SETTINGS).lift, heads.mean(axis=1), rtol=1e-4)


def test_log_odds_of_more_classes_are_those_of_the_last_against_the_rest() -> None:
    from napari_mid.inference.bag import Readings

    readings = Readings(np.array([[1.0, -2.0, 0.5], [900.0, 0.0, 0.0]]), np.empty((2, 1, 1)))
    p = readings.probabilities[:, -1]
    np.testing.assert_allclose(readings.probabilities.sum(axis=1), 1)
    assert readings.log_odds[0] == pytest.approx(np.log(p[0] / (1 - p[0])))
    assert np.isfinite(readings.log_odds).all()
