from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_mid.cells.diameter import TYPICAL_DIAMETER_PX, estimate_diameter, wanted_diameter
from napari_mid.cells.settings import LARGEST_DIAMETER_PX, SMALLEST_DIAMETER_PX, DetectionSettings
from napari_mid.errors import SettingsError
from napari_mid.settings import check

from .drawing import discs, grid


def tensor(image):
    return torch.from_numpy(image.astype(np.float32))


@pytest.mark.parametrize("radius", [4, 6, 9, 14, 17])
def test_the_estimate_follows_the_nuclei(radius):
    assert estimate_diameter(tensor(discs(grid(), radius))) == pytest.approx(2 * radius, rel=0.2)


def test_one_dim_nucleus_outweighs_thousands_of_specks_of_noise():
    image = discs([(200, 200)], 20, shape=(400, 400), bright=50, noise=10)
    assert estimate_diameter(tensor(image)) == pytest.approx(40, rel=0.2)


def test_without_anything_to_see_a_usual_size_is_taken():
    assert estimate_diameter(torch.zeros((50, 50))) == TYPICAL_DIAMETER_PX


def test_micrometres_stay_within_the_bounds():
    settings = DetectionSettings(diameter_um=12)
    assert wanted_diameter(settings, 0.6) == pytest.approx(20)
    assert wanted_diameter(settings, 0.01) == LARGEST_DIAMETER_PX
    assert wanted_diameter(settings, 50) == SMALLEST_DIAMETER_PX
    assert wanted_diameter(settings, None) is None
    assert wanted_diameter(DetectionSettings(diameter_um=12, diameter_px=30), 0.6) == 30


@pytest.mark.parametrize("wrong", [{"diameter_px": 2}, {"diameter_px": 500}, {"detector": "magic"}, {"sensitivity": 0}])
def test_settings_out_of_bounds_are_refused(wrong):
    with pytest.raises(SettingsError):
        check(DetectionSettings(**wrong))
