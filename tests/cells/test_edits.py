"""Nuclei corrected by hand: only what was touched changes, and what was done is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mid.cells.edits import BY_HAND, NEW, EditCount, edited_nuclei, edits_of, made_by_hand, placed, source_of
from napari_mid.cells.kept import KeptNuclei, WellKey
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.layout import WellLayout

#: Two fields of 100 x 80 px that overlap by 20 columns.
LAYOUT = WellLayout({1: (0, 0), 2: (5, 60)}, {1: (100, 80), 2: (100, 80)}, from_stage=True)


def nuclei(field: int, *places: tuple[float, float], detector: str = "learned") -> Nuclei:
    n = len(places)
    area, intensity = np.arange(n) + 100.0 * field, np.arange(n) + 1000.0 * field
    return Nuclei(
        "A01", field, np.array(places).reshape(-1, 2), area, intensity, detector, {"diameter_px": 9.0}, np.linspace(0.5, 1, n)
    )


def well() -> dict[int, Nuclei]:
    return {1: nuclei(1, (10.25, 20.5), (50.0, 70.0)), 2: nuclei(2, (30.0, 5.0), (60.0, 40.0))}


def edit(before: dict[int, Nuclei], numbers: Any, places: Any) -> Any:
    return edited_nuclei(before, LAYOUT, np.array(numbers, dtype=int), np.array(places, dtype=float), well="A01")


def test_nothing_touched_changes_nothing() -> None:
    before = well()
    places, areas = placed(before, LAYOUT)
    assert areas.tolist() == [100, 101, 200, 201]
    done = edit(before, range(4), places)
    assert not done.count
    assert all(done.nuclei[field] is before[field] for field in (1, 2))


def test_added_deleted_and_moved_nuclei_are_counted_and_the_others_keep_what_is_known() -> None:
    before = well()
    places, _ = placed(before, LAYOUT)
    places[1] += 3.0
    done = edit(before, [0, 1, 3, NEW], [places[0], places[1], places[3], (20.0, 30.0)])
    assert done.count == EditCount(added=1, deleted=1, moved=1)
    first, second = done.nuclei[1], done.nuclei[2]
    np.testing.assert_array_equal(first.centroids, [(10.25, 20.5), (53.0, 73.0), (20.0, 30.0)])
    np.testing.assert_array_equal(first.area_px, [100, np.nan, np.nan])
    np.testing.assert_array_equal(first.mean_intensity, [1000, np.nan, np.nan])
    np.testing.assert_array_equal(first.confidence, [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(second.centroids, [(60.0, 40.0)])
    assert second.area_px.tolist() == [201]
    assert first.settings == {"diameter_px": 9.0, "edited": {"added": 1, "deleted": 0, "moved": 1}}
    assert {one.detector for one in done.nuclei.values()} == {"learned"}
    assert source_of(done.nuclei) == {
        "source": "learned",
        "diameter_px": 9.0,
        "edited": {"added": 1, "deleted": 1, "moved": 1},
    }
    assert str(edits_of(done.nuclei)) == "+1 −1, 1 moved"


def test_a_nucleus_stays_in_its_field_where_fields_overlap_and_a_new_one_belongs_to_the_field_on_top() -> None:
    before = well()  # the second nucleus of field 1 lies at (50, 70), which field 2 covers
    places, _ = placed(before, LAYOUT)
    places[1] += (0.0, 2.0)
    done = edit(before, [0, 1, 2, 3, NEW], [*places, (50.0, 75.0)])
    np.testing.assert_array_equal(done.nuclei[1].centroids[-1], (50.0, 72.0))
    np.testing.assert_array_equal(done.nuclei[2].centroids[-1], (45.0, 15.0))


def test_a_nucleus_moved_to_another_field_leaves_its_own() -> None:
    places, _ = placed(well(), LAYOUT)
    places[0] = (40.0, 120.0)
    done = edit(well(), range(4), places)
    assert done.count == EditCount(moved=1)
    assert [len(done.nuclei[field]) for field in (1, 2)] == [1, 3]
    np.testing.assert_array_equal(done.nuclei[2].centroids[-1], (35.0, 60.0))


def test_points_outside_every_field_are_refused_and_a_moved_one_goes_back() -> None:
    places, _ = placed(well(), LAYOUT)
    places[0] = (-30.0, 20.0)
    done = edit(well(), [0, 1, 2, 3, NEW, NEW], [*places, (2.0, 120.0), (np.nan, 1.0)])
    assert done.refused == 3
    assert not done.count
    np.testing.assert_array_equal(done.nuclei[1].centroids, well()[1].centroids)


def test_of_a_copied_point_the_one_in_place_is_the_nucleus() -> None:
    places, _ = placed(well(), LAYOUT)
    done = edit(well(), [0, 0, 1, 2, 3], [places[0] + 9, *places])
    assert done.count == EditCount(added=1)


def test_nuclei_can_all_be_set_by_hand() -> None:
    done = edit({}, [NEW], [(20.0, 30.0)])
    assert done.nuclei[1].detector == BY_HAND
    assert set(done.nuclei) == {1}
    assert made_by_hand(done.nuclei)
    assert not made_by_hand(well())


def test_edits_add_up_and_fields_off_the_canvas_stay() -> None:
    before = {**well(), 7: nuclei(7, (1.0, 1.0))}  # a field that could not be read
    places, _ = placed(before, LAYOUT)
    once = edit(before, [0, 1, 2], places[:3]).nuclei
    assert once[7] is before[7]
    places, _ = placed(once, LAYOUT)
    twice = edit(once, [1, 2], places[1:3]).nuclei
    assert edits_of(twice) == EditCount(deleted=2)


@given(st.data())
def test_whatever_was_done_the_counts_fit_and_every_nucleus_lies_in_its_field(data: Any) -> None:
    rows = data.draw(st.lists(st.tuples(st.integers(-2, 6), st.floats(-30, 200), st.floats(-30, 200)), max_size=12))
    done = edit(well(), [row[0] for row in rows], [row[1:] for row in rows] or np.empty((0, 2)))
    n = sum(map(len, done.nuclei.values()))
    assert n == 4 + done.count.added - done.count.deleted
    assert n <= len(rows)
    for field, one in done.nuclei.items():
        assert (one.centroids >= -0.5).all()
        assert (one.centroids < np.array(LAYOUT.shapes[field]) - 0.5).all()


def test_kept_nuclei_are_those_of_a_person_and_replaced_edits_come_back() -> None:
    kept, edited = KeptNuclei(), edit(well(), [0], placed(well(), LAYOUT)[0][:1]).nuclei
    key = WellKey("plate", 1, None, "A01")
    assert not kept.put(key, well())
    assert kept.get(key) is None
    assert not kept.put(key, edited)
    assert kept.get(key) == edited
    assert not kept.put(key, edited, further=True)
    assert kept.put(key, well())
    assert kept.get(key) is None
    assert kept.replaced(key) == edited
    assert kept.restore(key) == edited
    assert kept.get(key) == edited
    assert kept.restore(key) is None


@pytest.mark.parametrize(("count", "text"), [(EditCount(), ""), (EditCount(1200), "+1,200"), (EditCount(0, 2, 1), "−2, 1 moved")])
def test_edits_in_words(count: EditCount, text: str) -> None:
    assert str(count) == text
