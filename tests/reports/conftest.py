"""A scored well without a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_mid.inference.result import CELL_COLUMNS, WellResult


@pytest.fixture
def make_result() -> Callable[..., WellResult]:
    """Make the result of a well from its score; the interval is 0.05 wide on both sides."""

    def make(well: str = "B05", score: float = 0.87, n_cells: int = 3, **changes: Any) -> WellResult:
        fields: dict[str, Any] = {
            "plate": "0412",
            "well": well,
            "score": score,
            "score_low": score - 0.05,
            "score_high": score + 0.05,
            "call": "positive" if score > 0.5 else "negative",
            "classes": ("safe", "toxic"),
            "probabilities": np.array([1 - score, score]),
            "cells": pd.DataFrame(0.0, index=range(n_cells), columns=list(CELL_COLUMNS)).astype({"excluded": bool}),
            "embeddings": np.zeros((n_cells, 4), np.float32),
            "set_scores": np.array([score]),
            "model_name": "herg",
            "model_hash": "0123456789abcdef",
        }
        return WellResult(**(fields | changes))

    return make
