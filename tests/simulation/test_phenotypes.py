from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_mid.simulation.assays import CARDIOTOX, MITOTOX
from napari_mid.simulation.compounds import Compound, catalogue_compound, positive_control, vehicles
from napari_mid.simulation.phenotypes import AFFECTED, BENIGN, DEAD, HEALTHY, CellTraits, WellTraits, batch_shift, draw_cells
from napari_mid.simulation.presets import PRESETS, Screen

SCREEN = PRESETS["cardiotox"]
POSITIVE_CONTROL = positive_control(SCREEN)
VEHICLE = vehicles(SCREEN)[0]


def cells_of(compound: Compound, dose: float, n: int = 4000, screen: Screen = SCREEN) -> CellTraits:
    rng = np.random.default_rng(7)
    return draw_cells(rng, n, WellTraits.draw(rng, screen), compound, dose, screen)


def test_half_of_the_top_responds_at_the_ec50() -> None:
    compound = Compound("X", "toxic", toxic=True, top=0.8, ec50_um=0.5, hill=1.3)
    assert compound.responding(0.5) == pytest.approx(0.4)
    assert compound.responding(0.0) == 0.0
    assert compound.responding(1e6) == pytest.approx(0.8, abs=1e-3)


def test_the_drawn_fraction_of_responders_is_the_expected_one() -> None:
    compound = catalogue_compound(1, SCREEN)
    for dose in (10.0, 1.11, 0.12):
        expected = compound.responding(dose)
        # four standard errors of a fraction of 4,000 cells
        assert cells_of(compound, dose).responded.mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 4000))


def test_odd_compounds_of_the_catalogue_are_toxic_and_even_ones_make_no_cell_sick() -> None:
    compounds = [catalogue_compound(number, SCREEN) for number in range(1, 41)]
    for number, compound in enumerate(compounds, start=1):
        assert compound.toxic == (number % 2 == 1)
        assert (compound.responding(10) > 0.1) == compound.toxic
        assert compound.label == ("toxic" if compound.toxic else "nontoxic")
        assert not (compound.toxic and compound.benign)
    assert compounds[4] == catalogue_compound(5, SCREEN)
    assert 5 < sum(bool(compound.benign) for compound in compounds) < 20
    leading = {max(("puncta", "depolarised", "condensed"), key=compounds[i].changes.__getitem__) for i in (0, 2, 4)}
    assert leading == {"puncta", "depolarised", "condensed"}


def test_unclear_compounds_act_weakly_and_have_a_class_of_their_own() -> None:
    compounds = [catalogue_compound(number, PRESETS["mitotox"]) for number in range(1, 101)]
    unclear = [compound for compound in compounds if compound.label == MITOTOX.unclear]
    assert 10 < len(unclear) < 32
    assert all(0 < compound.responding(10) < 0.12 and not compound.toxic for compound in unclear)


def test_a_benign_change_is_one_thing_in_a_cell_and_a_toxic_one_several_at_once() -> None:
    """So no mean over a well tells them apart, only cells do."""
    benign = next(c for c in (catalogue_compound(n, SCREEN) for n in range(2, 60, 2)) if c.benign)
    toxic = next(c for c in (catalogue_compound(n, SCREEN) for n in range(1, 60, 2)))
    changed, sick = cells_of(benign, 10.0), cells_of(toxic, 10.0)
    assert not changed.responded.any()
    for cells, state, together in ((changed, BENIGN, False), (sick, AFFECTED, True)):
        these = cells.state == state
        assert these.mean() > 0.1
        healthy = cells_of(VEHICLE, 0.0)
        many = cells.puncta[these] > np.percentile(healthy.puncta, 95)
        broken = cells.fragmentation[these] > np.percentile(healthy.fragmentation, 95)
        assert min(many.mean(), broken.mean()) > 0.1
        expected = many.mean() * broken.mean()
        assert ((many & broken).mean() > 0.9 * expected) == together


def test_a_mean_over_the_well_says_little() -> None:
    """The stains of wells of toxic compounds are as bright as those of others, within the scatter of wells."""
    rng = np.random.default_rng(1)
    for role in ("nucleus", "ros", "mmp"):
        means: dict[bool, list[float]] = {True: [], False: []}
        for number in range(1, 61):
            compound = catalogue_compound(number, SCREEN)
            well = WellTraits.draw(rng, SCREEN)
            cells = draw_cells(rng, 300, well, compound, 10.0, SCREEN)
            channel = [stain.role for stain in CARDIOTOX.stains].index(role)
            area = cells.nucleus_um**2 if role == "nucleus" else 1.0
            level = well.stain[channel] * np.exp(compound.tint[channel])
            means[compound.toxic].append(float(level * (cells.stains[role] * area).mean()))
        spread = np.std(means[False])
        assert abs(np.mean(means[True]) - np.mean(means[False])) < 1.2 * spread


