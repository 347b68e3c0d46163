from __future__ import annotations

import pytest

from napari_mid.simulation.plan import DOSES_UM, WellPlan, plate_size
from napari_mid.simulation.plan import plan_plate as plan_of
from napari_mid.simulation.presets import PRESETS
from napari_mid.simulation.settings import SimulationSettings


def plan_plate(wells: int, replicates: int = 1, first_compound: int = 1, **settings: object) -> list[WellPlan]:
    return plan_of(SimulationSettings(wells=wells, replicates=replicates, first_compound=first_compound, **settings))


@pytest.mark.parametrize("wells", [6, 7, 8, 12, 13, 24, 48, 96, 100, 384])
@pytest.mark.parametrize("replicates", [1, 3])
def test_every_plate_has_controls_and_both_kinds_of_compound(wells: int, replicates: int) -> None:
    plans = plan_plate(wells, replicates)
    assert len(plans) == wells
    assert len({plan.well for plan in plans}) == wells
    rows, columns = plate_size(wells)
    assert all(plan.row <= rows and plan.column <= columns for plan in plans)
    assert sum(plan.role == "negative_control" for plan in plans) >= 2
    assert any(plan.role == "positive_control" and plan.active for plan in plans)
    samples = [plan for plan in plans if plan.role == "sample"]
    assert any(plan.compound.toxic and plan.concentration_um == max(DOSES_UM) for plan in samples)
    assert any(not plan.compound.toxic for plan in samples)
    keys = [(plan.compound.name, plan.concentration_um, plan.replicate) for plan in plans]
    assert len(set(keys)) == wells


def test_a_24_well_plate_has_full_series_of_a_toxic_and_an_inactive_compound() -> None:
    plans = plan_plate(24)
    series: dict[str, set[float]] = {}
    for plan in plans:
        series.setdefault(plan.compound.name, set()).add(plan.concentration_um)
    assert series["SIM-001"] == series["SIM-002"] == set(DOSES_UM)


def test_toxic_compounds_are_active_at_high_doses_only() -> None:
    plans = [plan for plan in plan_plate(96) if plan.compound.toxic and plan.role == "sample"]
    assert all(plan.active for plan in plans if plan.concentration_um == max(DOSES_UM))
    assert not any(plan.active for plan in plans if plan.concentration_um == min(DOSES_UM))
    assert not any(plan.active for plan in plan_plate(96) if not plan.compound.toxic)


def test_replicates_repeat_a_dose() -> None:
    plans = plan_plate(96, replicates=3)
    assert max(plan.replicate for plan in plans if plan.compound.name == "SIM-001") == 3


def test_plates_with_other_first_compounds_share_none() -> None:
    names = [{plan.compound.name for plan in plan_plate(96, 1, first) if plan.role == "sample"} for first in (1, 101)]
    assert len(names[0]) == len(names[1]) == 14
    assert not names[0] & names[1]


def test_the_place_of_a_well_does_not_tell_its_compound() -> None:
    plans = plan_plate(384)
    toxic = [plan for plan in plans if plan.compound.toxic]
    for place in ("row", "column"):
        inside = [getattr(plan, place) for plan in toxic]
        everywhere = [getattr(plan, place) for plan in plans]
        assert sum(inside) / len(inside) == pytest.approx(sum(everywhere) / len(everywhere), rel=0.15)
    controls = [plan for plan in plans if plan.role == "negative_control"]
    assert len({plan.column for plan in controls}) > 5
    others = plan_plate(384, seed=2)
    assert [plan.compound.name for plan in others] != [plan.compound.name for plan in plans]
    assert sorted(plan.compound.name for plan in others) == sorted(plan.compound.name for plan in plans)


def test_in_order_is_row_by_row_from_the_highest_dose() -> None:
    plans = plan_plate(24, placement="in_order")
    assert [plan.well for plan in plans[:2]] == ["A01", "A02"]
    assert [plan.concentration_um for plan in plans[:6]] == list(DOSES_UM)
    assert len({plan.compound.name for plan in plans[:6]}) == 1


def test_fewer_doses_leave_room_for_more_compounds() -> None:
    plans = plan_plate(384, doses=3)
    assert {plan.concentration_um for plan in plans if plan.role == "sample"} == set(DOSES_UM[:3])
    assert len({plan.compound.name for plan in plans if plan.role == "sample"}) >= 100
    assert {plan.compound.name for plan in plans if plan.role == "negative_control"} == {"DMSO", "water"}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_screen_has_compounds_of_its_classes(preset: str) -> None:
    assay = PRESETS[preset].assay
    labels = {plan.compound.label for plan in plan_plate(384, preset=preset)}
    assert {assay.negative, assay.positive} <= labels
    assert (assay.unclear in labels) == (PRESETS[preset].unclear > 0)
