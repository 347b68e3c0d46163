from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_mid.cells.background import inside_frame, without_bad_pixels
from napari_mid.cells.filters import basins, compress, deviation_of_lower_half, gaussian, grow, otsu, shrink, sliding_max


@pytest.fixture
def image():
    return torch.from_numpy(np.random.default_rng(0).normal(100, 20, (37, 53)).astype(np.float32))


@pytest.mark.parametrize("sigma", [0.7, 2.0, 30.0])
def test_gaussian_is_scipys(image, sigma):
    expected = ndimage.gaussian_filter(image.numpy(), sigma, mode="nearest", radius=int(np.ceil(3 * sigma)))
    np.testing.assert_allclose(gaussian(image, sigma).numpy(), expected, atol=1e-3)


def test_gaussian_leaves_its_input_alone(image):
    before = image.clone()
    gaussian(image, 0)
    gaussian(image, 2)
    assert torch.equal(image, before)


@pytest.mark.parametrize("width", [3, 5, 9, 21, 101])
def test_sliding_max_is_scipys(image, width):
    np.testing.assert_array_equal(sliding_max(image, width), ndimage.maximum_filter(image.numpy(), width, mode="nearest"))


def test_otsu_is_scikit_images():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(20, 10, 4000), rng.normal(60, 12, 1700)]).astype(np.float32)
    # both have 256 bins, so they may differ by a bin
    assert otsu(torch.from_numpy(values)) == pytest.approx(threshold_otsu(values), abs=1.0)
    assert otsu(torch.full((5, 5), 7.0)) == 7.0


def test_otsu_between_two_levels_is_in_the_middle():
    assert otsu(torch.tensor([0.0] * 9 + [100.0])) == pytest.approx(50, abs=1)


@pytest.mark.parametrize("shape", [(36, 52), (37, 53), (2, 5)])
def test_grow_gives_the_shape_back(shape):
    slope = torch.arange(shape[1], dtype=torch.float32).expand(shape)
    back = grow(shrink(slope, 4), 4, torch.Size(shape))
    assert back.shape == shape
    assert float((back - slope)[:, 2:-4].abs().max() if shape[1] > 6 else 0) < 0.01


def test_every_basin_leads_to_a_maximum():
    yy, xx = np.mgrid[:40, :60]
    hills = np.exp(-((yy - 20) ** 2 + (xx - 15) ** 2) / 80) + np.exp(-((yy - 20) ** 2 + (xx - 45) ** 2) / 80)
    roots = basins(torch.from_numpy(hills.astype(np.float32))).numpy()
    assert set(np.unique(roots)) == {20 * 60 + 15, 20 * 60 + 45}
    assert (roots[:, :30] == 20 * 60 + 15).mean() > 0.99


def test_basins_of_a_plateau_end():
    assert basins(torch.ones((30, 30))).unique().numel() == 1


def test_compress_keeps_the_order_and_lifts_the_dim():
    contrast = torch.cat([torch.zeros(800), torch.full((100,), 50.0), torch.full((90,), 100.0), torch.full((10,), 800.0)])
    level = compress(contrast)
    assert float(level[0]) == 0
    assert bool((level.diff() >= 0).all())
    assert float(level[-1] / level[850]) < 800 / 50 / 2


def test_deviation_is_that_of_the_background():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 3, 20000)
    values[:8000] += 500
    assert deviation_of_lower_half(torch.from_numpy(values)) == pytest.approx(3, rel=0.35)


def test_bad_pixels_go_and_nothing_else_changes(image):
    calm = gaussian(image, 2)
    broken = calm.clone()
    broken[10, 10], broken[0, 0], broken[36, 20] = 60000.0, 60000.0, 0.0
    mended = without_bad_pixels(broken)
    assert float((mended - calm).abs().max()) < 5
    assert torch.equal(without_bad_pixels(torch.ones((1, 9))), torch.ones((1, 9)))


def test_a_frame_is_cut_off_but_a_dark_background_is_none(image):
    framed = torch.nn.functional.pad(image, (4, 0, 7, 2))
    assert inside_frame(framed) == (slice(7, 44), slice(4, 57))
    assert inside_frame(image) == (slice(None), slice(None))
    disc = torch.zeros((40, 40))
    disc[10:20, 15:25] = torch.eye(10)
    assert inside_frame(disc) == (slice(None), slice(None))
    disc[10:20, 15:25] = 1
    assert inside_frame(disc) == (slice(None), slice(None))
    assert inside_frame(torch.ones((5, 5))) == (slice(None), slice(None))
