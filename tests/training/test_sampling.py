import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_mid.training.bags import LabelledBags
from napari_mid.training.sampling import Sampler, batches, set_size_at
from napari_mid.training.settings import TrainingSettings

MakeBags = Callable[..., LabelledBags]

TINY = TrainingSettings(set_size=8, sets_per_step=6, steps=10)
EVERY = np.ones(8, dtype=bool)


def test_a_step_sees_the_same_wherever_the_run_began(make_bags: MakeBags) -> None:
    sampler = Sampler(make_bags([0, 1] * 4, list("abcdefgh")), EVERY, TINY)
    whole = list(batches(sampler, 0, 10))
    rest = list(batches(sampler, 6, 10))
    assert len(whole) == 10
    for first, second in zip(whole[6:], rest, strict=True):
        assert torch.equal(first.sets, second.sets)
        assert first.seed == second.seed
    assert not torch.equal(whole[0].sets, whole[1].sets)


def test_held_out_bags_are_never_drawn(make_bags: MakeBags) -> None:
    bags = make_bags([0, 1] * 4, list("abcdefgh"))
    train = EVERY.copy()
    train[[2, 5]] = False
    sampler = Sampler(bags, train, TINY)
    drawn = {int(bag) for step in range(40) for bag in bags.bag_of_cell[sampler.draw(step, np.random.default_rng(step))[0]].flat}
    assert drawn == {0, 1, 3, 4, 6, 7}


@pytest.mark.parametrize(("weights", "share"), [("balanced-sets", 0.5), ("loss", 0.125), ("none", 0.125)])
def test_how_often_a_rare_class_is_seen(make_bags: MakeBags, weights: str, share: float) -> None:
    bags = make_bags([0] * 7 + [1], list("abcdefgh"))
    sampler = Sampler(bags, EVERY, dataclasses.replace(TINY, class_weights=weights))
    labels = np.concatenate([sampler.draw(step, np.random.default_rng(step))[1] for step in range(200)])
    assert labels.mean() == pytest.approx(share, abs=0.03)
    found = sampler.class_weights()
    if weights == "loss":
        assert found is not None
        # every class weighs the same over the bags as they come
        assert (found * torch.tensor([7, 1])).tolist() == pytest.approx([4, 4])
    else:
        assert found is None


def test_sizes_of_sets(make_bags: MakeBags) -> None:
    rng = np.random.default_rng(0)
    grow = dataclasses.replace(TINY, set_sizes="curriculum", steps=100)
    sizes = [set_size_at(step, grow, rng) for step in range(100)]
    assert sizes[0] == 2
    assert sizes == sorted(sizes)
    assert set(sizes[50:]) == {8}
    vary = dataclasses.replace(TINY, set_sizes="varying")
    assert {set_size_at(step, vary, rng) for step in range(200)} == set(range(2, 9))
    assert set_size_at(0, dataclasses.replace(vary, set_size=1), rng) == 1
    sampler = Sampler(make_bags([0, 1] * 4, list("abcdefgh")), EVERY, grow)
    cells, labels = sampler.draw(0, rng)
    assert cells.shape == (24, 2), "as many slices in a step as with sets of the full size"
    assert len(labels) == 24


def test_diluted_sets_hold_cells_of_the_first_class_of_the_same_plate(make_bags: MakeBags) -> None:
    bags = make_bags([0, 1] * 4, list("abcdefgh"))
    bags = dataclasses.replace(bags, wells=tuple((f"P{number // 4} w{number}",) for number in range(8)))
    sampler = Sampler(bags, EVERY, dataclasses.replace(TINY, dilution=1.0))
    replaced = []
    for step in range(60):
        cells, labels = sampler.draw(step, np.random.default_rng(step))
        for some, label in zip(bags.bag_of_cell[cells], labels, strict=True):
            assert len({bag // 4 for bag in some.tolist()}) == 1, "no set mixes plates"
            assert len(set(some.tolist())) == 2, "a mixture tells nothing of the class"
            if label:
                replaced.append(int((bags.labels[some] == 0).sum()))
    assert set(replaced) == set(range(1, 7)), "a quarter of a set of eight stays"


def test_the_smallest_sets_are_diluted_too(make_bags: MakeBags) -> None:
    bags = make_bags([0, 1] * 4, list("abcdefgh"))
    sampler = Sampler(bags, EVERY, dataclasses.replace(TINY, dilution=1.0, set_size=2))
    cells, _ = sampler.draw(0, np.random.default_rng(0))
    assert all(len(set(some.tolist())) == 2 for some in bags.bag_of_cell[cells])


def test_half_of_the_sets_are_diluted_where_that_is_asked_for(make_bags: MakeBags) -> None:
    bags = make_bags([0, 1] * 4, list("abcdefgh"))
    sampler = Sampler(bags, EVERY, dataclasses.replace(TINY, dilution=0.5))
    mixed = [
        len(set(some.tolist())) > 1
        for step in range(200)
        for some in bags.bag_of_cell[sampler.draw(step, np.random.default_rng(step))[0]]
    ]
    assert np.mean(mixed) == pytest.approx(0.5, abs=0.04)
