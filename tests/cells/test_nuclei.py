from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.nuclei import Nuclei, discs_touch_border
from napari_mid.cells.settings import DetectionSettings

from .drawing import discs


def three(**also):
    return Nuclei(
        "B03", 2, np.array([(1.0, 2), (3, 4), (5, 6)]), np.array([np.pi * 4, np.nan, np.pi * 25]), np.arange(3.0), "x", **also
    )


def test_the_equivalent_diameter_is_that_of_the_disc_with_the_same_area():
    np.testing.assert_allclose(three().diameter_px, [4, np.nan, 10])


def test_some_of_the_nuclei_keep_all_that_is_known_of_them():
    masks = np.array([[1, 1, 0], [2, 3, 3]], np.uint16)
    nuclei = three(
        settings={"a": 1},
        confidence=np.array([0.5, 0.6, 0.7]),
        touches_border=np.array([True, False, True]),
        outlines=np.zeros((3, 8, 2), np.float32) + np.arange(3)[:, None, None],
        masks=masks,
    )
    some = nuclei.only(np.array([False, True, True]), duplicates_left_out=1)
    assert some.centroids.tolist() == [[3, 4], [5, 6]]
    assert some.confidence.tolist() == [0.6, 0.7]
    assert some.touches_border.tolist() == [False, True]
    assert some.outlines[:, 0, 0].tolist() == [1, 2]
    assert some.masks.tolist() == [[0, 0, 0], [1, 2, 2]]
    assert some.masks.dtype == np.uint16
    assert some.settings == {"a": 1, "duplicates_left_out": 1}
    assert three().only(np.array([True, False, False])).masks is None


@pytest.mark.parametrize(
    "wrong",
    [{"confidence": np.zeros(2)}, {"touches_border": np.zeros(4, bool)}, {"outlines": np.zeros((3, 8)), "settings": {}}],
)
def test_what_does_not_belong_to_every_nucleus_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        three(**wrong)


def test_discs_that_reach_the_border():
    places = np.array([(10.0, 10.0), (4.4, 10.0), (10.0, 54.6), (35.0, 30.0)])
    assert discs_touch_border(places, 10.0, (40, 60)).tolist() == [False, True, True, True]
    assert discs_touch_border(places, np.full(4, np.nan), (40, 60)).tolist() == [False] * 4
    assert discs_touch_border(np.empty((0, 2)), 10.0, (40, 60)).shape == (0,)


@pytest.mark.parametrize("detector", ["learned", "threshold", "blob"])
def test_nuclei_at_the_border_are_told(detector):
    centres = [(60, 60), (2, 100), (100, 217), (196, 60), (140, 3), (150, 120)]
    nuclei = detect_field(
        discs(centres, 10), well="A01", field=1, settings=DetectionSettings(detector, diameter_px=20), device=torch.device("cpu")
    )
    order = [int(np.linalg.norm(nuclei.centroids - centre, axis=1).argmin()) for centre in centres]
    assert nuclei.touches_border[order].tolist() == [False, True, True, True, True, False]
