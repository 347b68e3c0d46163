from __future__ import annotations

import numpy as np
import pytest

from napari_mid.cells.from_layers import nuclei_from_labels, nuclei_from_points


def test_labels_become_centres_areas_and_means():
    labels = np.zeros((20, 30), np.int64)
    labels[2:5, 4:9] = 7
    labels[10:12, 20:24] = 3_000_000_000
    image = np.where(labels == 7, 50, 10).astype(np.uint16)
    nuclei = nuclei_from_labels(labels, image, well="C05", field=4)
    assert (nuclei.well, nuclei.field, nuclei.detector) == ("C05", 4, "labels layer")
    np.testing.assert_allclose(nuclei.centroids, [(3, 6), (10.5, 21.5)])
    assert nuclei.area_px.tolist() == [15, 8]
    assert nuclei.mean_intensity.tolist() == [50, 10]
    assert nuclei.touches_border.tolist() == [False, False]
    assert nuclei.outlines is None


def test_labels_at_the_border_are_told():
    labels = np.zeros((20, 30), np.uint8)
    labels[0:3, 4:9], labels[10:12, 28:], labels[15, 15], labels[19, 3], labels[7:9, 0] = 1, 2, 3, 4, 5
    assert nuclei_from_labels(labels, None, well="A01", field=1).touches_border.tolist() == [True, True, False, True, True]


def test_labels_become_outlines_where_they_are_asked_for():
    yy, xx = np.mgrid[:60, :80]
    labels = np.where((yy - 20) ** 2 + (xx - 30) ** 2 <= 100, 40, 0) + np.where((yy - 45) ** 2 + (xx - 60) ** 2 <= 36, 7, 0)
    outlines = nuclei_from_labels(labels, None, well="A01", field=1, outlines=True).outlines
    np.testing.assert_allclose(np.linalg.norm(outlines[0] - (45, 60), axis=1), 6, atol=0.6)
    np.testing.assert_allclose(np.linalg.norm(outlines[1] - (20, 30), axis=1), 10, atol=0.6)


def test_labels_without_an_image():
    nuclei = nuclei_from_labels(np.eye(4, dtype=np.uint8), None, well="A01", field=1)
    assert np.isnan(nuclei.mean_intensity).all()
    assert nuclei.centroids.tolist() == [[1.5, 1.5]]


def test_empty_labels():
    nuclei = nuclei_from_labels(np.zeros((5, 6), np.uint8), np.zeros((5, 6)), well="A01", field=1)
    assert len(nuclei) == 0
    assert nuclei.centroids.shape == (0, 2)


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="expected"):
        nuclei_from_labels(np.zeros((5, 6), int), np.zeros((5, 7)), well="A01", field=1)
    with pytest.raises(ValueError, match="expected"):
        nuclei_from_labels(np.zeros((2, 5, 6), int), None, well="A01", field=1)


def test_points_that_are_no_place_in_the_image_are_left_out_and_counted():
    points = [(1, 2), (np.nan, 3), (-0.5, 0), (9.6, 5), (3, 19.4), (4, np.inf)]
    nuclei = nuclei_from_points(points, well="A01", field=1, shape=(10, 20))
    assert nuclei.centroids.tolist() == [[1, 2], [-0.5, 0], [3, 19.4]]
    assert nuclei.settings["points_left_out"] == 3
    assert nuclei.detector == "points layer"
    assert np.isnan(nuclei.area_px).all()
    assert nuclei.touches_border is None


def test_points_touch_the_border_by_the_size_of_a_typical_nucleus():
    nuclei = nuclei_from_points([(4, 30), (5, 30), (20, 55)], well="A01", field=1, shape=(40, 60), diameter_px=10)
    assert nuclei.touches_border.tolist() == [True, False, True]


def test_points_without_a_shape_stay_wherever_they_are():
    nuclei = nuclei_from_points([(1000, 2), (np.nan, 1)], well="A01", field=1)
    assert nuclei.centroids.tolist() == [[1000, 2]]
    assert len(nuclei_from_points([], well="A01", field=1)) == 0
