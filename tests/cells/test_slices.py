from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.cells.slices import cut_slices, slice_batches, touches_border


def naive(image, centroids, size, low, high, normalisation):
    """Pixel by pixel, as mid.md says it."""
    n_channels, height, width = image.shape
    out = np.zeros((len(centroids), n_channels, size, size))
    for n, (cy, cx) in enumerate(centroids):
        top, left = int(np.floor(cy + 0.5)) - size // 2, int(np.floor(cx + 0.5)) - size // 2
        for c in range(n_channels):
            values = {}
            for i in range(size):
                for j in range(size):
                    if 0 <= top + i < height and 0 <= left + j < width:
                        values[i, j] = float(image[c, top + i, left + j])
            lowest, highest = (low[c], high[c]) if normalisation == "plate" else (min(values.values(), default=0), 0)
            if normalisation == "per_slice":
                highest = max(values.values(), default=0)
            for (i, j), value in values.items():
                out[n, c, i, j] = np.clip((value - lowest) / (highest - lowest), 0, 1) if highest > lowest else 0
    return out


coordinates = st.floats(-25, 35, allow_nan=False)


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 14), st.integers(1, 14)),
    centroids=st.lists(st.tuples(coordinates, coordinates), max_size=6),
    size=st.integers(1, 9),
    dtype=st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]),
    normalisation=st.sampled_from(["plate", "per_slice"]),
    seed=st.integers(0, 100),
)
def test_every_pixel_is_where_it_belongs(shape, centroids, size, dtype, normalisation, seed):
    image = np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)
    low, high = [10.0, 20.0, 0.0][: shape[0]], [200.0, 90.0, 255.0][: shape[0]]
    slices = cut_slices(torch.from_numpy(image), centroids, size, low, high, normalisation)
    assert slices.dtype == torch.float32
    assert slices.shape == (len(centroids), shape[0], size, size)
    np.testing.assert_allclose(slices.numpy(), naive(image, centroids, size, low, high, normalisation), atol=1e-5)


@pytest.mark.parametrize("size", [48, 49])
def test_the_pixel_of_the_centroid_is_in_the_middle(size):
    image = np.zeros((1, 100, 120), np.uint16)
    image[0, 40, 70] = 65535
    slices = cut_slices(torch.from_numpy(image), [(40.3, 69.6)], size, [0], [65535])
    assert np.argwhere(slices[0, 0].numpy() == 1).tolist() == [[size // 2, size // 2]]


def test_sixteen_bit_values_are_exact():
    values = torch.from_numpy(np.array([[[0, 255, 40000, 65535]]], np.uint16))
    row = cut_slices(values, [(0, 2)], 4, [0], [65535])[0, 0, 2]
    assert (row * 65535).round().tolist() == [0, 255, 40000, 65535]


def test_missing_values_and_reversed_limits_give_numbers_between_0_and_1():
    image = torch.tensor([[[np.nan, 1.0, np.inf], [2.0, -np.inf, 3.0]]])
    for normalisation in ("plate", "per_slice"):
        slices = cut_slices(image, [(0, 1)], 5, [2.0], [2.0], normalisation)
        assert bool(((slices >= 0) & (slices <= 1)).all())


def test_batches_are_the_same_slices_in_order():
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 65535, (2, 50, 60)).astype(np.uint16))
    centroids = np.random.default_rng(1).uniform(0, 50, (23, 2))
    whole = cut_slices(image, centroids, 12, [0, 0], [65535, 30000])
    batches = list(slice_batches(image, centroids, 12, [0, 0], [65535, 30000], batch_slices=5))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    assert torch.equal(torch.cat(batches), whole)


def test_wrong_limits_and_normalisation_are_refused():
    image = torch.zeros((2, 5, 5))
    with pytest.raises(ValueError, match="2 channels"):
        cut_slices(image, [(1, 1)], 3, [0], [1])
    with pytest.raises(ValueError, match="per_slice"):
        cut_slices(image, [(1, 1)], 3, [0, 0], [1, 1], "zscore")


@given(st.floats(-5, 45), st.floats(-5, 45), st.integers(1, 20))
def test_touching_the_border_means_that_the_slice_has_padding(y, x, size):
    shape = (30, 40)
    slices = cut_slices(torch.ones((1, *shape)), [(y, x)], size, [0], [1])
    assert touches_border([(y, x)], size, shape)[0] == bool((slices == 0).any())


def test_border_of_no_cells():
    assert touches_border(np.empty((0, 2)), 10, (30, 40)).shape == (0,)
