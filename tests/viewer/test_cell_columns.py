"""What galleries are sorted and filtered by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_mid.viewer.cell_columns import highest_and_lowest, sortable, square_means


def test_means_are_those_of_the_square_inside_the_plane() -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 60_000, (50, 40)).astype(np.uint16)
    places = np.array([[20.0, 20.0], [1.2, 38.9], [-30.0, 5.0]])
    found = square_means(plane, places, 10)
    assert np.isclose(found[0], plane[15:25, 15:25].mean())
    assert np.isclose(found[1], plane[0:6, 34:40].mean())
    assert np.isnan(found[2])


def test_the_square_is_the_slice_that_the_model_sees() -> None:
    import torch

    from napari_mid.cells.slices import cut_slices

    plane = np.random.default_rng(1).random((60, 60)).astype(np.float32)
    places = np.array([[30.4, 29.5], [31.5, 20.0]])
    slices = cut_slices(torch.from_numpy(plane[None]), places, 16, (0.0,), (1.0,)).numpy()
    np.testing.assert_allclose(square_means(plane, places, 16), slices.mean(axis=(1, 2, 3)), rtol=1e-5)


TABLE = pd.DataFrame(
    {
        "relevance": [0.5, 2.0, 2.0, np.nan, 1.0],
        "rank": [4, 2, 1, 0, 3],
        "nucleus area": [10.0, 50.0, 20.0, 40.0, 30.0],
        "at the border": [False, True, False, False, False],
        "sharpness": [1.0] * 5,
    }
)
ALL = np.ones(5, dtype=bool)


def test_no_cell_is_in_both_columns_and_ties_go_by_rank() -> None:
    high, low = highest_and_lowest(TABLE, "relevance", ALL, 24)
    assert high.tolist() == [2, 1]
    assert low.tolist() == [0, 4]


def test_few_are_shown_and_filtered_ones_are_not() -> None:
    high, low = highest_and_lowest(TABLE, "nucleus area", ALL, 1)
    assert (high.tolist(), low.tolist()) == ([1], [0])
    high, low = highest_and_lowest(TABLE, "nucleus area", np.array([True, False, True, False, False]), 9)
    assert (high.tolist(), low.tolist()) == ([2], [0])
    assert [rows.tolist() for rows in highest_and_lowest(TABLE, "nucleus area", ~ALL, 9)] == [[], []]


def test_what_is_the_same_for_all_cells_cannot_be_sorted_by() -> None:
    assert sortable(TABLE) == ["relevance", "nucleus area"]
