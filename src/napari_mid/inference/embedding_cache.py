"""Embeddings kept on disk, so that whatever is asked of the same cells later does not touch the encoder again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.files import atomic_path

DTYPES = ("float16", "float32")
EMBEDDINGS = "embeddings"
#: Part of every key: raise it where the meaning of a file or of an embedding changes.
VERSION = 1


class EmbeddingCache:
    """A folder with a safetensors file per well.

    The key of a well is a SHA-256 of all that its embeddings depend on: the pixels, the model, how nuclei are located and slices
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

    def key(self, arrays: Iterable[NDArray[Any]], facts: Mapping[str, Any]) -> str:
        """The key for `arrays` (images, given nuclei), taken one after the other, and the settings in `facts` (JSON)."""
        digest = hashlib.sha256(json.dumps([VERSION, self.dtype, facts], sort_keys=True, default=str).encode())
        for array in arrays:
            digest.update(f"{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def rounded(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """The embeddings as they come back from the disk, so that the first run gives the scores of the later ones."""
        return embeddings.astype(self.dtype).astype(np.float32)

    def get(self, key: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """The arrays, among them ``"embeddings"`` as float32, and the facts kept under `key`; None where nothing is."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path(key), framework="np") as file:
                facts: dict[str, Any] = json.loads(file.metadata()["facts"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
            arrays[EMBEDDINGS] = arrays[EMBEDDINGS].astype(np.float32)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        whole = all(len(array) == len(arrays[EMBEDDINGS]) for array in arrays.values())
        return (arrays, facts) if whole else None

    def put(self, key: str, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
        """Keep `arrays`, all with a row per cell, and `facts` (JSON) under `key`."""
        from safetensors.numpy import save

        kept = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        kept[EMBEDDINGS] = kept[EMBEDDINGS].astype(self.dtype)
        with atomic_path(self._path(key)) as path:
            path.write_bytes(save(kept, metadata={"facts": json.dumps(facts, default=str)}))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"
