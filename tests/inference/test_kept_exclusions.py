"""Cells that were left out come back after the program was closed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid import preferences
from napari_mid.cells.kept import WellKey
from napari_mid.inference import kept_exclusions
from napari_mid.inference.exclusions import Exclusions
from napari_mid.inference.kept_exclusions import FOLDER, remember_cells, remembered_cells

B03, B03_LATER, OTHER = WellKey("/p", None, 0, "B03"), WellKey("/p", 4, None, "B03"), WellKey("/q", None, None, "B03")


def cells() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Site": [1, 1, 2],
            "Nuclei_Location_Center_Y": [10.25, 50.5, 10.25],
            "Nuclei_Location_Center_X": [20.0, 60.125, 20.0],
        }
    )


def files() -> list[Path]:
    return list((preferences.config_folder() / FOLDER).glob("*.json"))


def test_cells_left_out_come_back_with_the_plate_and_one_undo_takes_them_back() -> None:
    before = Exclusions()
    before.set(B03, cells(), [0], out=True)
    before.set(B03, cells(), [2], out=True)
    before.set(B03_LATER, cells(), [1], out=True)
    assert before.remember("/p")
    after = Exclusions()
    assert after.bring_back("/q") == {}
    assert after.bring_back("/p") == {B03: 2, B03_LATER: 1}
    assert after.of(B03).by_hand(cells()).tolist() == [True, False, True]
    assert after.of(B03_LATER).by_hand(cells()).tolist() == [False, True, False]
    assert not after.of(OTHER).by_hand(cells()).any()
    assert after.undo(B03)
    assert not after.of(B03).by_hand(cells()).any()
    assert not after.can_undo(B03)


def test_what_was_done_since_the_start_is_not_overridden() -> None:
    exclusions = Exclusions()
    exclusions.set(B03, cells(), [0], out=True)
    exclusions.remember("/p")
    exclusions.set(B03, cells(), [0], out=False)
    assert exclusions.bring_back("/p") == {}
    assert not exclusions.of(B03).by_hand(cells()).any()
    exclusions.remember("/p")
    assert files() == []
    assert Exclusions().bring_back("/p") == {}


@settings(max_examples=40)
@given(st.text() | st.from_regex(r'\{"plate": "/p", "wells": .{0,40}\}', fullmatch=True))
def test_damaged_files_hold_nothing(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("preferences")
        patch.setattr(preferences, "config_folder", lambda: folder)
        remember_cells("/p", {B03: np.array([[1.0, 2.0, 3.0]])})
        files()[0].write_text(text, encoding="utf-8")
        assert remembered_cells("/p") == {}


@pytest.mark.parametrize(
    "entry",
    [
        {"well": "B03", "time": None, "z": None, "cells": [[1, 2]]},
        {"well": "B03", "time": "x", "z": None, "cells": [[1, 2, 3]]},
        {"well": "B03", "z": None, "cells": [[1, 2, 3]]},
        {"well": "B03", "time": None, "z": None, "cells": "many"},
        7,
    ],
)
def test_an_entry_that_makes_no_sense_does_not_lose_the_others(entry: object) -> None:
    import json

    remember_cells("/p", {B03: np.array([[1.0, 2.0, 3.0]])})
    content = json.loads(files()[0].read_text())
    content["wells"].insert(0, entry)
    files()[0].write_text(json.dumps(content))
    assert list(remembered_cells("/p")) == [B03]


def test_the_plate_changed_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(kept_exclusions, "MAX_PLATES", 2)
    for age, plate in enumerate(("/a", "/b", "/c")):
        remember_cells(plate, {WellKey(plate, None, None, "A01"): np.array([[1.0, 2.0, 3.0]])})
        for file in files():
            if f'"plate": "{plate}"' in file.read_text():
                os.utime(file, (age, age + 1))
    remember_cells("/d", {WellKey("/d", None, None, "A01"): np.array([[1.0, 2.0, 3.0]])})
    assert [bool(remembered_cells(plate)) for plate in ("/a", "/b", "/c", "/d")] == [False, False, True, True]


def test_a_folder_that_cannot_be_written_is_told() -> None:
    preferences.config_folder().parent.mkdir(parents=True, exist_ok=True)
    preferences.config_folder().write_text("a file is in the way")
    assert not remember_cells("/p", {B03: np.array([[1.0, 2.0, 3.0]])})
    assert remembered_cells("/p") == {}
