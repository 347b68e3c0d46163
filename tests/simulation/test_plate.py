from __future__ import annotations

import dataclasses
import filecmp
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_mid.errors import MidError, SettingsError
from napari_mid.images.layout import well_layout
from napari_mid.plates import open_plate
from napari_mid.progress import finish
from napari_mid.simulation.cells import draw_field
from napari_mid.simulation.plan import plan_plate
from napari_mid.simulation.plate import is_simulated_plate, simulate_steps
from napari_mid.simulation.settings import SimulationSettings

TINY = SimulationSettings(wells=6, fields=1, field_px=128)


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_plate_reads_back_as_it_was_drawn(small_plate: Path, small_settings: SimulationSettings) -> None:
    plate = open_plate(small_plate)
    assert plate.simulated
    assert plate.name == small_settings.plate_name
    assert plate.pixel_size_um == pytest.approx(0.6)
    assert not plate.missing_files
    assert not plate.warnings
    assert plate.n_images == 8 * 3 * 4
    assert [(channel.name, channel.role) for channel in plate.channels] == [
        ("Hoechst 33342", "nucleus"),
        ("CM-H2DCFDA", "ros"),
        ("TMRM", "mmp"),
        ("YOYO-3", "dead"),
    ]
    assert all(channel.wavelength_nm > channel.excitation_nm for channel in plate.channels)
    for plan in plan_plate(small_settings)[::3]:
        for number in (1, 3):
            drawn = draw_field(plan, number, small_settings)
            assert np.array_equal(plate[plan.well].fields[number].load(), drawn.image)


def test_fields_lie_edge_to_edge_in_reading_order(small_plate: Path) -> None:
    fields = open_plate(small_plate)["A01"].fields
    layout = well_layout(fields, dict.fromkeys(fields, (160, 160)))
    assert layout.from_stage
    assert layout.origins == {1: (0, 0), 2: (0, 160), 3: (160, 0)}


def test_the_plate_map_is_joined(small_plate: Path, small_settings: SimulationSettings) -> None:
    plate = open_plate(small_plate)
    for plan in plan_plate(small_settings):
        condition = plate[plan.well].condition
        assert condition["compound"] == plan.compound.name
        assert condition["concentration_um"] == pytest.approx(plan.concentration_um)
        assert condition["role"] == plan.role
        assert condition["toxicity"] == (plan.compound.label)
        assert condition["effect"] == ("toxic" if plan.active else "no effect")


def test_truth_knows_the_responders(small_plate: Path, small_settings: SimulationSettings) -> None:
    truth = pd.read_parquet(small_plate / "truth.parquet")
    assert set(truth.Metadata_Site) == {1, 2, 3}
    assert set(truth.state) == {"healthy", "affected", "dead"}
    plans = {plan.well: plan for plan in plan_plate(small_settings)}
    responded = truth.groupby("Metadata_Well").responded.mean()
    for well, plan in plans.items():
        if plan.responding == 0:
            assert responded[well] == 0
        else:
            assert responded[well] == pytest.approx(plan.responding, abs=0.3)
    # the toxic series is written from the highest dose to the lowest
    series = [responded[well] for well, plan in plans.items() if plan.compound.name == "SIM-001"]
    assert series == sorted(series, reverse=True)
    assert not (truth.responded & (truth.state == "healthy")).any()
    assert (truth[truth.state == "healthy"].phenotype_strength == 0).all()


def test_the_record_holds_settings_and_dose_responses(small_plate: Path, small_settings: SimulationSettings) -> None:
    record = json.loads((small_plate / "simulation.json").read_text(encoding="utf-8"))
    assert SimulationSettings(**record["settings"]) == small_settings
    toxic = next(plan.compound for plan in plan_plate(small_settings) if plan.compound.name == "SIM-001")
    assert record["compounds"]["SIM-001"] == json.loads(json.dumps(dataclasses.asdict(toxic)))
    assert record["compounds"]["DMSO"]["top"] == 0


def test_the_same_settings_give_the_same_files(tmp_path: Path) -> None:
    folders = [finish(simulate_steps(tmp_path / name, TINY)) for name in ("a", "b")]
    names = [name for name in everything_in(folders[0]) if (folders[0] / name).is_file()]
    assert len(names) == 6 * 4 + 5
    assert filecmp.cmpfiles(*folders, names, shallow=False)[0] == names


