from __future__ import annotations

import pytest

from napari_mid.simulation.plan import DOSES_UM, plan_plate, plate_size


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
