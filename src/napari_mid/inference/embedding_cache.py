"""Embeddings kept on disk, so that whatever is asked of the same cells later does not touch the encoder again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.files import atomic_path

DTYPES = ("float16", "float32")
#: Part of every key: raise it where the meaning of a file or of an embedding changes.
VERSION = 1
#: What of `Nuclei` is kept per nucleus.
PER_NUCLEUS = ("centroids", "area_px", "mean_intensity", "confidence", "touches_border")


@dataclass(frozen=True)
class EncodedField:
    """The nuclei of a field and their embeddings (N, D) float32."""

    nuclei: Nuclei
    embeddings: NDArray[np.float32]


class EmbeddingCache:
    """A folder with a safetensors file per field.

    The key of a field is a SHA-256 of all that its embeddings depend on: the pixels, the model, how nuclei are located and slices
    are cut. A changed image or setting has another key, so that nothing stale is ever read; a damaged file counts as absent.

    Parameters
    ----------
    folder
        Made where it does not exist.
    dtype
        ``"float16"`` halves the size and changes scores by less than 0.001; ``"float32"`` changes nothing.
    """

    def __init__(self, folder: Path, dtype: str = "float16") -> None:
        if dtype not in DTYPES:
            raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
        self.folder = Path(folder)
        self.dtype = dtype

    def key(self, pixels: list[NDArray[Any]], nuclei: Nuclei | None, facts: Mapping[str, Any]) -> str:
        """The key of a field from its images, its nuclei where they are given, and the settings in `facts` (JSON)."""
        digest = hashlib.sha256(json.dumps([VERSION, self.dtype, facts], sort_keys=True, default=str).encode())
        for image in pixels:
            digest.update(f"{image.shape}{image.dtype.str}".encode())
            digest.update(np.ascontiguousarray(image).data)
        if nuclei is not None:
            digest.update(np.ascontiguousarray(nuclei.centroids).data)
        return digest.hexdigest()

    def get(self, key: str, well: str, field: int) -> EncodedField | None:
        """What is kept under `key`, as the nuclei of `field` of `well`; None where nothing is."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path(key), framework="np") as file:
                facts = json.loads(file.metadata()["facts"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
            embeddings = arrays.pop("embeddings").astype(np.float32)
            nuclei = Nuclei(well=well, field=field, detector=facts["detector"], settings=facts["settings"], **arrays)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return EncodedField(nuclei, embeddings) if len(embeddings) == len(nuclei) else None

    def put(self, key: str, encoded: EncodedField) -> None:
        """Keep `encoded` under `key`."""
        from safetensors.numpy import save

        nuclei = encoded.nuclei
        arrays = {name: np.ascontiguousarray(value) for name in PER_NUCLEUS if (value := getattr(nuclei, name)) is not None}
        arrays["embeddings"] = np.ascontiguousarray(encoded.embeddings.astype(self.dtype))
        facts = json.dumps({"detector": nuclei.detector, "settings": dict(nuclei.settings)}, default=str)
        with atomic_path(self._path(key)) as path:
            path.write_bytes(save(arrays, metadata={"facts": facts}))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"
