from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from napari_mid.errors import ModelError
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.network import MidModel
from napari_mid.model.reference import fit_reference, read_reference

RNG = np.random.default_rng(0)
MIXING = (np.eye(16) + 0.15 * RNG.normal(size=(16, 16))) * np.geomspace(0.1, 10, 16)


def cloud(n: int, shift: float = 0.0) -> np.ndarray:
    """Embeddings that are correlated and whose columns have very different spreads; `shift` moves the narrowest column."""
    cells = RNG.normal(size=(n, 16)) @ MIXING + 3
    cells[:, 0] += shift
    return cells.astype(np.float32)


def test_distance_is_mahalanobis_and_1_for_a_typical_cell() -> None:
    reference = fit_reference(cloud(5000))
    cells = cloud(200)
    covariance = MIXING.T @ MIXING
    exact = np.sqrt(np.einsum("nd,de,ne->n", cells - 3, np.linalg.inv(covariance), cells - 3))
    assert np.corrcoef(reference.distances(cells), exact)[0, 1] > 0.98
    assert np.median(reference.distances(cells)) == pytest.approx(1, abs=0.05)
    assert (reference.distances(cloud(2000)) > reference.far).mean() == pytest.approx(0.05, abs=0.02)


def test_a_shift_where_training_cells_hardly_differ_is_noticed() -> None:
    reference = fit_reference(cloud(2000))
    assert np.median(reference.distances(cloud(300, shift=1))) > reference.far
    assert np.median(reference.distances(cloud(300, shift=0.1))) < reference.far


def test_unseen_cells_say_what_is_usual() -> None:
    seen, unseen = cloud(300), 2 * (cloud(300) - 3) + 3
    assert fit_reference(seen, unseen).far * 1.5 < fit_reference(seen).far * 2
    assert np.median(fit_reference(seen, unseen).distances(unseen)) == pytest.approx(1, abs=0.01)


def test_few_or_equal_cells_describe_no_cloud() -> None:
    assert fit_reference(cloud(19)) is None
    assert fit_reference(np.ones((50, 16), np.float32)) is None
    # two columns without any spread, and fewer cells than columns
    flat = np.concatenate([RNG.normal(size=(25, 30)), np.ones((25, 2))], axis=1).astype(np.float32)
    assert np.isfinite(fit_reference(flat).distances(flat)).all()


def test_it_travels_with_the_model_and_does_not_change_its_hash(small_model: MidModel, tmp_path: Path) -> None:
    save_model(small_model, tmp_path / "without", card="", metrics={})
    small_model.reference = fit_reference(cloud(400))
    save_model(small_model, tmp_path / "with", card="", metrics={})
    without, with_it = load_model(tmp_path / "without"), load_model(tmp_path / "with")
    assert without.reference is None
    assert with_it.hash == without.hash
    cells = cloud(20)
    np.testing.assert_allclose(with_it.reference.distances(cells), small_model.reference.distances(cells), rtol=1e-4)


@pytest.mark.parametrize("damage", ["cut", "other width", "nan", "lacking"])
def test_a_damaged_file_is_named(small_model: MidModel, tmp_path: Path, damage: str) -> None:
    small_model.reference = fit_reference(cloud(400))
    save_model(small_model, tmp_path / "model", card="", metrics={})
    path = tmp_path / "model" / "reference.safetensors"
    arrays = {"mean": np.zeros(16, np.float32), "whitening": np.eye(16, dtype=np.float32), "quantiles": np.ones(101, np.float32)}
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "lacking":
        save_file({"mean": arrays["mean"]}, path)
    elif damage == "nan":
        save_file(arrays | {"mean": np.full(16, np.nan, np.float32)}, path)
    if damage == "other width":
        with pytest.raises(ModelError, match="length 32"):
            read_reference(path, 32)
    else:
        with pytest.raises(ModelError, match=r"reference\.safetensors"):
            load_model(tmp_path / "model")


def test_the_demo_model_knows_its_training_cells() -> None:
    from napari_mid.model.folder import demo_model_path

    model = load_model(demo_model_path())
    assert model.reference is not None
    assert model.reference.quantiles[50] == pytest.approx(1, abs=1e-3)
    noise = np.random.default_rng(0).random((40, len(model.config.channels), 64, 64), dtype=np.float32)

    with torch.inference_mode():
        distances = model.reference.distances(model.encode(torch.from_numpy(noise)).numpy())
    assert np.median(distances) > model.reference.far
