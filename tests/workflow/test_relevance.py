import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_mid.cli import main
from napari_mid.errors import SettingsError
from napari_mid.inference.settings import ScoringSettings
from napari_mid.inference.trust_settings import TrustSettings
from napari_mid.model.folder import save_model
from napari_mid.model.network import MidModel
from napari_mid.model.reference import fit_reference
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.workflow.contract import depth_warning, fit, nucleus_warning
from napari_mid.workflow.relevance import explain_steps
from napari_mid.workflow.score_plate import score_plate_steps, wells_table, write_results
from napari_mid.workflow.score_well import score_well


@pytest.fixture
def plate(disc_plate: Path) -> Plate:
    """A01 to A03 are negative controls, A06 has no nucleus."""
    plate = open_plate(disc_plate)
    return plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))


def test_a_well_says_how_far_to_trust_it(plate: Plate, small_model: MidModel) -> None:
    result = score_well(plate["A1"], small_model)
    assert result.call == "no call"
    assert result.call_reason == "only 9 cells, and a call needs 12"
    assert 1 <= result.trust.effective_cells <= 9
    assert -1 <= result.trust.rank_stability <= 1
    assert np.isnan(result.trust.training_distance)
    assert result.cells["training_distance"].isna().all()
    empty = score_well(plate["A6"], small_model)
    assert (empty.call, empty.call_reason) == ("no cells", "no nuclei were found")


def test_a_well_unlike_the_training_cells_is_not_called(plate: Plate, small_model: MidModel) -> None:
    here = score_well(plate["A1"], small_model).embeddings
    rng = np.random.default_rng(0)
    cells = here[rng.integers(0, 9, 60)] + 0.3 * here.std() * rng.normal(size=(60, 16)).astype(np.float32)
    any_number = ScoringSettings(fewest_cells=1)
    small_model.reference = fit_reference(cells)
    like = score_well(plate["A1"], small_model, settings=any_number)
    assert like.trust.training_distance < small_model.reference.far
    assert "unlike" not in like.call_reason
    small_model.reference = fit_reference(cells + 100 * here.std())
    unlike = score_well(plate["A1"], small_model, settings=any_number)
    assert unlike.call == "no call"
    assert "unlike those the model was trained on" in unlike.call_reason
    assert unlike.trust.far_cells == 1
    assert unlike.cells["training_distance"].min() > small_model.reference.far


def test_wells_csv_keeps_its_columns_and_gets_more(plate: Plate, small_model: MidModel, tmp_path: Path) -> None:
    wanted = TrustSettings(measures=("rollout", "swap_in", "leave_one_out"), heads=True, curves="alone", bootstrap=True)
    found = finish(score_plate_steps(plate, plate.select_wells("A02-A06"), small_model, trust=wanted))
    write_results(found, tmp_path)
    wells = pd.read_csv(tmp_path / "wells.csv")
    assert wells["Metadata_Well"].tolist() == ["A02", "A03", "A04", "A05", "A06"]
    fixed = ["score", "score_low", "score_high", "call", "n_cells", "warnings"]
    assert [column for column in wells.columns if column in fixed] == fixed
    more = ["percentile_controls", "call_reason", "effective_cells", "rank_stability", "bootstrap_low", "deletion_area"]
    assert list(wells.columns).index("role") < min(list(wells.columns).index(column) for column in more)
    assert (wells["bootstrap_low"][:4] <= wells["bootstrap_high"][:4]).all()
    cells = pd.read_parquet(tmp_path / "cells.parquet")
    assert len(cells) == 36
    added = ["relevance_rollout", "relevance_rollout_se", "relevance_swap_in", "relevance_leave_one_out", "relevance_head_2"]
    assert cells[added].notna().all().all()
    assert "relevance_alone" not in cells
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert set(curves["Metadata_Well"]) == {"A02", "A03", "A04", "A05"}
    first = curves.groupby("Metadata_Well").first()
    np.testing.assert_allclose(first["deletion"], wells.set_index("Metadata_Well")["score"][:4], atol=1e-5)
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["settings"]["trust"]["measures"] == ["rollout", "swap_in", "leave_one_out"]


def test_wells_are_placed_among_the_other_controls(plate: Plate, small_model: MidModel) -> None:
    found = finish(score_plate_steps(plate, plate.select_wells("A01-A04"), small_model))
    table = wells_table(found).set_index("Metadata_Well")
    scores = table["score"]
    below = [100 * np.mean([scores["A04"] > scores[name] for name in ("A01", "A02", "A03")])]
    assert table.loc["A04", "percentile_controls"] == pytest.approx(below[0])
    assert table.loc["A01", "percentile_controls"] in (0, 25, 50, 75, 100)
    alone = wells_table(finish(score_plate_steps(plate, plate.select_wells("A01"), small_model)))
    assert alone["percentile_controls"].isna().all()


