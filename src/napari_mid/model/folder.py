"""A model is a folder: ``config.json``, ``model.safetensors``, ``card.md``, ``metrics.json``. Never pickle.

``reference.safetensors``, which says what the training embeddings looked like, may be there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from napari_mid.errors import ModelError
from napari_mid.files import atomic_folder, write_json
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.ensemble import model_of
from napari_mid.model.network import MidModel
from napari_mid.model.reference import read_reference, write_reference

CONFIG, WEIGHTS, CARD, METRICS = "config.json", "model.safetensors", "card.md", "metrics.json"
REFERENCE = "reference.safetensors"

_DATA = Path(str(resources.files("napari_mid"))) / "data"
#: Models that ship with the package, under the names that commands take for them; they were trained on simulated cells.
DEMO_MODELS: Mapping[str, Path] = {"demo": _DATA / "demo_model", "demo-mitotox": _DATA / "demo_model_mitotox"}


def check_model_path(path: Path) -> None:
    """Refuse to write a model where something else is: a file, or a folder with content that is not a model.

    Raises
    ------
    ModelError
        If `path` may not be replaced.
    """
    if path.is_dir() and ((path / CONFIG).is_file() or not any(path.iterdir())):
        return
    if path.exists():
        raise ModelError(f"{path} is there and is not a model folder, so it is not replaced; give the name of a new folder.")


def save_model(
    model: MidModel, path: Path, *, card: str, metrics: Mapping[str, Any], files: Mapping[str, bytes | Path] | None = None
) -> Path:
    """Write `model` as a folder that appears whole or not at all; gives the folder.

    `files` are further ones, by their path in the folder: their content, or the file to copy.

    Raises
    ------
    ModelError
        If `path` is there and is not a model folder.
    """
    check_model_path(Path(path))
    with atomic_folder(Path(path)) as folder:
        write_json(folder / CONFIG, dataclasses.asdict(model.config))
        # save_file would make a file that only its owner can read
        weights = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
        (folder / WEIGHTS).write_bytes(save(weights))
        (folder / CARD).write_text(card, encoding="utf-8")
        write_json(folder / METRICS, dict(metrics))
        if model.reference is not None:
            write_reference(model.reference, folder / REFERENCE)
        for name, content in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                (folder / name).write_bytes(content)
            else:
                shutil.copyfile(content, folder / name)
    return Path(path)


def load_model(path: str | Path) -> MidModel:
    """Open the model folder at `path`, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        If a file is absent or damaged, or the weights do not fit the config.
    """
    folder = Path(path)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is not a model folder: it has no {name}; napari-mid train makes such folders.")
    config = read_config(folder / CONFIG)
    model = model_of(config)
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{folder / WEIGHTS} does not hold the weights that {CONFIG} describes ({reason}).") from error
    card = folder / CARD
    model.card = card.read_text(encoding="utf-8") if card.is_file() else ""
    model.hash = model_hash(folder)
    if (folder / REFERENCE).is_file():
        model.reference = read_reference(folder / REFERENCE, config.width)
    model.path = folder
    return model.eval()


def read_config(path: Path) -> ModelConfig:
    """Read ``config.json``; keys that this version does not know are an error, since they could change the score."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["classes"] = tuple(content["classes"])
        content["channels"] = tuple(ModelChannel(**channel) for channel in content["channels"])
        return ModelConfig(**content)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is not the config of a MID model ({' '.join(str(error).split())}).") from error


def model_hash(folder: Path) -> str:
    """First 12 hex digits of the SHA-256 of the weights and the config: the same number is the same model."""
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def demo_model_path(name: str = "demo") -> Path:
    """The folder of a model that ships with the package, one of `DEMO_MODELS`."""
    return DEMO_MODELS[name]


def model_path(path: str | Path) -> Path:
    """`path`, or the folder of the model that ships with the package where `path` is its name."""
    return DEMO_MODELS.get(str(path), Path(path))
