from __future__ import annotations

import numpy as np
import pytest

from napari_mid.cells.duplicates import duplicates_left_out, without_duplicates
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.layout import WellLayout

SHAPE = (200, 240)
DIAMETER = 16


def nuclei_of(number, centroids, area=np.pi / 4 * DIAMETER**2):
    places = np.asarray(centroids, dtype=float).reshape(-1, 2)
    return Nuclei("B03", number, places, np.full(len(places), area), np.arange(len(places), dtype=float), "drawn")


def well(overlap, error=0.0, seed=0, rows=2, columns=2):
    """True nuclei of a well, the fields that see them and where the stage says that these lie, `error` px wrong."""
    rng = np.random.default_rng(seed)
    step = np.round(np.array(SHAPE) * (1 - overlap)).astype(int)
    size = step * (rows - 1, columns - 1) + SHAPE
    spots = np.mgrid[12 : size[0] - 8 : 22, 12 : size[1] - 8 : 22].reshape(2, -1).T + 0.0
    spots += rng.uniform(-2, 2, spots.shape)
    found, origins = {}, {}
    for number in range(rows * columns):
        origin = step * divmod(number, columns)
        seen = ((spots >= origin) & (spots <= origin + SHAPE - np.array(1))).all(axis=1)
        found[number + 1] = nuclei_of(number + 1, spots[seen] - origin + rng.normal(0, 0.3, (int(seen.sum()), 2)))
        origins[number + 1] = tuple(int(v) for v in np.round(origin + rng.uniform(-error, error, 2)))
    return spots, found, WellLayout(origins, dict.fromkeys(origins, SHAPE), from_stage=True)


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("error", [0, 3])
def test_every_nucleus_is_counted_once(overlap, error):
    spots, found, layout = well(overlap, error)
    counted = sum(map(len, found.values()))
    assert (counted > len(spots)) == (overlap > 0)
    once = without_duplicates(found, layout)
    places = np.concatenate([layout.to_well(number, one.centroids) for number, one in once.items()])
    assert len(places) == len(spots)
    nearest = np.linalg.norm(places[:, None] - spots[None], axis=2)
    assert len(set(nearest.argmin(axis=1).tolist())) == len(spots)
    assert duplicates_left_out(once) == counted - len(spots)


def test_the_one_further_inside_stays():
    layout = WellLayout({1: (0, 0), 2: (0, 200)}, {1: SHAPE, 2: SHAPE}, from_stage=True)
    found = {1: nuclei_of(1, [(100, 230), (50, 205)]), 2: nuclei_of(2, [(101, 31), (50, 6)])}
    once = without_duplicates(found, layout)
    assert once[1].centroids.tolist() == [[50, 205]]
    assert once[2].centroids.tolist() == [[101, 31]]
    assert once[1].settings == once[2].settings == {"duplicates_left_out": 1}
    assert once[2].mean_intensity.tolist() == [0]


def test_the_order_of_the_fields_does_not_matter():
    _, found, layout = well(0.2, 3)
    once = without_duplicates(found, layout)
    turned = without_duplicates(dict(reversed(found.items())), layout)
    for number, one in once.items():
        np.testing.assert_array_equal(one.centroids, turned[number].centroids)
    # and there is nothing left to leave out
    again = without_duplicates(once, layout)
    assert {number: len(one) for number, one in again.items()} == {number: len(one) for number, one in once.items()}
    assert duplicates_left_out(again) == duplicates_left_out(once) > 0


def test_neighbours_of_one_field_both_stay():
    layout = WellLayout({1: (0, 0), 2: (0, 120)}, {1: SHAPE, 2: SHAPE}, from_stage=True)
    found = {1: nuclei_of(1, [(100, 150), (100, 154), (40, 150)]), 2: nuclei_of(2, [(100, 30)])}
    once = without_duplicates(found, layout)
    # the one of field 2 is one of the two
    assert sum(map(len, once.values())) == 3


def test_a_nucleus_cut_in_two_by_fields_that_touch_is_one():
    layout = WellLayout({1: (0, 0), 2: (0, 240)}, {1: SHAPE, 2: SHAPE}, from_stage=True)
    found = {1: nuclei_of(1, [(100, 236.6)]), 2: nuclei_of(2, [(100, 3.0)])}
    assert sum(map(len, without_duplicates(found, layout).values())) == 1


def test_a_grid_of_fields_without_positions_says_nothing():
    _, found, layout = well(0.2)
    grid = WellLayout(layout.origins, layout.shapes, from_stage=False)
    assert without_duplicates(found, grid) == found


def test_points_that_a_person_set_stay():
    layout = WellLayout({1: (0, 0), 2: (0, 120)}, {1: SHAPE, 2: SHAPE}, from_stage=True)
    found = {1: nuclei_of(1, [(100, 150)], area=np.nan), 2: nuclei_of(2, [(100, 30)]), 3: nuclei_of(3, [(1, 1)])}
    once = without_duplicates(found, layout)
    assert {number: len(one) for number, one in once.items()} == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("empty", [{}, {1: []}, {1: [], 2: []}, {1: [(3, 4)], 2: []}])
def test_nothing_to_compare(empty):
    layout = WellLayout({1: (0, 0), 2: (0, 120)}, {1: SHAPE, 2: SHAPE}, from_stage=True)
    found = {number: nuclei_of(number, places) for number, places in empty.items()}
    once = without_duplicates(found, layout)
    assert {number: len(one) for number, one in once.items()} == {number: len(one) for number, one in found.items()}
