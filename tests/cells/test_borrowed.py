"""Detectors of other packages, with stand-ins that have their interface: neither the packages nor their weights are here."""

from __future__ import annotations

import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_mid.cells.borrowed import regions_of
from napari_mid.cells.detectors import available, cellpose, detect_field, detector_names, stardist
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cli.main import main
from napari_mid.errors import ModelError, SettingsError

from .drawing import discs, distances, grid

CPU = torch.device("cpu")


def labels_of(image):
    return ndimage.label(image > (image.min() + image.max()) / 2)[0].astype(np.int32)


class StarDist2D:
    """As of StarDist 0.9.2."""

    calls: list = []  # noqa: RUF012
    thresholds = SimpleNamespace(prob=0.48, nms=0.3)

    @classmethod
    def from_pretrained(cls, name_or_alias=None):
        sys.stdout.write(f"Found model '{name_or_alias}' for 'StarDist2D'.\n")
        return cls() if name_or_alias == "2D_versatile_fluo" else None

    def predict_instances(self, img, *, scale=None, prob_thresh=None, n_tiles=None, show_tile_progress=True):
        assert img.ndim == 2
        self.calls.append({"scale": scale, "prob_thresh": prob_thresh, "n_tiles": n_tiles, "low": img.min(), "high": img.max()})
        labels = labels_of(img)
        n = labels.max()
        # the last one is hidden by another
        return np.where(labels == n, 0, labels), {"prob": np.linspace(0.9, 0.5, n), "points": np.zeros((n, 2))}


class CellposeModel:
    """As of Cellpose 4.2."""

    calls: list = []  # noqa: RUF012

    def __init__(self, gpu=False, pretrained_model="cpsam_v2", device=None):
        assert isinstance(device, torch.device)

    def eval(self, x, diameter=None, cellprob_threshold=0.0):
        self.calls.append({"diameter": diameter, "cellprob_threshold": cellprob_threshold})
        labels = labels_of(x).astype(np.uint16)
        return labels, [np.zeros((*x.shape, 3)), np.zeros((2, *x.shape)), np.where(labels > 0, 2.0, -5.0)], np.zeros(256)


@pytest.fixture(autouse=True)
def _fresh():
    yield
    stardist._model.cache_clear()
    cellpose._model.cache_clear()


@pytest.fixture
def packages(monkeypatch):
    for name, model in (("stardist", StarDist2D), ("cellpose", CellposeModel)):
        whole, models = types.ModuleType(name), types.ModuleType(f"{name}.models")
        setattr(models, model.__name__, model)
        monkeypatch.setitem(sys.modules, name, whole)
        monkeypatch.setitem(sys.modules, f"{name}.models", models)
        monkeypatch.setattr(model, "calls", [])


def detect(image, detector, **settings):
    chosen = DetectionSettings(detector, **settings)
    return detect_field(image, well="B03", field=1, settings=chosen, device=CPU, masks=True, outlines=True)


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(("detector", "lost"), [("stardist", 1), ("cellpose", 0)])
def test_their_labels_become_nuclei(detector, lost, capsys):
    image = discs(grid(), 9)
    nuclei = detect(image, detector)
    assert len(nuclei) == len(grid()) - lost
    assert distances(grid(), nuclei.centroids).max() < 0.5
    np.testing.assert_allclose(nuclei.diameter_px, 18, atol=1)
    np.testing.assert_allclose(nuclei.mean_intensity, 1050, rtol=0.1)
    assert nuclei.masks.max() == len(nuclei)
    assert not nuclei.touches_border.any()
    assert nuclei.settings["diameter_px"] == pytest.approx(18, abs=1)
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("packages")
def test_stardist_is_given_what_it_needs():
    nuclei = detect(discs(grid(), 9), "stardist")
    assert nuclei.confidence[0] == 0.9
    assert StarDist2D.calls[0] | {"low": 0, "high": 0} == {
        "scale": 1,
        "prob_thresh": 0.48,
        "n_tiles": (1, 1),
        "low": 0,
        "high": 0,
    }
    assert -1 < StarDist2D.calls[0]["low"] < 0 < 1 < StarDist2D.calls[0]["high"] < 2
    detect(discs(grid(), 9), "stardist", diameter_px=12, sensitivity=2)
    assert StarDist2D.calls[1]["scale"] == 2
    assert StarDist2D.calls[1]["prob_thresh"] == 0.24
    detect(np.pad(discs(grid(), 9), ((0, 2000), (0, 0))), "stardist")
    assert StarDist2D.calls[2]["n_tiles"] == (2, 1)


