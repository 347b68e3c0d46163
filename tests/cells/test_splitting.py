from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_mid.cells.splitting import measure_basins, split


def labelled(*centres, radius=10, shape=(60, 90)):
    """Discs cut at x = 45 into basins 1 and 2, with a flat surface."""
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    for y, x in centres:
        mask |= (yy - y) ** 2 + (xx - x) ** 2 <= radius**2
    labels = np.where(mask, np.where(xx < 45, 1, 2), 0)
    return torch.from_numpy(labels), torch.ones(shape), torch.full(shape, 7.0)


def test_two_halves_of_a_disc_are_one_nucleus():
    regions = split(*labelled((30, 44.5)), diameter_px=20)
    assert len(regions) == 1
    np.testing.assert_allclose(regions.centroids, [(30, 44.5)], atol=0.1)
    assert regions.mean_intensity[0] == 7


def test_two_touching_discs_stay_two():
    regions = split(*labelled((30, 35), (30, 55)), diameter_px=20)
    np.testing.assert_allclose(sorted(regions.centroids[:, 1]), [35, 54.5], atol=1)


def test_a_wrong_diameter_does_not_change_that():
    for diameter in (14, 28):
        assert len(split(*labelled((30, 35), (30, 55)), diameter_px=diameter)) == 2
        assert len(split(*labelled((30, 44.5)), diameter_px=diameter)) == 1


def test_sums_and_passes():
    labels = torch.tensor([[5, 5, 0], [5, 9, 9]])
    surface = torch.tensor([[1.0, 4.0, 0.0], [2.0, 3.0, 1.0]])
    leaves = measure_basins(labels, surface, surface)
    assert leaves.sums[:, 0].tolist() == [3, 2]
    assert leaves.sums[:, -1].tolist() == [7, 4]
    assert leaves.pairs.tolist() == [[0, 1]]
    # the highest of min(4, 3) and min(2, 3)
    assert leaves.passes.tolist() == [3]


def test_nothing_to_split():
    regions = split(torch.zeros((5, 5), dtype=torch.int64), torch.zeros((5, 5)), torch.zeros((5, 5)), 20)
    assert regions.centroids.shape == (0, 2)
    assert len(regions) == 0


@pytest.mark.parametrize("factor", [1, 3])
def test_regions_of_a_shrunken_image(factor):
    regions = split(*labelled((30, 44.5)), diameter_px=20).enlarged(factor)
    assert regions.area_px[0] == pytest.approx(factor**2 * np.pi * 100, rel=0.03)
    # the middle of pixel 30 of the small image is the middle of pixels 90 to 92
    np.testing.assert_allclose(regions.centroids[0, 0], factor * 30 + (factor - 1) / 2, atol=0.1)
