"""Nuclei of a part of a well: those that are there, each once, of a size that does not depend on the part."""

from __future__ import annotations

import numpy as np
import pytest

from napari_mid.cells.settings import DetectionSettings
from napari_mid.images.layout import WellLayout
from napari_mid.images.well_images import WellImages
from napari_mid.progress import finish
from napari_mid.workflow.detect_region import RegionNuclei, detect_region_steps, region_within

#: Nuclei of 16 px on a grid of 40 px, on the whole well.
PLACES = np.array([(y, x) for y in range(20, 200, 40) for x in range(20, 320, 40)], dtype=float)


@pytest.fixture(scope="module")
def images() -> WellImages:
    """Two fields of 200 x 180 px that overlap by 40 columns."""
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:200, :320]
    well = rng.normal(100, 3, (200, 320))
    for y, x in PLACES:
        well[(yy - y) ** 2 + (xx - x) ** 2 <= 8**2] += 800
    well = well.astype(np.uint16)
    layout = WellLayout({1: (0, 0), 2: (0, 140)}, {1: (200, 180), 2: (200, 180)}, from_stage=True)
    return WellImages("plate", "A01", {1: well[None, :, :180], 2: well[None, :, 140:]}, layout)


def found(images: WellImages, region: tuple[int, int, int, int], **settings: float) -> RegionNuclei:
    return finish(detect_region_steps(images, 0, region, settings=DetectionSettings("threshold", **settings), device="cpu"))


@pytest.mark.parametrize("region", [(0, 200, 0, 320), (30, 130, 100, 250), (0, 60, 0, 60)])
def test_nuclei_with_their_centre_in_the_region_are_found_once(images: WellImages, region: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = region
    inside = np.array([(y, x) for y, x in PLACES if top <= y < bottom and left <= x < right])
    seen = found(images, region)
    assert len(seen.places) == len(inside)
    order = np.lexsort(np.rint(seen.places).T[::-1])
    np.testing.assert_allclose(seen.places[order], inside, atol=1)
    np.testing.assert_allclose(seen.diameter_px, 16, atol=3)


def test_the_diameter_is_that_of_the_field_or_as_it_was_set(images: WellImages) -> None:
    whole, corner = found(images, (0, 200, 0, 180)), found(images, (0, 30, 0, 30))
    estimates = {1: 50.0}
    assert corner.used_px == pytest.approx(whole.used_px, rel=0.2)
    steps = detect_region_steps(
        images, 0, (0, 200, 0, 100), settings=DetectionSettings("threshold"), device="cpu", estimates=estimates
    )
    assert finish(steps).used_px == 50.0
    assert found(images, (0, 200, 0, 320), diameter_px=14.0).used_px == 14.0


def test_where_there_is_no_field_there_is_nothing(images: WellImages) -> None:
    seen = found(images, (300, 400, 0, 100))
    assert seen.used_px is None
    assert seen.places.shape == (0, 2)


@pytest.mark.parametrize(
    ("view", "most", "region"),
    [((0, 10, 0, 20), 200, (0, 10, 0, 20)), ((0, 100, 0, 400), 10_000, (25, 75, 100, 300)), ((5, 6, 0, 9), 1, (5, 6, 3, 6))],
)
def test_of_a_large_view_the_middle_is_looked_at(view: tuple[int, ...], most: int, region: tuple[int, ...]) -> None:
    assert region_within(view, most) == region  # type: ignore[arg-type]