@pytest.mark.usefixtures("packages")
def test_cellpose_is_given_what_it_needs():
    nuclei = detect(discs(grid(), 9), "cellpose")
    np.testing.assert_allclose(nuclei.confidence, 1 / (1 + np.exp(-2)))
    assert CellposeModel.calls == [{"diameter": None, "cellprob_threshold": 0}]
    detect(discs(grid(), 9), "cellpose", diameter_px=17, sensitivity=2)
    assert CellposeModel.calls[1]["diameter"] == 17
    assert CellposeModel.calls[1]["cellprob_threshold"] == pytest.approx(-np.log(2))


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("detector", ["stardist", "cellpose"])
@pytest.mark.parametrize("value", [0, 7.5, np.nan])
def test_flat_images_are_not_given_to_them(detector, value):
    assert len(detect(np.full((40, 50), value), detector)) == 0
    assert StarDist2D.calls == CellposeModel.calls == []


@pytest.mark.parametrize("detector", ["stardist", "cellpose"])
def test_a_package_that_is_absent_is_told_how_to_get(detector, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, detector, None)
    monkeypatch.setitem(sys.modules, f"{detector}.models", None)
    with pytest.raises(SettingsError, match=rf'pip install "napari-mid\[{detector}\]"'):
        detect(discs(grid(), 9), detector)
    import tifffile

    tifffile.imwrite(tmp_path / "one.tif", discs(grid(), 9))
    assert main(["detect", str(tmp_path / "one.tif"), "--out", str(tmp_path / "n.csv"), "--detector", detector]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("detector", "model", "name"), [("stardist", StarDist2D, "from_pretrained"), ("cellpose", CellposeModel, "__init__")]
)
def test_weights_that_cannot_be_downloaded_are_told(detector, model, name, monkeypatch):
    def refused(*args, **kwargs):
        raise OSError("<urlopen error [Errno -2]\n Name or service not known>")

    monkeypatch.setattr(model, name, refused)
    with pytest.raises(ModelError, match="Name or service not known") as error:
        detect(discs(grid(), 9), detector)
    assert len(str(error.value).splitlines()) == 1
    assert "internet" in str(error.value)


@pytest.mark.usefixtures("packages")
def test_weights_that_stardist_does_not_know_are_told(monkeypatch):
    monkeypatch.setattr(stardist, "WEIGHTS", "other")
    with pytest.raises(ModelError, match="no other"):
        detect(discs(grid(), 9), "stardist")


def test_only_what_is_installed_is_available(monkeypatch):
    import napari_mid.cells.detectors as detectors

    assert {"cellpose", "stardist"} <= set(detector_names())
    assert {"learned", "threshold", "blob"} <= set(available())
    there = {"stardist"}
    monkeypatch.setattr(detectors.importlib.util, "find_spec", lambda name: object() if name in there else None)
    assert "stardist" not in available()
    there.add("tensorflow")
    assert "stardist" in available()


def test_labels_with_gaps_and_at_the_border():
    labels = np.zeros((20, 30), np.uint16)
    labels[0:4, 5:9], labels[10:14, 10:16] = 2, 5
    image = torch.arange(600, dtype=torch.float32).reshape(20, 30)
    regions = regions_of(labels, image, np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    np.testing.assert_allclose(regions.centroids, [(1.5, 6.5), (11.5, 12.5)])
    assert regions.area_px.tolist() == [16, 24]
    assert regions.confidence.tolist() == [0.2, 0.5]
    np.testing.assert_allclose(regions.mean_intensity, [1.5 * 30 + 6.5, 11.5 * 30 + 12.5])
    assert regions.touches_border((20, 30)).tolist() == [True, False]
    assert np.unique(regions.masks((20, 30))).tolist() == [0, 1, 2]
    assert len(regions_of(np.zeros((5, 6), np.int32), torch.zeros(5, 6))) == 0
