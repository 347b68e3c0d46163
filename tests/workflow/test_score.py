import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_mid.errors import ChannelError, ImageReadError, WellError
from napari_mid.images.well_images import load_well
from napari_mid.inference.result import CELL_COLUMNS
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.plates.plate_map import PlateMap
from napari_mid.progress import finish
from napari_mid.workflow.contract import contract_notes, fit
from napari_mid.workflow.score_plate import cells_table, score_plate_steps, wells_table, write_results
from napari_mid.workflow.score_well import score_well, score_well_steps


@pytest.fixture
def plate(disc_plate: Path) -> Plate:
    plate = open_plate(disc_plate)
    return plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))


def test_a_well_is_scored_from_its_files(plate: Plate, small_model: MidModel) -> None:
    result = score_well(plate["A1"], small_model)
    assert result.n_cells == 9
    assert 0 <= result.score_low <= result.score <= result.score_high <= 1
    assert tuple(result.cells.columns) == CELL_COLUMNS
    assert sorted(result.cells["rank"]) == list(range(1, 10))
    assert result.cells.sort_values("rank")["relevance"].is_monotonic_decreasing
    assert result.cells["relevance"].mean() == pytest.approx(1)
    found = result.cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy()
    wanted = [(y, x) for y in (20, 60, 100) for x in (20, 60, 100)]
    distances = np.linalg.norm(found[:, None] - np.array(wanted)[None], axis=-1)
    assert distances.min(axis=0).max() < 1
    assert result.embeddings.shape == (9, 16)
    assert result.settings["slice_px"] == 32
    assert {"read", "detect", "encode", "score"} <= set(result.seconds)


def test_images_in_memory_and_files_give_the_same_score(plate: Plate, small_model: MidModel) -> None:
    images = finish(load_well(plate.wells["A02"]))
    from_memory = finish(score_well_steps(plate, "A02", small_model, images=images))
    assert from_memory.score == score_well(plate["A02"], small_model).score


def test_a_well_without_nuclei_has_no_score(plate: Plate, small_model: MidModel) -> None:
    result = score_well(plate["A06"], small_model)
    assert np.isnan(result.score)
    assert result.call == "no cells"
    assert any("no nuclei" in warning for warning in result.warnings)
    assert len(result.cells) == 0


def test_a_well_that_does_not_know_its_plate_is_refused(plate: Plate, small_model: MidModel) -> None:
    with pytest.raises(WellError, match=r'plate\["A01"\]'):
        score_well(plate.wells["A01"], small_model)


