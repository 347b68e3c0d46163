"""Blurred cells are told from sharp ones, whatever their brightness."""

import numpy as np
import torch
from scipy import ndimage

from napari_mid.cells.focus import FEWEST, out_of_focus, sharpness

RNG = np.random.default_rng(0)


def nucleus(blur: float, brightness: float) -> np.ndarray:
    yy, xx = np.mgrid[:64, :64]
    disc = (np.hypot(yy - 31.5, xx - 31.5) < 12).astype(float) * (1 + 0.2 * RNG.standard_normal((64, 64)))
    return brightness * ndimage.gaussian_filter(disc, blur) + 0.01 * RNG.standard_normal((64, 64))


def test_blurred_cells_stand_out_at_any_brightness() -> None:
    sharp = [nucleus(1.0, brightness) for brightness in np.linspace(0.3, 3, 40)]
    blurred = [nucleus(5.0, brightness) for brightness in np.linspace(0.3, 3, 6)]
    values = sharpness(torch.tensor(np.stack([*sharp, *blurred]), dtype=torch.float32)).numpy().astype(float)
    assert out_of_focus(values).tolist() == [False] * 40 + [True] * 6


def test_nothing_is_said_of_few_cells_or_of_empty_slices() -> None:
    assert not out_of_focus(np.r_[np.full(FEWEST - 2, 1.0), 1e-3]).any()
    assert not out_of_focus(np.full(50, np.nan)).any()
    empty = sharpness(torch.zeros(30, 32, 32)).numpy().astype(float)
    assert np.isfinite(empty).all()
    assert not out_of_focus(empty).any()
