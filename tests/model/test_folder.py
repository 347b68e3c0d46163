import json
from pathlib import Path

import pytest
import torch

from napari_mid.errors import ModelError
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.network import MidModel


def test_a_saved_model_comes_back_the_same(small_model: MidModel, tmp_path: Path) -> None:
    save_model(small_model, tmp_path / "model", card="# small\n", metrics={"auroc": 0.5})
    loaded = load_model(tmp_path / "model")
    slices = torch.rand(1, 4, 2, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(slices), small_model(slices))
    assert loaded.config == small_model.config
    assert loaded.card == "# small\n"
    assert len(loaded.hash) == 12
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "card.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]


def test_saving_over_a_model_replaces_it_and_changes_the_hash(small_model: MidModel, tmp_path: Path) -> None:
    save_model(small_model, tmp_path / "model", card="", metrics={})
    before = load_model(tmp_path / "model").hash
    with torch.no_grad():
        small_model.head.bias.add_(1)
    save_model(small_model, tmp_path / "model", card="", metrics={})
    assert load_model(tmp_path / "model").hash != before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("damage", ["no folder", "no weights", "cut weights", "cut config", "unknown key", "other width"])
def test_damaged_model_folders_are_named(small_model: MidModel, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    save_model(small_model, folder, card="", metrics={})
    config, weights = folder / "config.json", folder / "model.safetensors"
    if damage == "no folder":
        folder = tmp_path / "elsewhere"
    elif damage == "no weights":
        weights.unlink()
    elif damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "cut config":
        config.write_text(config.read_text()[:50])
    else:
        content = json.loads(config.read_text())
        content |= {"magic": 1} if damage == "unknown key" else {"width": 32}
        config.write_text(json.dumps(content))
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
