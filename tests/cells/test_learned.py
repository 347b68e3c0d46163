"""What only the learned detector promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_mid.cells.detectors import learned
from napari_mid.cells.nucleus_net import MAPS, NucleusNet, nucleus_net, weights_path
from napari_mid.cells.settings import DetectionSettings

from .drawing import discs, distances, grid

SETTINGS = DetectionSettings(detector="learned")


def test_the_weights_are_small_and_have_a_card():
    assert weights_path().stat().st_size < 3e6
    card = weights_path().with_name("card.md").read_text(encoding="utf-8")
    assert "napari-mid learned" in card
    assert "Limits" in card


def test_folding_the_batch_norms_changes_nothing():
    from safetensors.torch import load_file

    net = NucleusNet()
    net.load_state_dict({name: value.float() for name, value in load_file(weights_path()).items()})
    images = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (2, 2, 64, 96)).astype(np.float32))
    with torch.inference_mode():
        expected, found = net.eval()(images), nucleus_net(torch.device("cpu"))(images)
    assert found.shape == (2, len(MAPS), 32, 48)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_tiles_give_what_the_whole_image_gives(monkeypatch):
    rng = np.random.default_rng(1)
    centres = rng.uniform(10, 590, (150, 2))
    image = torch.from_numpy(discs(centres, 7, shape=(600, 640)).astype(np.float32))
    whole, _ = learned.locate(image, 14.0, SETTINGS)
    monkeypatch.setattr(learned, "TILE_PX", 128)
    tiled, _ = learned.locate(image, 14.0, SETTINGS)
    assert len(tiled) == len(whole) > 100
    np.testing.assert_allclose(tiled.centroids, whole.centroids, atol=0.05)


def test_confidence_is_a_probability():
    regions, _ = learned.locate(torch.from_numpy(discs(grid(), 9).astype(np.float32)), None, SETTINGS)
    assert len(regions) == len(grid())
    assert ((regions.confidence > 0.5) & (regions.confidence <= 1)).all()


@pytest.mark.parametrize("brightness", [40, 400, 40_000])
def test_brightness_does_not_move_a_nucleus(brightness):
    image = discs(grid(), 9, bright=1000, noise=0) / 1000 * brightness
    regions, _ = learned.locate(torch.from_numpy(image.astype(np.float32)), 18.0, SETTINGS)
    assert len(regions) == len(grid())


@pytest.mark.parametrize("radius", [50, 100])
def test_bright_grains_of_large_nuclei_are_no_small_nuclei(radius):
    # as of a mouse, seen with an objective of 63x
    rng = np.random.default_rng(5)
    centres = np.array([(y, x) for y in (2, 5) for x in (2, 5, 8)]) * radius
    shape = (7 * radius, 10 * radius)
    grains = np.zeros(shape)
    for centre in centres:
        away, turn = 0.75 * radius * np.sqrt(rng.random(9)), rng.uniform(0, 2 * np.pi, 9)
        grains[tuple((centre[:, None] + away * [np.sin(turn), np.cos(turn)]).astype(int))] = 1
    grains = ndimage.gaussian_filter(grains, radius / 10)
    image = ndimage.gaussian_filter(discs(centres, radius, shape=shape, noise=0).astype(float), radius / 10)
    image += 3000 * grains / grains.max() + rng.normal(0, 5, shape)
    regions, used = learned.locate(torch.from_numpy(image.astype(np.float32)), None, SETTINGS)
    assert len(regions) == len(centres)
    assert distances(regions.centroids, centres).max() < 0.15 * radius
    assert used == pytest.approx(2 * radius, rel=0.2)


def test_nuclei_in_a_dim_corner_of_the_field():
    centres = grid((300, 600), step=30)
    light = np.linspace(0.12, 1, 600)[None, :]
    image = 200 + discs(centres, 9, shape=(300, 600), background=0, bright=2000, noise=0) * light
    image += np.random.default_rng(2).normal(0, 10, image.shape)
    regions, _ = learned.locate(torch.from_numpy(image.astype(np.float32)), None, SETTINGS)
    assert len(regions) == len(centres)


@pytest.mark.parametrize("size", [700, 1300])
def test_a_few_small_nuclei_in_a_large_field(size):
    # nothing is as sure as they are, at whatever size it is looked for
    rng = np.random.default_rng(3)
    centres = rng.uniform(20, size - 20, (6, 2))
    image = discs(centres, 4, shape=(size, size), bright=300, noise=25)
    regions, used = learned.locate(torch.from_numpy(image.astype(np.float32)), None, SETTINGS)
    assert len(regions) == 6
    assert distances(regions.centroids, centres).max() < 1
    assert used == pytest.approx(8, rel=0.25)


@pytest.mark.parametrize("expected_px", [6, 18, 60])
def test_what_is_found_does_not_hang_on_what_is_expected(expected_px):
    image = torch.from_numpy(discs(grid(), 9).astype(np.float32))
    alone, alone_px = learned.locate(image, None, SETTINGS)
    found, used_px = learned.locate(image, None, SETTINGS, expected_px)
    assert len(found) == len(alone) == len(grid())
    # an image that was resized by another factor shows them a part of a pixel elsewhere
    assert distances(found.centroids, alone.centroids).max() < 1
    assert used_px == pytest.approx(alone_px, rel=0.1)


def test_debris_that_outshines_everything():
    lumps = np.array([(150.0, 155.0), (40.0, 250.0)])
    centres = np.array([place for place in grid((300, 300), step=30) if distances(lumps, [place])[0] > 35])
    image = discs(centres, 8, shape=(300, 300), bright=300).astype(np.float32)
    image += discs(lumps, 14, shape=(300, 300), background=0, bright=63_000, noise=0)
    regions, _ = learned.locate(torch.from_numpy(image), None, SETTINGS)
    assert distances(regions.centroids, centres).max() < 2


def test_the_table_of_nuclei_says_how_sure_the_detector_is(tmp_path):
    import pandas as pd
    import tifffile

    from napari_mid.cli import main

    tifffile.imwrite(tmp_path / "nuclei.tif", discs(grid(), 9))
    for detector in ("learned", "threshold"):
        assert (
            main(["detect", str(tmp_path / "nuclei.tif"), "--detector", detector, "--out", str(tmp_path / f"{detector}.csv")])
            == 0
        )
    sure = pd.read_csv(tmp_path / "learned.csv")
    assert len(sure) == len(grid())
    assert sure["Nuclei_Confidence"].between(0.5, 1).all()
    assert "Nuclei_Confidence" not in pd.read_csv(tmp_path / "threshold.csv")
