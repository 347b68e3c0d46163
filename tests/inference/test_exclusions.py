"""Cells that are left out are known by their place, and every step can be undone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from napari_mid.cells.kept import WellKey
from napari_mid.inference.exclusions import Exclusions, Wish

KEY, OTHER = WellKey("p", None, None, "A01"), WellKey("p", None, None, "A02")


def table(places: list[tuple[int, float, float]], **columns: list[bool]) -> pd.DataFrame:
    sites, y, x = (np.array(values, dtype=float) for values in zip(*places, strict=True))
    return pd.DataFrame(
        {
            "Metadata_Site": sites.astype(int),
            "Nuclei_Location_Center_Y": y,
            "Nuclei_Location_Center_X": x,
            "touches_border": np.zeros(len(places), dtype=bool),
            **columns,
        }
    )


CELLS = table([(1, 10, 10), (1, 40, 12), (2, 10, 10), (2, 70, 3)])


def test_cells_left_out_are_found_again_by_field_and_place() -> None:
    exclusions = Exclusions()
    exclusions.set(KEY, CELLS, [2, 1], out=True)
    np.testing.assert_array_equal(exclusions.of(KEY).mask(CELLS), [False, True, True, False])
    assert not exclusions.of(OTHER).mask(CELLS).any()
    # run again: one more nucleus at the front, one a little moved, one is gone
    again = table([(1, 3, 3), (1, 10, 10), (1, 41.5, 12), (2, 70, 3)])
    wish = exclusions.of(KEY)
    np.testing.assert_array_equal(wish.mask(again), [False, False, True, False])
    assert wish.lost(again) == 1
    assert wish.lost(CELLS) == 0


def test_cells_are_taken_back_and_steps_undone() -> None:
    exclusions = Exclusions()
    exclusions.set(KEY, CELLS, [0, 1], out=True)
    exclusions.set(KEY, CELLS, [1, 2], out=True)  # one of them is out already
    assert len(exclusions.of(KEY).places) == 3
    exclusions.set(KEY, CELLS, [0, 3], out=False)
    np.testing.assert_array_equal(exclusions.of(KEY).mask(CELLS), [False, True, True, False])
    assert exclusions.undo(KEY)
    np.testing.assert_array_equal(exclusions.of(KEY).mask(CELLS), [True, True, True, False])
    assert exclusions.undo(KEY)
    assert exclusions.undo(KEY)
    assert not exclusions.of(KEY).mask(CELLS).any()
    assert not exclusions.can_undo(KEY)
    assert not exclusions.undo(KEY)


def test_kinds_of_cells_are_left_out_of_every_well_and_counted() -> None:
    exclusions = Exclusions()
    cells = table([(1, 10, 10), (1, 40, 12)], touches_border=[True, False], out_of_focus=[False, True])
    exclusions.set(KEY, cells, [0], out=True)
    exclusions.rules = frozenset({"border"})
    np.testing.assert_array_equal(exclusions.of(OTHER).mask(cells), [True, False])
    exclusions.rules = frozenset({"border", "focus"})
    assert exclusions.of(OTHER).mask(cells).all()
    assert exclusions.of(KEY).record(cells) == {"by_hand": 1, "touches_border": 1, "out_of_focus": 1}
    assert exclusions.of(OTHER).record(cells) == {"touches_border": 1, "out_of_focus": 1}


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 3), min_size=1)), max_size=8))
def test_undo_goes_back_to_where_it_began(steps: list[tuple[bool, set[int]]]) -> None:
    exclusions, masks = Exclusions(), [np.zeros(4, dtype=bool)]
    for out, rows in steps:
        exclusions.set(KEY, CELLS, rows, out=out)
        expected = masks[-1].copy()
        expected[list(rows)] = out
        np.testing.assert_array_equal(exclusions.of(KEY).mask(CELLS), expected)
        masks.append(expected)
    for before in masks[-2::-1]:
        assert exclusions.undo(KEY)
        np.testing.assert_array_equal(exclusions.of(KEY).mask(CELLS), before)


def test_no_cells_and_places_that_are_no_numbers() -> None:
    exclusions = Exclusions()
    exclusions.set(KEY, CELLS, [0], out=True)
    assert exclusions.of(KEY).lost(CELLS.iloc[:0]) == 1
    assert not exclusions.of(KEY).mask(table([(1, np.nan, 2), (3, 1, 1)])).any()
    assert not Wish().mask(CELLS).any()
