"""What the model makes of a single cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from napari_mid.inference.bag import Bag
from napari_mid.inference.one_cell import leave_one_out, saliency_steps
from napari_mid.inference.settings import ScoringSettings
from napari_mid.progress import finish


def embeddings(n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 16)).astype(np.float32)


def test_leaving_out_of_one_set_is_exact(small_model: Any) -> None:
    bag = Bag(small_model, embeddings(9))
    found = leave_one_out(bag, 4, ScoringSettings())
    rest = np.delete(np.arange(9), 4)
    expected = bag.read(np.arange(9)[None]).log_odds[0] - bag.read(rest[None]).log_odds[0]
    assert math.isclose(found.change, expected, rel_tol=1e-4, abs_tol=1e-6)
    assert math.isnan(found.standard_error)
    assert found.set_size == 9


def test_large_wells_are_read_in_sets_and_the_same_seed_gives_the_same_numbers(small_model: Any) -> None:
    bag = Bag(small_model, embeddings(300))
    found = leave_one_out(bag, 7, ScoringSettings(set_size=32))
    assert found.set_size == 32
    assert found.standard_error > 0
    assert found == leave_one_out(bag, 7, ScoringSettings(set_size=32))
    assert found != leave_one_out(bag, 8, ScoringSettings(set_size=32))


def test_the_only_cell_cannot_be_left_out(small_model: Any) -> None:
    assert math.isnan(leave_one_out(Bag(small_model, embeddings(1)), 0, ScoringSettings()).change)


class Spot:
    """Stands for a model whose log-odds are the brightness of one corner."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, slices: Any) -> Any:
        import torch

        out = torch.zeros((len(slices), self.model.config.width))
        out[:, 0] = slices[:, 1, 4:10, 20:26].mean(dim=(1, 2))
        return out


def test_the_part_that_the_score_comes_from_stands_out(small_model: Any, monkeypatch: Any) -> None:
    planes = np.full((2, 32, 32), 0.1, dtype=np.float32)
    planes[1, 4:10, 20:26] = 1.0
    monkeypatch.setattr(type(small_model), "encode", lambda self, slices: Spot(self)(slices))
    found = finish(saliency_steps(small_model, planes))
    assert found.shape == (32, 32)
    assert np.abs(found[5:9, 21:25]).min() > 3 * np.abs(found[20:, :12]).max()
    blank = finish(saliency_steps(small_model, np.zeros((2, 32, 32), dtype=np.float32)))
    assert np.abs(blank).max() < 1e-6
