import sys

import numpy as np
import pandas as pd
import pytest

from napari_mid.errors import SettingsError
from napari_mid.evaluation.baselines import Material, baseline, baseline_names, means_of
from napari_mid.evaluation.learning import design, predicted
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import NEW, TRAINED, UNKNOWN, VALIDATION

SETTINGS = EvaluationSettings()
RNG = np.random.default_rng(0)
#: 12 compounds of 4 wells; every second one is positive and has fewer cells.
COMPOUNDS = np.repeat([f"C{i}" for i in range(12)], 4)
POSITIVE = np.repeat(np.arange(12) % 2 == 1, 4)


def material(n_cells: object = None) -> Material:
    counts = np.where(POSITIVE, 40, 80) + RNG.integers(-5, 5, 48) if n_cells is None else n_cells
    wells = pd.DataFrame(
        {"Metadata_Plate": "P", "Metadata_Well": [f"{'ABCD'[i % 4]}{i // 4 + 1:02d}" for i in range(48)], "n_cells": counts}
    )
    signal = POSITIVE[:, None] + RNG.normal(0, 0.3, (48, 6))
    cells = [row + RNG.normal(0, 1, (7, 6)) for row in signal]
    return Material(wells, np.full((48, 2), (8, 12)), np.exp(signal), [c.astype(np.float32) for c in cells], cells)


def test_the_registry_holds_what_the_command_offers() -> None:
    assert baseline_names() == ["cell_count", "cellprofiler", "mean_intensity", "mean_pooled", "well_position"]
    assert all(baseline(name).MEANING for name in baseline_names())
    with pytest.raises(SettingsError, match="no baseline 'magic'"):
        baseline("magic")


@pytest.mark.parametrize("name", ["cell_count", "mean_intensity", "mean_pooled"])
def test_a_baseline_finds_what_it_looks_at(name: str) -> None:
    how = design(POSITIVE, COMPOUNDS.tolist(), [UNKNOWN] * 48, SETTINGS)
    assert how is not None
    scores = predicted(name, material(), POSITIVE, how, 0)
    assert np.isfinite(scores).all()
    assert scores[POSITIVE].mean() > scores[~POSITIVE].mean() + 0.4


def test_cellprofiler_learns_from_features_of_cells() -> None:
    pytest.importorskip("lightgbm", exc_type=(ImportError, OSError))  # type: ignore[call-arg]
    how = design(POSITIVE, COMPOUNDS.tolist(), [UNKNOWN] * 48, SETTINGS)
    assert how is not None
    given = material()
    scores = predicted("cellprofiler", given, POSITIVE, how, 0)
    assert scores[POSITIVE].mean() > scores[~POSITIVE].mean() + 0.3
    np.testing.assert_array_equal(scores, predicted("cellprofiler", given, POSITIVE, how, 0))


def test_the_models_own_split_is_used_where_it_is_known() -> None:
    sides = np.where(np.isin(COMPOUNDS, ["C0", "C1", "C2", "C3"]), TRAINED, np.where(COMPOUNDS == "C4", VALIDATION, NEW))
    how = design(POSITIVE, COMPOUNDS.tolist(), sides.tolist(), SETTINGS)
    assert how is not None
    assert not how.cross_validated
    assert "4 compounds that the model was trained on" in how.how
    ((train, test),) = how.folds
    assert set(COMPOUNDS[train]) == {"C0", "C1", "C2", "C3"}
    scores = predicted("cell_count", material(), POSITIVE, how, 0)
    assert np.isnan(scores[train]).all(), "what was trained on is not judged"
    assert np.isfinite(scores[test]).all()


@pytest.mark.parametrize("seed", range(3))
def test_cross_validation_never_splits_a_compound(seed: int) -> None:
    how = design(POSITIVE, COMPOUNDS.tolist(), [NEW] * 48, EvaluationSettings(seed=seed))
    assert how is not None
    assert how.cross_validated
    judged = np.zeros(48, dtype=int)
    for train, test in how.folds:
        assert not set(COMPOUNDS[train]) & set(COMPOUNDS[test])
        assert len(set(POSITIVE[train])) == 2
        judged += test
    assert (judged == 1).all()


def test_too_few_compounds_give_no_baseline() -> None:
    one = np.isin(COMPOUNDS, ["C0", "C1", "C2"])
    assert design(POSITIVE[one], COMPOUNDS[one].tolist(), [NEW] * int(one.sum()), SETTINGS) is None


def test_position_alone_tells_a_plate_that_is_filled_by_class() -> None:
    """Positives in the right half: the layout gives the class away, and this baseline is there to say so."""
    wells = pd.DataFrame(
        {"Metadata_Plate": "P", "Metadata_Well": [f"{'ABCD'[i % 4]}{i // 4 + 1:02d}" for i in range(48)], "n_cells": 50}
    )
    right = np.arange(48) // 4 >= 6
    given = Material(wells, np.full((48, 2), (8, 12)))
    how = design(right, [f"C{i % 4}{i // 24}" for i in range(48)], [NEW] * 48, SETTINGS)
    assert how is not None
    scores = predicted("well_position", given, right, how, 0)
    assert scores[right].min() > scores[~right].max()


def test_a_well_without_cells_gets_a_score_too() -> None:
    given = material()
    empty = [np.empty((0, 6), np.float32), *given.embeddings[1:]]
    assert np.isnan(means_of(empty)[0]).all()
    how = design(POSITIVE, COMPOUNDS.tolist(), [NEW] * 48, SETTINGS)
    assert how is not None
    scores = predicted("mean_pooled", Material(given.wells, given.sizes, embeddings=empty), POSITIVE, how, 0)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", ["lightgbm", "cp_measure.bulk"])
def test_what_is_not_installed_is_said_with_how_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_mid.evaluation.baselines import cellprofiler

    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=r"napari-mid\[evaluate\]"):
        cellprofiler.imported(name)
