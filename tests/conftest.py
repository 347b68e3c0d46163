"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("NAPARI_MID_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real plates; the test is skipped where it is absent."""
    if not (DATA / "README.md").is_file():
        pytest.skip("real test data not found beside the checkout; set NAPARI_MID_TEST_DATA to its folder")
    return DATA
