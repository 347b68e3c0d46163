"""Masks and outlines, of whatever resolution the detector worked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.label_map import LabelMap
from napari_mid.cells.outlines import RAYS, circles, discs, traced
from napari_mid.cells.settings import DetectionSettings

from .drawing import discs as drawn_discs
from .drawing import grid


def ellipses(shape, *places, factor=1):
    """A label image of ellipses (y, x, semi-axis y, semi-axis x), drawn in an image shrunk by `factor`."""
    yy, xx = (np.mgrid[: shape[0] // factor, : shape[1] // factor] + 0.5) * factor - 0.5
    labels = np.zeros(yy.shape, np.int64)
    for number, (y, x, a, b) in enumerate(places, 1):
        labels[((yy - y) / a) ** 2 + ((xx - x) / b) ** 2 <= 1] = number
    return torch.from_numpy(labels)


def area_of(polygon):
    y, x = polygon[:, 0].astype(float), polygon[:, 1].astype(float)
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


PLACES = [(30.2, 40.6, 12, 20), (90.0, 100.0, 15, 15), (60.5, 20.1, 8, 9)]


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_the_outline_follows_the_mask_at_any_resolution(factor):
    label_map = LabelMap.numbered(ellipses((120, 136), *PLACES, factor=factor), 3, (1 / factor, 1 / factor))
    centres = np.array([place[:2] for place in PLACES])
    areas = np.array([np.pi * a * b for _, _, a, b in PLACES])
    outlines = traced(label_map, centres, areas)
    assert outlines.shape == (3, RAYS, 2)
    assert outlines.dtype == np.float32
    for outline, (y, x, a, b), area in zip(outlines, PLACES, areas, strict=True):
        assert area_of(outline) == pytest.approx(area, rel=0.04 * factor)
        on_the_ellipse = np.hypot((outline[:, 0] - y) / a, (outline[:, 1] - x) / b)
        np.testing.assert_allclose(on_the_ellipse, 1, atol=0.1 * factor)


@pytest.mark.parametrize("factor", [1, 3])
def test_masks_are_as_large_as_the_image_and_where_the_nuclei_are(factor):
    label_map = LabelMap.numbered(ellipses((120, 135), *PLACES, factor=factor), 3, (1 / factor, 1 / factor))
    image = label_map.image((120, 135))
    assert image.dtype == np.uint16
    for number, (y, x, a, b) in enumerate(PLACES, 1):
        places = np.argwhere(image == number)
        np.testing.assert_allclose(places.mean(0), (y, x), atol=0.5)
        assert len(places) == pytest.approx(np.pi * a * b, rel=0.05 * factor)
    np.testing.assert_array_equal(LabelMap.numbered(torch.from_numpy(image.astype(int)), 3).image((120, 135)), image)


def test_touching_masks_share_their_border():
    labels = torch.zeros((20, 40), dtype=torch.int64)
    labels[5:15, 5:20], labels[5:15, 20:35] = 1, 2
    outlines = traced(LabelMap.numbered(labels, 2), np.array([(9.5, 12.0), (9.5, 27.0)]), np.array([150.0, 150.0]))
    assert outlines[0, :, 1].max() == pytest.approx(19.5, abs=0.3)
    assert outlines[1, :, 1].min() == pytest.approx(19.5, abs=0.3)


def test_some_of_the_regions_moved_and_enlarged():
    label_map = LabelMap.numbered(ellipses((60, 60), (20, 20, 8, 8), (40, 45, 6, 6)), 2)
    chosen = label_map[np.array([False, True])].enlarged(2).moved(np.array([10.0, 4.0]))
    image = chosen.image((140, 130))
    assert np.unique(image).tolist() == [0, 1]
    np.testing.assert_allclose(np.argwhere(image).mean(0), (2 * 40.5 - 0.5 + 10, 2 * 45.5 - 0.5 + 4), atol=0.3)
    # nothing lies outside the map
    assert not image[:10].any()
    assert not image[:, :4].any()


def test_more_masks_than_16_bits_hold():
    n = 70_000
    labels = torch.arange(1, n + 1).reshape(200, 350)
    image = LabelMap.numbered(labels, n).image((200, 350))
    assert image.dtype == np.uint32
    assert image.max() == n


def test_circles_and_discs_where_there_are_no_masks():
    centres, areas = np.array([(20.3, 30.0), (25.0, 41.0)]), np.array([np.pi * 64, np.pi * 64])
    np.testing.assert_allclose(np.linalg.norm(circles(centres, areas) - centres[:, None], axis=2), 8, rtol=1e-4)
    image = discs(centres, areas, (50, 60)).image((50, 60))
    assert image[20, 30] == 1
    assert image[25, 41] == 2
    # they overlap; the pixels between are of the nearer one
    assert image[22, 34] == 1
    assert image[23, 37] == 2


def test_no_nuclei_have_no_outlines():
    empty = LabelMap.numbered(torch.zeros((5, 6), dtype=torch.int64), 0)
    assert traced(empty, np.empty((0, 2)), np.empty(0)).shape == (0, RAYS, 2)
    assert circles(np.empty((0, 2)), np.empty(0)).shape == (0, RAYS, 2)
    assert not empty.image((5, 6)).any()
    assert empty.on_edge().shape == (0,)


@pytest.mark.parametrize("detector", ["learned", "threshold", "blob"])
@pytest.mark.parametrize("radius", [7, 22])
def test_a_detector_gives_outlines_and_masks_that_fit_its_nuclei(detector, radius):
    centres = grid(step=4.5 * radius) if radius > 10 else grid()
    image = drawn_discs(centres, radius)
    settings = DetectionSettings(detector=detector)
    plain = detect_field(image, well="A01", field=1, settings=settings, device=torch.device("cpu"))
    assert plain.outlines is None
    assert plain.masks is None
    nuclei = detect_field(image, well="A01", field=1, settings=settings, device=torch.device("cpu"), outlines=True, masks=True)
    np.testing.assert_array_equal(nuclei.centroids, plain.centroids)
    assert nuclei.masks.shape == image.shape
    assert np.unique(nuclei.masks).tolist() == list(range(len(nuclei) + 1))
    for number, outline in enumerate(nuclei.outlines):
        mask = nuclei.masks == number + 1
        np.testing.assert_allclose(np.argwhere(mask).mean(0), nuclei.centroids[number], atol=0.7)
        assert mask.sum() == pytest.approx(nuclei.area_px[number], rel=0.06)
        assert area_of(outline) == pytest.approx(nuclei.area_px[number], rel=0.06)
        # masks of the learned detector have steps of two pixels, which a small nucleus shows
        assert image[mask].mean() == pytest.approx(nuclei.mean_intensity[number], rel=0.05)
