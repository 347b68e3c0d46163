from __future__ import annotations

import numpy as np
import pytest

from napari_mid.simulation.phenotypes import (
    AFFECTED,
    DEAD,
    HEALTHY,
    POSITIVE_CONTROL,
    VEHICLE,
    CellTraits,
    Compound,
    WellTraits,
    catalogue_compound,
    draw_cells,
)


def cells_of(compound: Compound, dose: float, n: int = 4000, factor: float = 1.0) -> CellTraits:
    rng = np.random.default_rng(7)
    return draw_cells(rng, n, WellTraits.draw(rng), compound, dose, factor)


def test_half_of_the_top_responds_at_the_ec50() -> None:
    compound = Compound("X", toxic=True, top=0.8, ec50_um=0.5, hill=1.3)
    assert compound.responding(0.5) == pytest.approx(0.4)
    assert compound.responding(0.0) == 0.0
    assert compound.responding(1e6) == pytest.approx(0.8, abs=1e-3)


def test_the_drawn_fraction_of_responders_is_the_expected_one() -> None:
    compound = catalogue_compound(1)
    for dose in (10.0, 1.11, 0.12):
        expected = compound.responding(dose)
        # four standard errors of a fraction of 4,000 cells
        assert cells_of(compound, dose).responded.mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 4000))


def test_odd_compounds_of_the_catalogue_are_toxic_and_even_ones_never_act() -> None:
    for number in range(1, 21):
        compound = catalogue_compound(number)
        assert compound.toxic == (number % 2 == 1)
        assert (compound.responding(10) > 0.5) == compound.toxic
    assert catalogue_compound(5) == catalogue_compound(5)
    leading = {max(("ros", "mmp", "nucleus"), key=lambda name: getattr(catalogue_compound(n), name)) for n in (1, 3, 5)}
    assert leading == {"ros", "mmp", "nucleus"}


def test_cells_die_without_any_compound() -> None:
    cells = cells_of(VEHICLE, 0.0)
    assert not cells.responded.any()
    assert 0.005 < (cells.state == DEAD).mean() < 0.12
    assert 0 < (cells.state == AFFECTED).mean() < 0.06
    assert 0.02 < cells.out_of_focus.mean() < 0.12


def test_affected_cells_differ_in_every_stain_but_overlap_with_healthy_ones() -> None:
    cells = cells_of(POSITIVE_CONTROL, 10.0)
    healthy, affected = cells.state == HEALTHY, cells.state == AFFECTED
    assert cells.puncta[affected].mean() > 2 * cells.puncta[healthy].mean()
    assert cells.ros[affected].mean() > 1.15 * cells.ros[healthy].mean()
    assert cells.mmp[affected].mean() < 0.7 * cells.mmp[healthy].mean()
    assert cells.nucleus_um[affected].mean() < 0.95 * cells.nucleus_um[healthy].mean()
    # a healthy cell in the tail looks like an affected one
    assert cells.mmp[healthy].min() < np.median(cells.mmp[affected]) * 1.3
    assert cells.strength[healthy].max() == 0


def test_dead_cells_light_up_in_yoyo_shrink_and_lose_their_potential() -> None:
    cells = cells_of(POSITIVE_CONTROL, 10.0)
    dead, living = cells.state == DEAD, cells.state != DEAD
    assert cells.yoyo[dead].min() > cells.yoyo[living].max()
    assert np.median(cells.nucleus_um[dead]) < 0.8 * np.median(cells.nucleus_um[living])
    assert cells.mmp[dead].max() < 0.2


def test_the_easy_preset_is_stronger() -> None:
    plain, easy = cells_of(POSITIVE_CONTROL, 10.0), cells_of(POSITIVE_CONTROL, 10.0, factor=1.5)
    affected = plain.state == AFFECTED
    assert easy.puncta[affected].mean() > 1.2 * plain.puncta[affected].mean()


def test_no_cells_are_no_problem() -> None:
    assert len(cells_of(POSITIVE_CONTROL, 10.0, n=0)) == 0
