"""Cells as points of the well, and slices for the screen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_mid.cells.edits import placed
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.layout import WellLayout
from napari_mid.images.well_images import WellImages
from napari_mid.viewer.cells import cell_positions, nearest
from napari_mid.viewer.thumbnails import cell_slices, contours

LAYOUT = WellLayout({1: (0, 0), 4: (0, 70)}, {1: (60, 60), 4: (60, 60)}, from_stage=False)


def cells_at(*places: tuple[int, float, float]) -> pd.DataFrame:
    sites, y, x = zip(*places, strict=True)
    return pd.DataFrame({"Metadata_Site": sites, "Nuclei_Location_Center_Y": y, "Nuclei_Location_Center_X": x})


def test_cells_move_with_their_field_and_an_unread_field_has_no_place() -> None:
    found = cell_positions(cells_at((4, 5.0, 6.0), (1, 7.0, 8.0), (9, 1.0, 1.0)), LAYOUT)
    np.testing.assert_array_equal(found[:2], [[5.0, 76.0], [7.0, 8.0]])
    assert np.isnan(found[2]).all()


def test_nuclei_of_all_fields_are_placed() -> None:
    def nuclei(field: int, *places: tuple[float, float]) -> Nuclei:
        return Nuclei("A01", field, np.array(places).reshape(-1, 2), np.ones(len(places)), np.ones(len(places)), "test")

    found, _ = placed({4: nuclei(4, (1.0, 2.0)), 1: nuclei(1), 9: nuclei(9, (0.0, 0.0))}, LAYOUT)
    np.testing.assert_array_equal(found, [[1.0, 72.0]])


@pytest.mark.parametrize(("point", "expected"), [((1.0, 1.0), 0), ((9.0, 9.5), 1), ((5.0, 5.0), None)])
def test_the_nearest_cell_within_reach(point: tuple[float, float], expected: int | None) -> None:
    positions = np.array([[0.0, 0.0], [10.0, 10.0], [np.nan, np.nan]])
    assert nearest(positions, np.array(point), reach=3.0) == expected


def test_nearest_of_no_cells() -> None:
    assert nearest(np.empty((0, 2)), np.zeros(2), 10.0) is None


@pytest.mark.parametrize("normalisation", ["plate", "per_slice"])
def test_a_slice_cut_from_a_window_equals_one_cut_from_the_whole_field(normalisation: str) -> None:
    import torch

    from napari_mid.cells.slices import cut_slices

    generator = np.random.default_rng(0)
    fields = {number: generator.integers(0, 900, (3, 60, 60)).astype(np.uint16) for number in (1, 4)}
    images = WellImages("plate", "A01", fields, LAYOUT)
    intensity = IntensityRange((10.0, 20.0, 30.0), (800.0, 700.0, 600.0))
    places = [(1, 0.2, 0.4), (4, 59.0, 30.5), (1, 30.0, 31.0), (4, 3.0, 58.0)]
    found = cell_slices(images, cells_at(*places), 24, (2, 0), intensity, normalisation)
    for row, (site, y, x) in enumerate(places):
        whole = cut_slices(torch.from_numpy(fields[site][[2, 0]]), [(y, x)], 24, (30.0, 10.0), (600.0, 800.0), normalisation)
        np.testing.assert_array_equal(found[row], whole[0].numpy())


@pytest.mark.parametrize("scale", [0.5, 1.6])
def test_slices_of_a_resampled_field_are_those_that_the_model_saw(scale: float) -> None:
    import torch

    from napari_mid.cells.slices import cut_slices
    from napari_mid.workflow.resampling import resampled

    y, x = np.mgrid[:60, :60]
    field = (400 + 300 * np.sin(y / 4) * np.cos(x / 5)).astype(np.uint16)[None]
    images = WellImages("plate", "A01", {1: field, 4: field}, LAYOUT)
    places = [(1, 30.0, 31.0), (1, 2.0, 3.0), (4, 57.0, 20.0)]
    found = cell_slices(images, cells_at(*places), 16, (0,), IntensityRange((0.0,), (800.0,)), scale=scale)
    whole, moved = resampled(torch.from_numpy(field), np.array([place[1:] for place in places]), scale)
    expected = cut_slices(whole, moved, 16, (0.0,), (800.0,)).numpy()
    plain = cell_slices(images, cells_at(*places), 16, (0,), IntensityRange((0.0,), (800.0,)))
    # a window is resampled on a grid of its own, part of a pixel away from that of the field
    assert np.abs(found - expected).mean() < 0.03
    assert np.abs(plain - expected).mean() > 0.08


def test_outlines_lie_on_their_resampled_slices() -> None:
    outline = np.array([[[28.0, 30.0], [30.0, 34.0], [34.0, 31.0]]], dtype=np.float32)
    nuclei = Nuclei("A01", 1, np.array([[30.0, 31.0]]), np.full(1, 20.0), np.ones(1), "test", outlines=outline)
    plain, doubled = (contours(cells_at((1, 30.0, 31.0)), {1: nuclei}, 16, scale)[0] for scale in (1.0, 2.0))
    np.testing.assert_allclose(np.ptp(doubled, axis=0), 2 * np.ptp(plain, axis=0))
    np.testing.assert_allclose(doubled[0] - 8, 2 * (plain[0] - 8), atol=1.01)
