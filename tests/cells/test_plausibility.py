"""What is odd is said; on good images nothing is."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.field_facts import field_facts
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.plausibility import doubts
from napari_mid.cells.settings import DetectionSettings

from .drawing import discs, grid

DETECTORS = ["learned", "threshold", "blob"]
CPU = torch.device("cpu")


def looked_at(image, detector, **settings):
    """The nuclei of `image` and what is said about them."""
    found = detect_field(image, well="B03", field=1, settings=DetectionSettings(detector, **settings), device=CPU)
    wanted = settings.get("diameter_px")
    told = doubts({1: found}, {1: field_facts(image)}, names={1: "B03 field 1"}, whole="B03", channel="DAPI", wanted_px=wanted)
    assert all(len(sentence.splitlines()) == 1 and sentence.endswith(".") for sentence in told)
    return found, told


def nuclei_of(n, diameter=20.0, field=1, intensity=1000.0, confidence=None, spread=0.1):
    rng = np.random.default_rng(field)
    area = np.pi / 4 * (diameter * np.exp(rng.normal(0, spread, n))) ** 2
    sure = None if confidence is None else np.full(n, confidence)
    return Nuclei("B03", field, rng.uniform(20, 480, (n, 2)), area, np.full(n, intensity), "learned", {}, sure)


def told_of(found, image, **more):
    return doubts({1: found}, {1: field_facts(image)}, names={1: "B03 field 1"}, whole="B03", channel="DAPI", **more)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("radius", [5, 9, 14])
def test_nothing_is_said_about_nuclei(detector, radius):
    found, told = looked_at(discs(grid(step=4.2 * radius), radius), detector)
    assert len(found) >= 9
    assert told == []


BLACK = np.zeros((120, 130), np.uint8)
WORDS = {"blank": "equally bright", "constant": "equally bright", "saturated": "equally bright", "NaN": "no pixel"}


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("blank", BLACK),
        ("constant", BLACK + np.uint8(77)),
        ("saturated", np.full((120, 130), 65535, np.uint16)),
        ("NaN", np.full((120, 130), np.nan)),
    ],
)
def test_images_without_anything_in_them(detector, kind, image):
    found, told = looked_at(image, detector)
    assert len(found) == 0
    assert len(told) == 1
    assert told[0].startswith("B03 field 1: ")
    assert WORDS[kind] in told[0]


@pytest.mark.parametrize("detector", DETECTORS)
def test_half_of_the_pixels_are_no_numbers(detector):
    image = discs(grid(), 9).astype(float)
    image[:, 110:] = np.nan
    image[3:5, 7] = np.inf, -np.inf
    found, told = looked_at(image, detector)
    assert (found.centroids[:, 1] < 115).all()
    assert len(found) >= 8
    assert any("50% of the pixels of channel DAPI are no numbers" in sentence for sentence in told)


@pytest.mark.parametrize("detector", DETECTORS)
def test_dark_nuclei_on_a_bright_background(detector):
    image = discs(grid(), 9)
    _, told = looked_at((image.max() - image).astype(np.uint16), detector)
    assert len(told) == 1
    assert "bright field or an inverted image" in told[0]


@pytest.mark.parametrize("detector", DETECTORS)
def test_saturated_nuclei(detector):
    image = np.clip(discs(grid(), 12, bright=60_000, background=3000, noise=300) * 1.5, 0, 65535).astype(np.uint16)
    _, told = looked_at(image, detector)
    assert any("saturated" in sentence for sentence in told)
    # a dim image of a few grey levels is not saturated
    assert told_of(nuclei_of(20), (discs(grid(), 12) > 500).astype(np.uint8) * 3) == []


def noises():
    rng = np.random.default_rng(0)
    shape = (300, 300)
    yield "camera", rng.normal(1000, 30, shape).astype(np.uint16)
    yield "photons", rng.poisson(4, shape).astype(np.uint8)
    yield "even", rng.integers(0, 65535, shape).astype(np.uint16)
    yield "negative", rng.normal(-100, 5, shape).astype(np.float32)
    yield "salt and pepper", np.where(rng.random(shape) < 0.01, 60000, rng.normal(200, 5, shape)).astype(np.uint16)
    for sigma in (1.5, 3, 6):
        yield f"blurred {sigma}", 500 + 100 * sigma * gaussian_filter(rng.normal(0, 1, shape), sigma)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(("kind", "image"), list(noises()), ids=[kind for kind, _ in noises()])
def test_no_noise_is_taken_for_nuclei_without_a_word(detector, kind, image):
    found, told = looked_at(image, detector)
    assert told or len(found) < 10


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("shape", [(3, 3), (1, 500), (500, 1), (12, 9)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_images_smaller_than_a_nucleus(detector, shape, dtype):
    image = (np.random.default_rng(0).random(shape) * 200).astype(dtype) - dtype(
        0 if np.issubdtype(dtype, np.unsignedinteger) else 90
    )
    for settings in ({}, {"diameter_px": 80}):
        found, _ = looked_at(image, detector, **settings)
        assert len(found) <= 3


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_bright_field_image(detector):
    rng = np.random.default_rng(0)
    cells = np.zeros((320, 320))
    cells[tuple(rng.integers(10, 310, (2, 40)))] = 1
    cells = gaussian_filter(cells, 9) * 500
    texture = gaussian_filter(rng.normal(0, 1, cells.shape), 2)
    image = 30000 + 2500 * (gaussian_filter(cells, 3) - 1.3 * cells) + 1500 * texture + rng.normal(0, 150, cells.shape)
    _, told = looked_at(image.astype(np.uint16), detector)
    assert any("bright field" in sentence for sentence in told)


def test_something_bright_in_which_no_nuclei_were_found():
    assert "no nuclei were found although channel DAPI" in told_of(nuclei_of(0), discs(grid(), 9))[0]
    noise = np.random.default_rng(0).normal(100, 5, (200, 200))
    assert told_of(nuclei_of(0), noise) == []
    assert told_of(nuclei_of(0), noise + np.linspace(0, 500, 200)) == []


def test_texture_in_which_no_nuclei_were_found():
    rng = np.random.default_rng(0)
    image = gaussian_filter(rng.normal(0, 1, (300, 300)), 3) * 300 + rng.normal(100, 5, (300, 300))
    assert "no nuclei were found although channel DAPI is not empty" in told_of(nuclei_of(0), image)[0]
    # one empty field of a well is nothing odd
    other = discs(grid((500, 500)), 10, (500, 500))
    facts = {1: field_facts(image), 2: field_facts(other)}
    assert doubts({1: nuclei_of(0), 2: nuclei_of(30)}, facts, names={1: "one", 2: "two"}, whole="B03") == []


def test_nuclei_that_can_hardly_be_some():
    image = discs(grid((500, 500)), 10, (500, 500))
    assert told_of(nuclei_of(30), image) == []
    assert "specks, typically 4" in told_of(nuclei_of(300, diameter=4), image)[0]
    assert "cover 9" in told_of(nuclei_of(190, diameter=39), image)[0]
    assert "hardly differ" in told_of(nuclei_of(30, intensity=float(image.mean()) + 60), image)[0]
    assert "so faint" in told_of(nuclei_of(30, intensity=float(image.mean()) + 5), image)[0]
    assert "median confidence 0.61" in told_of(nuclei_of(30, confidence=0.61), image)[0]
    assert "differ more in size" in told_of(nuclei_of(30, spread=0.6), image)[0]
    # a few of them say nothing, unless they are large and yet hardly different from the rest
    assert told_of(nuclei_of(5, diameter=4), image) == []
    assert told_of(nuclei_of(5, diameter=60), image) == []
    assert "hardly differ" in told_of(nuclei_of(5, diameter=60, intensity=float(image.mean()) + 20), image)[0]


def test_a_diameter_that_does_not_fit_what_is_found():
    image = discs(grid((500, 500)), 10, (500, 500))
    assert told_of(nuclei_of(30), image, wanted_px=25) == []
    assert "typically 20 px across, 40 px were set" in told_of(nuclei_of(30), image, wanted_px=40)[0]
    assert "12 px were set" in told_of(nuclei_of(30), image, wanted_px=12)[0]


def of_fields(*diameters):
    nuclei = {number: nuclei_of(30, diameter, number) for number, diameter in enumerate(diameters, 1)}
    facts = {number: field_facts(discs(grid((500, 500)), 10, (500, 500))) for number in nuclei}
    return nuclei, facts, {"names": {number: f"B03 field {number}" for number in nuclei}, "whole": "B03", "channel": "DAPI"}


def test_fields_of_a_well_with_nuclei_of_different_sizes():
    nuclei, facts, about = of_fields(20, 22, 35)
    assert doubts(nuclei, facts, **about) == [
        "nuclei are typically 20 px across in B03 field 1 and 34 px in B03 field 3; look for fields out of focus and for debris, "
        "or set the diameter of a nucleus."
    ]
    # loose images may be of different magnifications
    assert doubts(nuclei, facts, **about, of_one_well=False) == []
    assert doubts(*of_fields(20, 22, 28)[:2], **about) == []


def test_fields_with_the_same_doubt_share_a_sentence():
    nuclei, facts, about = of_fields(4, 20, 4)
    told = doubts(nuclei, facts, **about)
    assert len(told) == 1
    assert told[0].startswith("B03 field 1, B03 field 3: the 60 nuclei")
    nuclei, facts, about = of_fields(4, 4, 4)
    assert doubts(nuclei, facts, **about)[0].startswith("B03: the 90 nuclei")


def grey(path):
    image = iio.imread(path) if path.suffix == ".png" else tifffile.imread(path)
    return image if image.ndim == 2 else image[..., :3].max(axis=-1)


def images_of_nuclei(real_data, every):
    return [
        *sorted((real_data / "nuclei_dsb2018" / "images").glob("*.png"))[::every],
        *sorted((real_data / "bbbc013").glob("Channel2-*.tif"))[:: 2 * every],
        *sorted((real_data / "cellpainting_nf1" / "images").glob("*DAPI*.tif"))[::every],
        real_data / "harmony_phenix_v5" / "r01c01f01p01-ch5sk1fk1fl1.tiff",
    ]


@pytest.mark.parametrize("detector", DETECTORS)
def test_real_images_of_nuclei_are_not_doubted(real_data, detector):
    paths = images_of_nuclei(real_data, 20)
    assert len(paths) > 12
    assert {path.name: told for path in paths if (told := looked_at(grey(path), detector)[1])} == {}


@pytest.mark.slow
@pytest.mark.parametrize("detector", DETECTORS)
def test_hardly_any_real_image_of_nuclei_is_doubted(real_data, detector):
    paths = images_of_nuclei(real_data, 1)
    assert sum(bool(looked_at(grey(path), detector)[1]) for path in paths) <= 0.02 * len(paths)


@pytest.mark.parametrize("detector", DETECTORS)
def test_other_stains_and_bright_field_are_doubted(real_data, detector):
    paths = [
        sorted((real_data / "cellpainting_nf1" / "images").glob("*RFP*.tif"))[1],
        real_data / "harmony_phenix_v5" / "r01c01f01p01-ch6sk1fk1fl1.tiff",
    ]
    assert [path.name for path in paths if not looked_at(grey(path), detector)[1]] == []


@pytest.mark.parametrize("detector", DETECTORS)
def test_real_images_inverted_are_doubted(real_data, detector):
    for path in sorted((real_data / "nuclei_dsb2018" / "images").glob("*.png"))[::60]:
        image = grey(path)
        assert looked_at(image.max() - image, detector)[1], path.name
