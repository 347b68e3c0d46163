import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_mid.inference.sets import balanced_sets, set_shape
from napari_mid.inference.settings import ScoringSettings


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 30), st.integers(0, 5))
def test_sets_are_balanced_and_hold_no_cell_twice(n_cells: int, set_size: int, n_sets: int, seed: int) -> None:
    set_size = min(set_size, n_cells)
    sets = balanced_sets(n_cells, n_sets, set_size, np.random.default_rng(seed))
    assert sets.shape == (n_sets, set_size)
    assert all(len(set(chosen)) == set_size for chosen in sets.tolist())
    uses = np.bincount(sets.ravel(), minlength=n_cells)
    assert uses.max() - uses.min() <= 1


def test_number_and_size_of_sets_follow_the_specification() -> None:
    settings = ScoringSettings()
    assert set_shape(190, settings) == (50, 190)
    assert set_shape(4000, settings) == (50, 400)
    assert set_shape(12_000, settings) == (120, 400)


def test_another_seed_draws_other_sets() -> None:
    first, second = (balanced_sets(100, 5, 20, np.random.default_rng(seed)) for seed in (0, 1))
    assert (first != second).any()