def test_tables_in_both_formats_say_the_same_even_of_a_mixed_plate_map(
    plate: Plate, small_model: MidModel, tmp_path: Path
) -> None:
    names = list(plate.wells)[:3]
    conditions = {
        name: {"dose": dose, "note": note} for name, dose, note in zip(names, (1, "low", None), (2, 2.5, None), strict=True)
    }
    mapped = plate.with_plate_map(PlateMap(tmp_path / "map.csv", ("dose", "note"), conditions))
    scored = finish(score_plate_steps(mapped, mapped.select_wells("A01-A03"), small_model))
    write_results(scored, tmp_path / "out", both_formats=True)
    csv, parquet = pd.read_csv(tmp_path / "out" / "wells.csv"), pd.read_parquet(tmp_path / "out" / "wells.parquet")
    assert list(csv.columns) == list(parquet.columns)
    np.testing.assert_allclose(parquet["score"], csv["score"])
    assert parquet["dose"].tolist()[:2] == ["1", "low"]
    assert pd.isna(parquet["dose"][2])
    assert parquet["note"].tolist()[:2] == [2.0, 2.5]
    cells = pd.read_csv(tmp_path / "out" / "cells.csv")
    np.testing.assert_allclose(cells["relevance"], pd.read_parquet(tmp_path / "out" / "cells.parquet")["relevance"])
    # none of an earlier run stays behind
    write_results(scored, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells.parquet", "run.json", "wells.csv"]


def test_a_table_that_no_run_wrote_is_not_taken_away(plate: Plate, small_model: MidModel, tmp_path: Path) -> None:
    scored = finish(score_plate_steps(plate, plate.select_wells("A01"), small_model))
    (tmp_path / "cells.csv").write_text("somebody's own")
    for _ in range(2):
        write_results(scored, tmp_path)
    assert (tmp_path / "cells.csv").read_text() == "somebody's own"


def test_tables_have_a_row_per_well_and_per_cell(plate: Plate, small_model: MidModel, tmp_path: Path) -> None:
    out = tmp_path / "results"
    plate_result = finish(score_plate_steps(plate, plate.select_wells(None), small_model))
    write_results(plate_result, out)
    wells = pd.read_csv(out / "wells.csv")
    assert list(wells.columns[:8]) == [
        "Metadata_Plate",
        "Metadata_Well",
        "score",
        "score_low",
        "score_high",
        "call",
        "n_cells",
        "warnings",
    ]
    assert wells["Metadata_Well"].tolist() == [f"A0{i}" for i in range(1, 7)]
    assert wells["n_cells"].tolist() == [9, 9, 9, 9, 9, 0]
    assert wells["role"].tolist() == ["negative_control"] * 3 + ["positive_control"] * 3
    assert np.isnan(wells["score"].iloc[-1])
    assert wells["call"].iloc[-1] == "no cells"
    cells = pd.read_parquet(out / "cells.parquet")
    assert len(cells) == 45
    assert {"attention", "relevance", "relevance_se", "rank", "touches_border", "score_alone"} <= set(cells.columns)
    run = json.loads((out / "run.json").read_text())
    assert run["settings"]["roles"][plate.channel_names[0]] == "nucleus"
    assert {"versions", "device", "seconds", "model"} <= set(run)


def test_a_damaged_image_loses_its_well_and_not_the_plate(plate: Plate, small_model: MidModel) -> None:
    damaged = plate.wells["A02"].fields[1].planes[0].path
    damaged.write_bytes(damaged.read_bytes()[:400])
    result = finish(score_plate_steps(plate, plate.select_wells("A01-A03"), small_model))
    table = wells_table(result).set_index("Metadata_Well")
    assert table.loc["A02", "call"] == "unreadable"
    assert damaged.name in table.loc["A02", "warnings"]
    assert table.loc[["A01", "A03"], "n_cells"].tolist() == [9, 9]
    assert set(cells_table(result)["Metadata_Well"]) == {"A01", "A03"}
    with pytest.raises(ImageReadError, match=damaged.name):
        score_well(plate["A02"], small_model)


def test_channels_are_matched_by_role_and_remembered_by_name(disc_plate: Path, small_model: MidModel) -> None:
    bare = open_plate(disc_plate)
    with pytest.raises(ChannelError, match="Hoechst"):
        fit(bare, small_model)
    names = bare.channel_names
    swapped = fit(bare.with_roles({names[1]: "nucleus", names[0]: "ros"}), small_model)
    assert swapped.channels == (1, 0)
    assert swapped.nucleus == 1
    notes = contract_notes(bare.with_roles(dict(zip(names, ("nucleus", "ros"), strict=True))), small_model)
    assert "pixel size unknown" in notes[0]


def test_a_channel_without_any_signal_is_said(disc_plate: Path, small_model: MidModel) -> None:
    import tifffile

    for path in disc_plate.glob("*_w2.tif"):
        tifffile.imwrite(path, np.full((120, 120), 7, np.uint16))
    plate = open_plate(disc_plate, roles={"w1": "nucleus", "w2": "ros"})
    result = score_well(plate["A01"], small_model)
    assert any("w2" in warning and "everywhere" in warning for warning in result.warnings)


def test_results_of_a_plate_do_not_hold_its_embeddings(disc_plate: Path, small_model: MidModel) -> None:
    plate = open_plate(disc_plate, roles={"w1": "nucleus", "w2": "ros"})
    found = finish(score_plate_steps(plate, plate.select_wells("A01,A02"), small_model))
    for result in found.results:
        assert result.n_cells == 9
        assert result.embeddings.shape == (0, small_model.config.width)
        assert result.embeddings.base is None


def test_the_next_well_is_being_read_while_the_sets_of_this_one_are(
    plate: Plate, small_model: MidModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_mid.workflow import field_store, score_well

    happened: list[str] = []
    load, score_sets = field_store.load_field, score_well.well_result
    monkeypatch.setattr(field_store, "load_field", lambda field, *rest: happened.append(field.well) or load(field, *rest))

    def noted(fitted: object, well: str, *rest: object) -> object:
        following = {"A01": "A02", "A02": "A03"}.get(well, well)
        deadline = time.monotonic() + 240
        while following not in happened and time.monotonic() < deadline:
            time.sleep(0.01)
        happened.append(f"sets of {well}")
        return score_sets(fitted, well, *rest)

    monkeypatch.setattr(score_well, "well_result", noted)
    result = finish(score_plate_steps(plate, plate.select_wells("A01-A03"), small_model))
    assert happened == ["A01", "A02", "sets of A01", "A03", "sets of A02", "sets of A03"]
    monkeypatch.undo()
    for scored in result.results:
        assert scored.score == score_well.score_well(plate[scored.well], small_model).score


def test_what_was_read_ahead_is_let_go_when_the_run_is_stopped(
    plate: Plate, small_model: MidModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_mid.workflow.field_store import FieldStore

    closed: list[list[int]] = []
    close = FieldStore.close
    monkeypatch.setattr(FieldStore, "close", lambda store: closed.append(store.numbers) or close(store))
    steps = score_plate_steps(plate, plate.select_wells("A01-A03"), small_model)
    for progress in steps:
        if progress.detail.startswith("A01, 9 cells"):  # the sets are about to be read
            break
    assert len(closed) == 1
    steps.close()
    assert len(closed) == 2
