"""What every detector has to do, whoever adds it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from napari_mid.cells.detectors import available, detect_field, detector_names
from napari_mid.cells.settings import DetectionSettings

from .drawing import discs, distances, grid

CPU = torch.device("cpu")


@pytest.fixture(params=available())
def detect(request):
    def run(image, pixel_size_um=None, **settings):
        chosen = DetectionSettings(detector=request.param, **settings)
        nuclei = detect_field(image, well="B03", field=2, settings=chosen, pixel_size_um=pixel_size_um, device=CPU)
        assert (nuclei.well, nuclei.field, nuclei.detector) == ("B03", 2, request.param)
        assert nuclei.centroids.dtype == nuclei.area_px.dtype == nuclei.mean_intensity.dtype == np.float64
        assert np.isfinite(nuclei.centroids).all()
        assert (nuclei.area_px > 0).all()
        return nuclei

    return run


def test_detectors_are_there_and_the_default_is_one_of_them():
    assert {"blob", "cellpose", "learned", "stardist", "threshold"} <= set(detector_names())
    assert DetectionSettings().detector in available()


@pytest.mark.parametrize("value", [0, 777, 65535])
def test_no_nuclei_where_nothing_is(detect, value):
    assert len(detect(np.full((150, 160), value, np.uint16))) == 0
    assert len(detect(np.full((150, 160), value, np.uint16), diameter_px=20)) == 0


def test_no_nuclei_in_an_image_without_numbers(detect):
    assert len(detect(np.full((80, 80), np.nan))) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (2, 3), (5, 5), (9, 200)])
def test_tiny_images(detect, shape):
    image = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    assert len(detect(image)) <= 3
    assert len(detect(image, diameter_px=100)) <= 1


def noises():
    rng = np.random.default_rng(3)
    slope = np.linspace(0, 1500, 300)
    yield "camera", rng.normal(1000, 30, (300, 300)).astype(np.uint16)
    yield "photons", rng.poisson(4, (300, 300)).astype(np.uint8)
    yield "slope", (rng.normal(500, 20, (300, 300)) + slope).astype(np.uint16)
    yield "binned", np.kron(rng.normal(1000, 30, (150, 150)), np.ones((2, 2))).astype(np.uint16)
    yield "blurred", 500 + 100 * gaussian_filter(rng.normal(0, 1, (300, 300)), 1.5)
    yield "hot pixels", np.where(rng.random((300, 300)) < 0.001, 60000, rng.normal(200, 5, (300, 300))).astype(np.uint16)


@pytest.mark.parametrize(("kind", "image"), list(noises()), ids=[kind for kind, _ in noises()])
def test_hardly_anything_in_noise(detect, kind, image):
    # 90,000 pixels hold room for about 3,000 nuclei of the smallest size
    assert len(detect(image)) <= 40
    assert len(detect(image, diameter_px=20)) <= 4


def test_one_nucleus(detect):
    nuclei = detect(discs([(80.4, 90.7)], 10))
    assert len(nuclei) == 1
    assert distances(nuclei.centroids, [(80.4, 90.7)])[0] < 0.5
    assert nuclei.area_px[0] == pytest.approx(np.pi * 10**2, rel=0.25)
    assert nuclei.mean_intensity[0] == pytest.approx(1050, rel=0.15)


@pytest.mark.parametrize("radius", [4, 7, 12])
def test_discs_are_found_within_a_pixel(detect, radius):
    nuclei = detect(discs(grid(), radius))
    assert len(nuclei) == len(grid())
    assert distances(nuclei.centroids, grid()).max() < 1
    assert nuclei.settings["diameter_px"] == pytest.approx(2 * radius, rel=0.25)


def test_large_nuclei(detect):
    centres = np.array([(60.0, 70.0), (60.0, 240.0), (230.0, 70.0), (230.0, 240.0)])
    nuclei = detect(discs(centres, 40, shape=(300, 320)))
    assert len(nuclei) == 4
    assert distances(nuclei.centroids, centres).max() < 2


def test_touching_nuclei_are_told_apart(detect):
    centres = np.array([(60.0, 60.0), (60.0, 79.0), (120.0, 120.0), (134.0, 134.0)])
    nuclei = detect(discs([*centres, (40, 160), (150, 40)], 10))
    assert len(nuclei) == 6
    assert distances(nuclei.centroids, centres).max() < 2.5


@pytest.mark.parametrize(
    ("background", "bright", "noise", "slope"),
    [(30000, 300, 20, 0), (100, 500, 10, 1500), (0, 60000, 0, 0), (500, 100, 25, 0)],
    ids=["camera offset", "uneven background", "full range", "dim"],
)
def test_light_does_not_matter(detect, background, bright, noise, slope):
    image = discs(grid(), 9, background=background, bright=bright, noise=noise, slope=slope)
    nuclei = detect(image)
    assert len(nuclei) == len(grid())
    assert distances(nuclei.centroids, grid()).max() < 1.5


def test_a_dim_nucleus_beside_bright_ones(detect):
    image = discs(grid(), 9, bright=2500) + discs([(45.0, 45.0)], 9, bright=900, background=0)
    nuclei = detect(image)
    assert distances(nuclei.centroids, [(45.0, 45.0)])[0] < 2.5


def test_pixel_types_and_missing_values_do_not_matter(detect):
    image = discs(grid(), 9, bright=100, noise=2)
    expected = detect(image).centroids
    for dtype in (np.uint8, np.int32, np.float64):
        np.testing.assert_allclose(detect(image.astype(dtype)).centroids, expected, atol=1e-6)
    # stored the other way round, as some microscopes do
    np.testing.assert_allclose(detect(image.astype(">u2")).centroids, expected, atol=1e-6)
    broken = image.astype(float)
    broken[2:4, 5:9] = np.nan
    broken[190, 200] = np.inf
    assert len(detect(broken)) == len(expected)


def test_a_black_frame_around_the_image_does_not_matter(detect):
    image = np.pad(discs(grid(), 9, background=2000), 40)
    nuclei = detect(image)
    assert distances(nuclei.centroids, grid() + 40).max() < 1.5
    assert len(nuclei) <= len(grid()) + 2


def test_a_given_diameter_is_used(detect):
    image = discs(grid(), 9)
    assert detect(image, diameter_px=17.5).settings["diameter_px"] == 17.5
    assert detect(image, diameter_um=9, pixel_size_um=0.5).settings["diameter_px"] == 18
    # without a pixel size micrometres say nothing, so the image has to
    assert detect(image, diameter_um=9).settings["diameter_px"] == pytest.approx(18, rel=0.25)


def test_on_a_device_without_float64_the_cpu_takes_over():
    # this machine has no such device, so that anything put there would fail
    found = detect_field(discs(grid(), 9), well="A01", field=1, settings=DetectionSettings(), device=torch.device("mps"))
    assert len(found) == len(grid())


def test_sensitivity_finds_dimmer_nuclei(detect):
    image = discs([(50, 50), (50, 150)], 9, noise=40) + discs([(150, 50), (150, 150)], 9, bright=130, background=0, noise=0)
    counts = [len(detect(image, diameter_px=18, sensitivity=sensitivity)) for sensitivity in (0.3, 1, 3)]
    assert counts == sorted(counts)
    assert counts[0] <= 2
    assert counts[2] >= 4


def test_the_same_image_gives_the_same_nuclei(detect):
    image = discs(grid(), 9)
    first, second = detect(image), detect(image.copy())
    np.testing.assert_array_equal(first.centroids, second.centroids)


def test_the_settings_of_the_result_run_again(detect):
    nuclei = detect(discs(grid(), 9))
    again = DetectionSettings(**nuclei.settings)
    assert dataclasses.asdict(again) == nuclei.settings


@pytest.mark.parametrize("shape", [(3, 20, 20), (20,), (0, 5)])
def test_what_is_no_image_is_refused(detect, shape):
    with pytest.raises(ValueError, match="expected"):
        detect(np.zeros(shape))


@pytest.mark.parametrize(("well", "low", "high"), [("01-A-01", 300, 345), ("20-B-08", 180, 205), ("48-D-12", 185, 215)])
def test_counts_on_a_real_plate(real_data, detect, well, low, high):
    # counted by eye in the overlay: about 325, 193 and 203, some dim ones in a corner among them
    image = tifffile.imread(real_data / "bbbc013" / f"Channel2-{well}.tif")
    assert low <= len(detect(image)) <= high
