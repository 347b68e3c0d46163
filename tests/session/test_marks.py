"""Classes that cells are sorted into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_mid.cells.kept import WellKey
from napari_mid.session.marks import Marks

KEY, OTHER = WellKey("plate", 1, None, "A01"), WellKey("plate", 1, None, "A02")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("napari_mid.preferences.config_folder", lambda: tmp_path)
    return tmp_path


def cells(n: int = 6) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Site": [1, 1, 1, 2, 2, 2][:n],
            "Nuclei_Location_Center_Y": [10.0, 20.0, 30.0, 10.0, 20.0, 30.0][:n],
            "Nuclei_Location_Center_X": [5.0] * n,
        }
    )


def test_cells_move_from_class_to_class_and_out_of_it() -> None:
    marks = Marks()
    marks.set(KEY, cells(), [0, 3], 2)
    marks.set(KEY, cells(), [3, 4], 9)
    assert marks.of(KEY, cells()).tolist() == [2, 0, 0, 9, 9, 0]
    assert marks.of(OTHER, cells()).tolist() == [0] * 6
    marks.set(KEY, cells(), [0], 0)
    assert marks.of(KEY, cells()).tolist() == [0, 0, 0, 9, 9, 0]
    assert [marks.undo(KEY) for _ in range(4)] == [True, True, True, False]
    assert not marks.of(KEY, cells()).any()


def test_they_follow_the_place_and_not_the_row() -> None:
    marks = Marks()
    marks.set(KEY, cells(), [5], 1)
    turned = cells().iloc[::-1].reset_index(drop=True)
    turned["Nuclei_Location_Center_X"] += 1.0
    assert marks.of(KEY, turned).tolist() == [1, 0, 0, 0, 0, 0]
    assert marks.of(KEY, cells(3)).tolist() == [0, 0, 0]
    assert marks.of(KEY, cells(0)).shape == (0,)


def test_they_come_back_with_their_names() -> None:
    marks = Marks()
    marks.rename(["round", " ", "long  one"])
    marks.set(KEY, cells(), [1, 2], 3)
    assert marks.remember("plate")
    again = Marks()
    assert again.bring_back("plate") == 2
    assert again.names[:4] == ("round", "class 2", "long one", "class 4")
    assert again.names_of(KEY, cells()) == ["", "long one", "long one", "", "", ""]
    assert Marks().bring_back("another plate") == 0


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"plate": "plate", "wells": [{"well": "A01"}]}',
        '{"plate": "plate", "wells": [{"well": "A01", "time": 1, "z": null, "cells": [[1, 2.0, 3.0, 77]]}]}',
    ],
)
def test_a_damaged_file_holds_nothing(config: Path, content: str) -> None:
    marks = Marks()
    marks.remember("plate")
    next(config.rglob("*.json")).write_text(content)
    assert marks.bring_back("plate") == 0
    assert not np.any(marks.of(KEY, cells()))
