from __future__ import annotations

import numpy as np

from napari_mid.images.layout import well_layout
from napari_mid.plates.field import Field


def field(number: int, y_um: float | None, x_um: float | None, pixel_size_um: float | None = 0.5) -> Field:
    position = None if y_um is None or x_um is None else (y_um, x_um)
    return Field("p", "A01", number, (), (), position, pixel_size_um)


def test_overlapping_fields_lie_where_the_stage_was() -> None:
    # 100 px of 0.5 µm are 50 µm; 45 µm steps overlap by 10 px
    fields = {1: field(1, -45, 0), 2: field(2, 0, 0), 3: field(3, 0, 45)}
    layout = well_layout(fields, dict.fromkeys(fields, (100, 100)))
    assert layout.from_stage
    assert layout.origins == {1: (0, 0), 2: (90, 0), 3: (90, 90)}
    assert layout.shape == (190, 190)


def test_points_go_to_the_well_and_back() -> None:
    fields = {1: field(1, 0, 0), 2: field(2, 0, 45)}
    layout = well_layout(fields, dict.fromkeys(fields, (100, 100)))
    points = np.array([[3.0, 95.0], [50.0, 20.0]])
    moved = layout.to_well(2, points)
    np.testing.assert_allclose(moved, points + np.array([0, 90]))
    assert layout.to_field(moved) == [(2, 3.0, 95.0), (2, 50.0, 20.0)]
    # in the overlap the field drawn last is meant, and outside there is none
    assert layout.to_field(np.array([[0.0, 92.0], [0.0, 50.0], [150.0, 0.0]])) == [(2, 0.0, 2.0), (1, 0.0, 50.0), None]


def test_fields_of_different_sizes_keep_their_centres() -> None:
    fields = {1: field(1, 0, 0), 2: field(2, 0, 100)}
    layout = well_layout(fields, {1: (100, 100), 2: (50, 60)})
    centres = {
        n: (layout.origins[n][0] + layout.shapes[n][0] / 2, layout.origins[n][1] + layout.shapes[n][1] / 2) for n in fields
    }
    assert centres[2][0] - centres[1][0] == 0
    assert centres[2][1] - centres[1][1] == 200


def test_without_positions_or_pixel_size_a_grid_that_overlaps_nowhere() -> None:
    for fields in (
        {n: field(n, None, None) for n in range(1, 6)},
        {n: field(n, 0, 40.0 * n, pixel_size_um=None) for n in range(1, 6)},
        {n: field(n, 0, 0) for n in range(1, 6)},
        {1: field(1, 0, 0), 2: field(2, None, None)},
    ):
        layout = well_layout(fields, {n: (10 + n, 20) for n in fields})
        assert not layout.from_stage
        canvas = np.zeros(layout.shape, dtype=int)
        for n, (top, left) in layout.origins.items():
            canvas[top : top + layout.shapes[n][0], left : left + layout.shapes[n][1]] += 1
        assert canvas.max() == 1


def test_a_stray_position_does_not_ask_for_all_memory() -> None:
    fields = {1: field(1, 0, 0), 2: field(2, 1e9, 1e9)}
    layout = well_layout(fields, dict.fromkeys(fields, (100, 100)))
    assert not layout.from_stage
    assert layout.shape[0] * layout.shape[1] < 1e6


def test_a_well_without_fields() -> None:
    assert well_layout({}, {}).shape == (0, 0)