def test_swap_in_needs_control_wells_with_cells(plate: Plate, small_model: MidModel) -> None:
    wanted = TrustSettings(measures=("swap_in", "alone"))
    with pytest.raises(SettingsError, match="negative_control"):
        finish(score_plate_steps(plate, plate.select_wells("A04,A05"), small_model, trust=wanted))
    for name in ("A01", "A02", "A03"):
        for plane in plate.wells[name].fields[1].planes:
            plane.path.unlink()
    found = finish(score_plate_steps(plate, plate.select_wells(None), small_model, trust=wanted))
    assert set(found.failed) == {"A01", "A02", "A03"}
    assert "relevance_alone" in found.results[0].cells
    assert "relevance_swap_in" not in found.results[0].cells
    assert any("nothing to compare with" in warning for warning in found.results[0].warnings)


def test_a_well_is_explained_later_from_its_embeddings(plate: Plate, small_model: MidModel) -> None:
    result = score_well(plate["A4"], small_model)
    steps = explain_steps(result, small_model, ScoringSettings(), TrustSettings(measures=("alone",)))
    explained = finish(steps)
    odds = explained.cells["relevance_alone"]
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), explained.cells["score_alone"], atol=5e-3)
    assert explained.score == result.score


def test_excluded_cells_are_left_out_of_every_measure(plate: Plate, small_model: MidModel) -> None:
    from napari_mid.workflow.rescore import rescore

    settings, wanted = ScoringSettings(), TrustSettings(measures=("leave_one_out",), heads=True, curves="alone", bootstrap=True)
    excluded = np.arange(9) % 4 == 0
    *_, without = rescore(score_well(plate["A4"], small_model), small_model, excluded)
    explained = finish(explain_steps(without, small_model, settings, wanted))
    assert explained.cells["relevance_leave_one_out"].isna().tolist() == excluded.tolist()
    assert explained.cells["relevance_head_1"].isna().tolist() == excluded.tolist()
    assert explained.curves is not None
    assert explained.curves.deletion[0] == pytest.approx(without.score, abs=1e-5)
    *_, nothing = rescore(without, small_model, np.ones(9, bool))
    assert finish(explain_steps(nothing, small_model, settings, wanted)) is nothing


def test_measures_on_the_command_line(
    disc_plate: Path, small_model: MidModel, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    save_model(small_model, tmp_path / "model", card="", metrics={})
    score = ["score", str(disc_plate), "--roles", "w1=nucleus", "w2=ros", "--model", str(tmp_path / "model")]
    score += ["--wells", "A01,A04", "--out", str(tmp_path / "out")]
    assert main([*score, "--measure", "alone", "rollout", "--curves", "attention"]) == 0
    assert {"relevance_alone", "relevance_rollout"} <= set(pd.read_parquet(tmp_path / "out" / "cells.parquet").columns)
    assert (tmp_path / "out" / "curves.csv").is_file()
    with pytest.raises(SystemExit) as stopped:
        main([*score, "--measure", "saliency"])
    assert stopped.value.code == 2
    assert "saliency" in capsys.readouterr().err


def test_other_nuclei_and_fewer_bits_are_said(plate: Plate, small_model: MidModel) -> None:
    import dataclasses

    def trained_with(**known: float) -> MidModel:
        model = MidModel(dataclasses.replace(small_model.config, **known))
        return model.eval()

    area = np.array([np.pi * 8**2] * 5 + [np.nan])
    fitted = fit(plate, small_model)
    assert nucleus_warning(fitted, trained_with(nucleus_px=12.0), area) == []
    assert nucleus_warning(fitted, small_model, area) == []
    (said,) = nucleus_warning(fitted, trained_with(nucleus_px=9.0), area)
    assert "16.0 px wide" in said
    in_um = dataclasses.replace(fitted, plate=dataclasses.replace(fitted.plate, pixel_size_um=0.5))
    assert nucleus_warning(in_um, trained_with(nucleus_px=9.0, pixel_size_um=1.0), area) == []
    (said,) = nucleus_warning(in_um, trained_with(nucleus_px=16.0, pixel_size_um=1.0), area)
    assert "8.0 µm wide" in said
    assert depth_warning(trained_with(bit_depth=16), 16) == []
    assert "8 bits" in depth_warning(trained_with(bit_depth=16), 8)[0]


def test_a_trained_model_knows_its_cells_and_refuses_to_replace_anything_else(
    plate: Plate, small_model: MidModel, tmp_path: Path
) -> None:
    from napari_mid.errors import ModelError
    from napari_mid.model.folder import load_model
    from napari_mid.training.settings import TrainingSettings
    from napari_mid.workflow.train import train_model_steps

    tiny = TrainingSettings(slice_size=32, backbone="test_resnet", width=16, heads=2, steps=3, set_size=4, validation=0)
    finish(train_model_steps([plate], tmp_path / "model", label="role", settings=tiny))
    model = load_model(tmp_path / "model")
    assert model.config.bit_depth == 16
    assert model.config.nucleus_px == pytest.approx(16, abs=1.5)
    exact = ScoringSettings(precision="float32")
    wells = [score_well(plate[name], model, settings=exact) for name in ("A1", "A2", "A3", "A4", "A5")]
    distances = pd.concat([result.cells["training_distance"] for result in wells])
    assert distances.median() == pytest.approx(1, abs=0.3)
    assert all(result.trust.training_distance > 0 for result in wells)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "image.tif").touch()
    with pytest.raises(ModelError, match="not replaced"):
        finish(train_model_steps([plate], tmp_path / "data", label="role", settings=tiny))
