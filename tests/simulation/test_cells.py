from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from napari_mid.plates.well_names import STANDARD_PLATES
from napari_mid.simulation.cells import draw_field
from napari_mid.simulation.plan import plan_plate
from napari_mid.simulation.settings import SimulationSettings

SETTINGS = SimulationSettings(wells=24, field_px=300, seed=5, placement="in_order")
PLANS = {plan.well: plan for plan in plan_plate(SETTINGS)}
VEHICLE, POSITIVE = PLANS["C01"], PLANS["C05"]
NUCLEUS, ROS, MMP, DYE = range(4)


def around(image: np.ndarray, y: float, x: float, reach: int) -> np.ndarray:
    y, x = round(y), round(x)
    return image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]


def test_a_field_is_the_same_for_the_same_well_and_another_for_another() -> None:
    first, again = draw_field(VEHICLE, 1, SETTINGS), draw_field(VEHICLE, 1, SETTINGS)
    assert np.array_equal(first.image, again.image)
    assert first.truth.equals(again.truth)
    for other in (
        draw_field(VEHICLE, 2, SETTINGS),
        draw_field(PLANS["C02"], 1, SETTINGS),
        draw_field(VEHICLE, 1, dataclasses.replace(SETTINGS, seed=6)),
    ):
        assert not np.array_equal(first.image, other.image)


def test_images_are_16_bit_with_offset_and_noise() -> None:
    image = draw_field(VEHICLE, 1, SETTINGS).image
    assert image.shape == (4, 300, 300)
    assert image.dtype == np.uint16
    for channel in image:
        assert 200 < np.percentile(channel, 0.1) < 800
        background = channel[channel < np.percentile(channel, 5)]
        assert background.std() > 2
    assert image.max() < 65535


def test_a_field_of_the_usual_size_holds_60_to_80_cells_on_average() -> None:
    settings = SimulationSettings()
    counts = [len(draw_field(plan, 1, settings).truth) for plan in list(PLANS.values())[:8]]
    assert 58 < np.mean(counts) < 85


def test_the_number_of_cells_does_not_tell_the_compound() -> None:
    """The well and the field alone decide how many cells there are, so a lost cell cannot be what a model learns."""
    toxic = dataclasses.replace(VEHICLE, compound=POSITIVE.compound, concentration_um=10.0)
    counts = [
        [
            len(draw_field(dataclasses.replace(plan, well=name, row=r, column=1), 1, SETTINGS).truth)
            for r, name in ((1, "A01"), (2, "B01"))
        ]
        for plan in (VEHICLE, toxic)
    ]
    assert np.abs(np.subtract(*counts)).max() <= 2  # a shrunken nucleus may leave the border


def test_every_true_nucleus_is_bright_where_it_is_said_to_be() -> None:
    field = draw_field(VEHICLE, 1, SETTINGS)
    background = np.median(field.image[NUCLEUS])
    whole = field.truth[~field.truth.nucleus_cut & ~field.truth.out_of_focus]
    assert len(whole) > 8
    for cell in whole.itertuples():
        spot = around(field.image[NUCLEUS], cell.Nuclei_Location_Center_Y, cell.Nuclei_Location_Center_X, 2)
        assert spot.mean() > background + 800
    healthy = whole[whole.state == "healthy"]
    diameter = 2 * np.sqrt(healthy.Nuclei_AreaShape_Area / np.pi)
    assert 19 < diameter.mean() < 26


def test_true_centres_are_those_of_the_drawn_nuclei() -> None:
    """A plain threshold finds the same centres, also for nuclei that the border cuts."""
    field = draw_field(VEHICLE, 1, SETTINGS)
    smooth = ndimage.gaussian_filter(field.image[NUCLEUS].astype(float), 1)
    labels, n = ndimage.label(smooth > 1200)
    found = np.array(ndimage.center_of_mass(labels > 0, labels, range(1, n + 1)))
    sharp = field.truth[~field.truth.out_of_focus & (field.truth.Nuclei_AreaShape_Area > 60)]
    true = sharp[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy()
    nearest = np.sqrt(((true[:, None] - found[None]) ** 2).sum(axis=2)).min(axis=1)
    assert np.median(nearest) < 0.6
    assert (nearest < 2.5).mean() > 0.8


def test_nuclei_at_the_border_are_cut() -> None:
    truth = draw_field(VEHICLE, 1, SETTINGS).truth
    cut, whole = truth[truth.nucleus_cut], truth[~truth.nucleus_cut & (truth.state == "healthy")]
    assert len(cut) > 0
    assert cut.Nuclei_AreaShape_Area.mean() < whole.Nuclei_AreaShape_Area.mean()
    places = truth[["Nuclei_Location_Center_X", "Nuclei_Location_Center_Y"]].to_numpy()
    assert places.min() >= 0
    assert places.max() <= SETTINGS.field_px - 1


def test_states_look_different_in_the_image() -> None:
    rows = []
    for well in ("C05", "C06"):
        field = draw_field(PLANS[well], 1, SETTINGS)
        for cell in field.truth[~field.truth.out_of_focus].itertuples():
            y, x = cell.Nuclei_Location_Center_Y, cell.Nuclei_Location_Center_X
            rows.append((cell.state, around(field.image[MMP], y, x, 20).mean(), around(field.image[DYE], y, x, 3).mean()))
    for well in ("C01", "C02"):
        field = draw_field(PLANS[well], 1, SETTINGS)
        for cell in field.truth[~field.truth.out_of_focus].itertuples():
            y, x = cell.Nuclei_Location_Center_Y, cell.Nuclei_Location_Center_X
            rows.append((cell.state, around(field.image[MMP], y, x, 20).mean(), around(field.image[DYE], y, x, 3).mean()))
    mmp = {state: np.median([row[1] for row in rows if row[0] == state]) for state in ("healthy", "affected", "dead")}
    dye = {state: [row[2] for row in rows if row[0] == state] for state in ("healthy", "affected", "dead")}
    assert mmp["healthy"] > 1.2 * mmp["affected"] > 1.2 * mmp["dead"]
    assert np.percentile(dye["dead"], 5) > max(dye["healthy"])


@pytest.mark.parametrize("cells", [1, 400])
def test_very_few_and_very_many_cells(cells: int) -> None:
    settings = SimulationSettings(field_px=200, cells_per_field=cells)
    plans = list(PLANS.values())[: 12 if cells == 1 else 1]
    drawn = [draw_field(plan, 1, settings) for plan in plans]
    counts = [len(field.truth) for field in drawn]
    assert min(counts) == 0 if cells == 1 else counts[0] > 150
    full = draw_field(VEHICLE, 1, SETTINGS).truth
    assert all((field.truth.dtypes == full.dtypes).all() for field in drawn)


def test_lengths_keep_their_size_in_micrometres() -> None:
    areas = []
    for pixel in (0.6, 0.3):
        settings = SimulationSettings(field_px=round(180 / pixel), pixel_size_um=pixel)
        truth = draw_field(VEHICLE, 1, settings).truth
        areas.append(truth[(truth.state == "healthy") & ~truth.nucleus_cut].Nuclei_AreaShape_Area.mean() * pixel**2)
    assert areas[0] == pytest.approx(areas[1], rel=0.15)


def test_wells_fit_on_a_standard_plate() -> None:
    assert (4, 6) in STANDARD_PLATES
    assert {(plan.row, plan.column) for plan in PLANS.values()} == {(r, c) for r in range(1, 5) for c in range(1, 7)}
