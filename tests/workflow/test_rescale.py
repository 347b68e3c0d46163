from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_mid.errors import ModelError
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.workflow.contract import fit
from napari_mid.workflow.resampling import resampled
from napari_mid.workflow.score_well import score_well

RESCALE = ScoringSettings(rescale=True)


@pytest.fixture
def plate(disc_plate: Path) -> Plate:
    plate = open_plate(disc_plate)
    return plate.with_roles(dict(zip(plate.channel_names, ("nucleus", "ros"), strict=True)))


def with_pixel_size(model: MidModel, pixel_size_um: float) -> MidModel:
    other = MidModel(dataclasses.replace(model.config, pixel_size_um=pixel_size_um)).eval()
    other.load_state_dict(model.state_dict())
    return other


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
def test_what_lies_on_a_field_moves_with_it(scale: float) -> None:
    yy, xx = np.mgrid[:90, :120]
    centroids = np.array([[30.0, 40.0], [60.5, 90.25]])
    blobs = sum(np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / 50) for y, x in centroids)
    field, moved = resampled(torch.from_numpy(np.stack([1000 * blobs]).astype(np.uint16)), centroids, scale)
    assert field.shape == (1, round(90 * scale), round(120 * scale))
    ny, nx = np.mgrid[: field.shape[1], : field.shape[2]]
    for y, x in moved:
        near = (ny - y) ** 2 + (nx - x) ** 2 < (15 * scale) ** 2
        light = field[0].double().numpy() * near
        assert (ny * light).sum() / light.sum() == pytest.approx(y, abs=0.3)
        assert (nx * light).sum() / light.sum() == pytest.approx(x, abs=0.3)


def test_a_plate_of_other_pixels_scores_like_the_same_one(
    plate: Plate, disc_plate: Path, small_model: MidModel, tmp_path: Path
) -> None:
    """Every pixel drawn as four: rescaled, the cells look as they did; as they are, they do not."""
    large = tmp_path / "large"
    large.mkdir()
    for path in disc_plate.glob("*.tif"):
        tifffile.imwrite(large / path.name, np.kron(tifffile.imread(path), np.ones((2, 2), np.uint16)))
    finer = open_plate(large)
    finer = finer.with_roles(dict(zip(finer.channel_names, ("nucleus", "ros"), strict=True)))
    finer = dataclasses.replace(finer, pixel_size_um=0.5)
    model = with_pixel_size(small_model, 1.0)
    same = score_well(plate["A1"], model)
    rescaled = score_well(finer["A1"], model, settings=RESCALE)
    as_it_is = score_well(finer["A1"], model)
    difference = np.abs(rescaled.embeddings - same.embeddings).mean()
    assert difference < 0.3 * np.abs(as_it_is.embeddings - same.embeddings).mean()
    assert rescaled.settings["scoring"]["rescale"] is True
    assert any("resampled from 0.5 to 1 µm" in warning for warning in rescaled.warnings)
    assert any("cells look 2 times as large" in warning for warning in as_it_is.warnings)
    # places stay those of the plate's own pixels
    np.testing.assert_allclose(rescaled.cells["Nuclei_Location_Center_X"], as_it_is.cells["Nuclei_Location_Center_X"], atol=1e-6)


def test_unknown_pixel_sizes_are_not_guessed(plate: Plate, small_model: MidModel) -> None:
    with pytest.raises(ModelError, match="pixel size of plate"):
        fit(plate, with_pixel_size(small_model, 1.0), rescale=True)
    known = dataclasses.replace(plate, pixel_size_um=0.5)
    with pytest.raises(ModelError, match="pixel size of the model"):
        fit(known, small_model, rescale=True)


def test_fewer_bits_than_in_training_are_said(plate: Plate, small_model: MidModel) -> None:
    deep = MidModel(dataclasses.replace(small_model.config, bit_depth=32)).eval()
    assert any("16 bits a pixel" in warning for warning in score_well(plate["A1"], deep).warnings)
    assert not any("bits a pixel" in warning for warning in score_well(plate["A1"], small_model).warnings)


def test_the_gallery_of_a_report_shows_what_the_model_saw(
    plate: Plate, small_model: MidModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_mid.reports.settings import ReportSettings
    from napari_mid.workflow import encode_well, report, report_pictures

    plate = dataclasses.replace(plate, pixel_size_um=0.5)
    model = with_pixel_size(small_model, 1.0)
    seen: list[torch.Tensor] = []
    cut = encode_well.FieldSlices.cut
    monkeypatch.setattr(encode_well.FieldSlices, "cut", lambda *args: seen.append(cut(*args)) or seen[-1])
    shown: dict[str, object] = {}
    draw = report_pictures.gallery_figure
    monkeypatch.setattr(
        report_pictures,
        "gallery_figure",
        lambda columns, *args, **rest: shown.update(rest, columns=columns) or draw(columns, *args, **rest),
    )
    steps = report.report_steps(
        plate, [plate["A1"]], model, tmp_path, settings=ReportSettings(gallery_rows=2, pdf=False), scoring=RESCALE
    )
    finish(steps)
    read = torch.cat(seen).numpy()
    for column in shown["columns"]:
        for one in column.slices:
            assert np.abs(read - one).max(axis=(1, 2, 3)).min() < 1e-6
    assert shown["pixel_size_um"] == pytest.approx(1.0)
