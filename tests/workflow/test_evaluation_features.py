"""Cells measured in processes side by side."""

from __future__ import annotations

import importlib.util

import numpy as np
import psutil
import pytest

from napari_mid.errors import SettingsError
from napari_mid.evaluation.units import EvaluationError
from napari_mid.workflow.evaluation_features import measuring

BLANK = np.full((2, 64, 64), 100, dtype=np.uint16)
INSTALLED = importlib.util.find_spec("cp_measure") is not None


def nuclei() -> np.ndarray:
    """Two nuclei in the first of two channels."""
    y, x = np.mgrid[:64, :64]
    discs = [(y - at) ** 2 + (x - at) ** 2 <= 49 for at in (20, 44)]
    noise = np.random.default_rng(0).integers(90, 110, (2, 64, 64))
    noise[0][discs[0] | discs[1]] += 1000
    return noise.astype(np.uint16)


@pytest.mark.skipif(not INSTALLED, reason="cp_measure is not installed")
def test_processes_measure_what_this_process_does() -> None:
    with measuring(1) as here, measuring(2) as there:
        for image, n in ((nuclei(), 2), (BLANK, 0)):
            first, second = (measure(image, 0, 14.0).result() for measure in (here, there))
            assert len(first) == n
            np.testing.assert_array_equal(first, second)


@pytest.mark.skipif(INSTALLED, reason="cp_measure is installed")
def test_an_error_in_a_process_is_told_as_it_would_be_here() -> None:
    with pytest.raises(SettingsError, match="cp_measure"), measuring(2) as measure:
        measure(BLANK, 0, 14.0).result()


def _measured_by_a_process_that_is_killed() -> None:
    before = set(psutil.Process().children(recursive=True))
    with measuring(2) as measure:
        begun = measure(BLANK, 0, 14.0)
        for child in set(psutil.Process().children(recursive=True)) - before:
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        begun.result()


def test_a_process_that_is_killed_is_told_in_a_line() -> None:
    with pytest.raises(EvaluationError, match=r"2 processes .* --workers"):
        _measured_by_a_process_that_is_killed()