@pytest.mark.parametrize(("preset", "bright"), [("cardiotox", "ros"), ("mitotox", "er")])
def test_what_a_quenching_compound_does_to_a_cell_shows_only_beside_others_of_its_well(preset: str, bright: str) -> None:
    """Toxic: bright in one dye and pale in another; benign: one of the two, as often. No shape changes, no mean says which."""
    screen = replace(PRESETS[preset], quenching=1.0, benign=1.0, unclear=0.0)
    pale = next(stain.role for stain in screen.assay.stains if stain.role in {"mmp", "mito"})
    plain, living = cells_of(vehicles(screen)[0], 0.0, screen=screen), (HEALTHY, AFFECTED, BENIGN)
    means: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for number in range(1, 41):
        compound = catalogue_compound(number, screen)
        cells = cells_of(compound, 10.0, screen=screen)
        changed = cells.state == (AFFECTED if compound.toxic else BENIGN)
        both = (cells.stains[bright] > 1.3) & (cells.stains[pale] < 0.7)
        assert (both[changed].mean() > 0.5) == compound.toxic
        alive = np.isin(cells.state, living)
        for trait in ("puncta", "fragmentation", "nucleus_um", "body_um"):
            usual = np.median(getattr(plain, trait))
            assert np.median(getattr(cells, trait)[changed]) == pytest.approx(usual, rel=0.2, abs=1)
        means[compound.toxic].append((cells.stains[bright][alive].mean(), cells.stains[pale][alive].mean()))
    tints = np.array([catalogue_compound(number, screen).tint for number in range(1, 41)])
    differ = np.abs(np.mean(means[True], axis=0) - np.mean(means[False], axis=0))
    assert (differ < 0.25 * tints.std()).all()


def test_compounds_that_do_not_quench_are_the_same_whatever_the_share_of_those_that_do() -> None:
    half = replace(SCREEN, quenching=0.5)
    same = [catalogue_compound(number, half) == catalogue_compound(number, SCREEN) for number in range(1, 201)]
    assert 80 < sum(same) < 120
    labels = [(catalogue_compound(number, half).label, catalogue_compound(number, SCREEN).label) for number in range(1, 201)]
    assert all(ours == plain for ours, plain in labels)


def test_plates_of_a_batch_are_stained_alike_and_batches_differ() -> None:
    plates = np.array([[batch_shift(seed, batch, SCREEN) for seed in range(60)] for batch in range(1, 9)])
    within, between = plates.std(axis=1).mean(), plates.mean(axis=1).std()
    assert 0 < within < between


def test_an_artefact_lies_beside_the_asked_share_of_the_cells() -> None:
    rng = np.random.default_rng(2)
    cells = draw_cells(rng, 4000, WellTraits.draw(rng, SCREEN), VEHICLE, 0.0, SCREEN, artefact=0.3)
    assert cells.artefact.mean() == pytest.approx(0.3, abs=0.04)
    assert not cells_of(VEHICLE, 0.0).artefact.any()


def test_cells_die_without_any_compound() -> None:
    cells = cells_of(VEHICLE, 0.0)
    assert not cells.responded.any()
    assert 0.005 < (cells.state == DEAD).mean() < 0.12
    assert 0 < (cells.state == AFFECTED).mean() < 0.06
    assert 0.02 < cells.out_of_focus.mean() < 0.12


def test_affected_cells_differ_in_several_ways_but_overlap_with_healthy_ones() -> None:
    cells = cells_of(POSITIVE_CONTROL, 10.0)
    healthy, affected = cells.state == HEALTHY, cells.state == AFFECTED
    assert cells.puncta[affected].mean() > 2 * cells.puncta[healthy].mean()
    assert cells.fragmentation[affected].mean() > 2 * cells.fragmentation[healthy].mean()
    assert cells.stains["mmp"][affected].mean() < 0.85 * cells.stains["mmp"][healthy].mean()
    assert cells.nucleus_um[affected].mean() < 0.95 * cells.nucleus_um[healthy].mean()
    # a healthy cell in the tail looks like an affected one
    assert cells.stains["mmp"][healthy].min() < np.median(cells.stains["mmp"][affected])
    assert cells.strength[healthy].max() == 0


def test_dead_cells_light_up_in_yoyo_shrink_and_lose_their_potential() -> None:
    cells = cells_of(POSITIVE_CONTROL, 10.0)
    dead, living = cells.state == DEAD, cells.state != DEAD
    assert np.percentile(cells.stains["dead"][dead], 5) > cells.stains["dead"][living].max()
    assert np.median(cells.nucleus_um[dead]) < 0.8 * np.median(cells.nucleus_um[living])
    assert cells.stains["mmp"][dead].max() < 0.2


def test_the_easy_screen_is_easier_and_the_hard_one_harder() -> None:
    puncta = []
    for name in ("hard", "cardiotox", "easy"):
        cells = cells_of(POSITIVE_CONTROL, 10.0, screen=PRESETS[name])
        puncta.append(cells.puncta[cells.state == AFFECTED].mean())
    assert puncta[0] < 0.9 * puncta[1] < 0.9 * 0.9 * puncta[2]


def test_no_cells_are_no_problem() -> None:
    assert len(cells_of(POSITIVE_CONTROL, 10.0, n=0)) == 0