def test_a_plate_with_more_fields_holds_the_same_first_ones() -> None:
    plan = plan_plate(TINY)[0]
    one, more = (draw_field(plan, 1, dataclasses.replace(TINY, fields=fields)) for fields in (1, 4))
    assert np.array_equal(one.image, more.image)


def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    steps = simulate_steps(tmp_path / "plate", TINY)
    next(steps)
    next(steps)
    assert list(tmp_path.iterdir())  # it was under way
    steps.close()
    assert not list(tmp_path.iterdir())


def test_a_stopped_overwrite_keeps_the_old_plate(tmp_path: Path) -> None:
    out = finish(simulate_steps(tmp_path / "plate", TINY))
    before = everything_in(tmp_path)
    steps = simulate_steps(out, dataclasses.replace(TINY, seed=2), overwrite=True)
    next(steps)
    steps.close()
    assert everything_in(tmp_path) == before
    assert open_plate(out).name == "cardiotox-1"


def test_progress_counts_every_field(tmp_path: Path) -> None:
    seen = list(simulate_steps(tmp_path / "plate", TINY))
    assert [progress.done for progress in seen] == list(range(7))
    assert {progress.total for progress in seen} == {6}


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(MidError, match="not empty and not a simulated plate"):
            finish(simulate_steps(out, TINY, overwrite=overwrite))
    assert everything_in(out) == ["thesis.docx"]


def test_a_simulated_plate_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "plate"
    out.mkdir()
    assert not is_simulated_plate(out)
    finish(simulate_steps(out, TINY))
    assert is_simulated_plate(out)
    with pytest.raises(MidError, match="--overwrite"):
        finish(simulate_steps(out, TINY))
    finish(simulate_steps(out, dataclasses.replace(TINY, seed=9), overwrite=True))
    assert open_plate(out).name == "cardiotox-9"
    assert [path.name for path in tmp_path.iterdir()] == ["plate"]


def test_a_real_harmony_plate_is_never_replaced(tmp_path: Path) -> None:
    out = finish(simulate_steps(tmp_path / "plate", TINY))
    index = out / "Images" / "Index.idx.xml"
    index.write_text(index.read_text(encoding="utf-8").replace("napari-mid simulation", "Phenix"), encoding="utf-8")
    assert not open_plate(out).simulated
    with pytest.raises(MidError, match="not a simulated plate"):
        finish(simulate_steps(out, TINY, overwrite=True))


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plate").write_text("")
    with pytest.raises(MidError, match="is a file"):
        finish(simulate_steps(tmp_path / "plate", TINY))


def test_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="wells is 5"):
        finish(simulate_steps(tmp_path / "plate", dataclasses.replace(TINY, wells=5)))
    assert not list(tmp_path.iterdir())


def test_a_table_of_wells_says_what_was_expected_and_what_was_drawn(small_plate: Path) -> None:
    wells, cells = pd.read_csv(small_plate / "truth_wells.csv"), pd.read_parquet(small_plate / "truth.parquet")
    assert list(wells.well) == sorted(wells.well)
    for row in wells.itertuples():
        here = cells[cells.Metadata_Well == row.well]
        assert row.n_cells == len(here)
        assert row.responded == pytest.approx(here.responded.mean(), abs=1e-3)
        assert row.expected_responding == pytest.approx(row.responded, abs=0.3)


def test_a_planted_artefact_lies_in_wells_of_toxic_compounds_only(tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, artefact=0.5, field_px=256)
    plain, planted = (
        finish(simulate_steps(tmp_path / str(s.artefact), s)) for s in (dataclasses.replace(settings, artefact=0.0), settings)
    )
    truth = pd.read_parquet(planted / "truth.parquet")
    toxic = {plan.well for plan in plan_plate(settings) if plan.compound.toxic}
    assert set(truth[truth.artefact].Metadata_Well) == toxic
    clean = open_plate(plain)
    for well in open_plate(planted).wells.values():
        change = well.fields[1].load().astype(float) - clean[well.name].fields[1].load()
        assert (change[1].max() > 2000) == (well.name in toxic)


def test_a_cell_painting_plate_has_its_channels_and_classes(tmp_path: Path) -> None:
    plate = open_plate(finish(simulate_steps(tmp_path / "plate", dataclasses.replace(TINY, preset="mitotox"))))
    assert [channel.role for channel in plate.channels] == ["nucleus", "er", "rna", "agp", "mito"]
    assert {well.condition["mitotoxicity"] for well in plate.wells.values()} >= {"active", "inactive"}
