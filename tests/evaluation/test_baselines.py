import dataclasses
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from napari_mid.errors import SettingsError
from napari_mid.evaluation.baselines import Material, baseline, baseline_names, check_packages, means_of
from napari_mid.evaluation.learning import Design, design, predicted_steps
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.sides import NEW, TRAINED, UNKNOWN, VALIDATION
from napari_mid.evaluation.weighted import cells_auroc
from napari_mid.progress import finish

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


def predicted(
    name: str, given: Material, positive: np.ndarray, how: Design, seed: int, settings: EvaluationSettings = SETTINGS
) -> np.ndarray:
    return finish(predicted_steps(name, given, positive, how, dataclasses.replace(settings, seed=seed)))


def test_the_registry_holds_what_the_command_offers() -> None:
    assert baseline_names() == [
        "cell_count",
        "cellprofiler",
        "gated_attention_encoder",
        "gated_attention_mil",
        "mean_intensity",
        "mean_pooled",
        "single_cell",
        "well_position",
    ]
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
    for package in ("lightgbm", "cp_measure.bulk"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    check_packages(["cellprofiler"])
    monkeypatch.setitem(sys.modules, name, None)
    check_packages(["cell_count"])
    with pytest.raises(SettingsError, match=r"cellprofiler needs .*napari-mid\[evaluate\]"):
        check_packages(["cell_count", "cellprofiler"])


#: Seconds, not minutes: small networks of timm's tests, few steps, few cells.
BRIEF = EvaluationSettings(network_steps=60, network_backbone="test_resnet", network_cells=12)


def bags(share: float = 0.4) -> list[np.ndarray]:
    """Embeddings of 20 cells a well; in positive wells some lie apart, in either direction: their mean says nothing."""
    rng = np.random.default_rng(1)
    found = []
    for positive in POSITIVE:
        cells = rng.normal(0, 1, (20, 6))
        apart = rng.random(20) < share * positive
        cells[apart, 0] += rng.choice([-6.0, 6.0], apart.sum())
        found.append(cells.astype(np.float32))
    return found


def slices() -> list[np.ndarray]:
    """Six slices a well; half of those in positive wells have a bright spot."""
    rng = np.random.default_rng(2)
    found = []
    for positive in POSITIVE:
        cells = rng.normal(60, 10, (6, 2, 32, 32)).clip(0, 255)
        if positive:
            cells[:3, 1, 10:22, 10:22] = 250
        found.append(cells.astype(np.uint8))
    return found


def split() -> Design:
    held = np.isin(COMPOUNDS, [f"C{i}" for i in range(8, 12)])
    how = design(POSITIVE, COMPOUNDS.tolist(), np.where(held, NEW, TRAINED).tolist(), SETTINGS)
    assert how is not None
    return how


def test_gated_attention_finds_what_no_mean_shows() -> None:
    given = Material(material().wells, np.full((48, 2), (8, 12)), embeddings=bags())
    how = split()
    longer = dataclasses.replace(BRIEF, network_steps=250)
    attention = predicted("gated_attention_mil", given, POSITIVE, how, 0, longer)
    means = predicted("mean_pooled", given, POSITIVE, how, 0)
    held = np.isfinite(attention)
    assert held.sum() == 16
    found, by_mean = (cells_auroc(POSITIVE[held], scores[held]) for scores in (attention, means))
    assert found > 0.85
    assert found > by_mean + 0.1


@pytest.mark.parametrize("name", ["single_cell", "gated_attention_encoder"])
def test_networks_learn_from_pixels(name: str) -> None:
    cells = slices()
    cells[47] = cells[47][:0]  # a held-out well without cells gets a score too
    given = Material(material().wells, np.full((48, 2), (8, 12)), slices=cells, encoder="test_resnet")
    scores = predicted(name, given, POSITIVE, split(), 0, BRIEF)
    held = np.isfinite(scores)
    assert held.sum() == 16
    assert scores[held & POSITIVE].mean() > scores[held & ~POSITIVE].mean() + 0.2


def test_a_network_whose_gains_are_changed_does_not_learn_how_bright_a_well_is() -> None:
    rng = np.random.default_rng(3)
    cells = [rng.normal(120 if positive else 90, 10, (6, 2, 32, 32)).clip(0, 255).astype(np.uint8) for positive in POSITIVE]
    given = Material(material().wells, np.full((48, 2), (8, 12)), slices=cells, encoder="test_resnet")
    apart = []
    for gain in (0.0, 0.9):
        scores = predicted("gated_attention_encoder", given, POSITIVE, split(), 0, dataclasses.replace(BRIEF, network_gain=gain))
        held = np.isfinite(scores)
        apart.append(scores[held & POSITIVE].mean() - scores[held & ~POSITIVE].mean())
    assert apart[0] > 0.5
    assert apart[1] < 0.5 * apart[0]


def test_a_network_that_timm_does_not_have_is_said() -> None:
    given = Material(material().wells, np.full((48, 2), (8, 12)), slices=slices())
    with pytest.raises(SettingsError, match="no network 'magic_b0'"):
        predicted("single_cell", given, POSITIVE, split(), 0, EvaluationSettings(network_backbone="magic_b0"))


def test_a_network_without_cells_of_a_class_says_so() -> None:
    cells = [each if positive else each[:0] for each, positive in zip(bags(), POSITIVE, strict=True)]
    given = Material(material().wells, np.full((48, 2), (8, 12)), embeddings=cells)
    with pytest.raises(SettingsError, match="no cells of one class"):
        predicted("gated_attention_mil", given, POSITIVE, split(), 0, BRIEF)
