"""Conditions that a person types."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mid.errors import SettingsError
from napari_mid.viewer.filters import matching

TABLE = pd.DataFrame(
    {
        "compound": ["DMSO", "Alfuzosin", None, "dmso"],
        "concentration": [0.0, 3.33, np.nan, 10.0],
        "out of focus": [True, False, False, True],
        "Batch_no": ["1", "2", "10", "x"],
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 1, 1, 1]),
        ("compound = DMSO", [1, 0, 0, 1]),
        ("Compound != dmso", [0, 1, 1, 0]),
        ("compound ~ fuz", [0, 1, 0, 0]),
        ("concentration > 1", [0, 1, 0, 1]),
        ("conc <= 3.33", [1, 1, 0, 0]),
        ("conc>=3.33, comp=dmso", [0, 0, 0, 1]),
        ("out of focus", [1, 0, 0, 1]),
        ("out_of_focus = no and concentration > 0", [0, 1, 0, 0]),
        ("batch no = 10", [0, 0, 1, 0]),
        ("batch no < 5; compound = DMSO", [1, 0, 0, 0]),
        ("concentration == 0", [1, 0, 0, 0]),
    ],
)
def test_rows_that_fulfil_all_conditions(text: str, expected: list[int]) -> None:
    np.testing.assert_array_equal(matching(TABLE, text), np.array(expected, dtype=bool))


@pytest.mark.parametrize(
    ("text", "told"), [("dose > 3", "no column 'dose'"), ("compound =", "not complete"), ("= 3", "not complete")]
)
def test_what_cannot_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        matching(TABLE, text)


def test_no_rows() -> None:
    assert matching(TABLE.iloc[:0], "compound = DMSO").shape == (0,)


@given(st.text(max_size=40))
def test_any_text_gives_a_mask_or_a_sentence(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert matching(TABLE, text).shape == (4,)
