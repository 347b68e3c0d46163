"""Embeddings come back for the same image and settings, and for no others."""

from pathlib import Path

import numpy as np
import pytest

from napari_mid.inference.embedding_cache import EmbeddingCache

FACTS = {"model": "abc", "slice_px": 96, "detection": {"detector": "learned"}}
RNG = np.random.default_rng(0)
ARRAYS = {
    "embeddings": RNG.normal(size=(5, 8)).astype(np.float32),
    "y": RNG.uniform(0, 50, 5),
    "touches_border": np.array([True, False, False, True, False]),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 2e-3)])
def test_what_was_put_comes_back(tmp_path: Path, dtype: str, tolerance: float) -> None:
    cache = EmbeddingCache(tmp_path, dtype)
    cache.put("ab12", ARRAYS, {"warnings": ["one"]})
    found = EmbeddingCache(tmp_path, dtype).get("ab12")
    assert found is not None
    arrays, facts = found
    assert facts == {"warnings": ["one"]}
    assert arrays["embeddings"].dtype == np.float32
    assert np.abs(arrays["embeddings"] - ARRAYS["embeddings"]).max() <= tolerance
    assert np.array_equal(arrays["embeddings"], cache.rounded(ARRAYS["embeddings"]))
    for name in ("y", "touches_border"):
        assert np.array_equal(arrays[name], ARRAYS[name])


def test_a_well_without_cells_is_kept_too(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put("cd", {name: array[:0] for name, array in ARRAYS.items()}, {})
    found = cache.get("cd")
    assert found is not None
    assert found[0]["embeddings"].shape == (0, 8)


def test_the_key_depends_on_all_that_the_embeddings_do(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    changed = image.copy()
    changed[2, 3] += 1
    keys = [
        cache.key([image], FACTS),
        cache.key([changed], FACTS),
        cache.key([image.astype(np.int32)], FACTS),
        cache.key([image.reshape(4, 3)], FACTS),
        cache.key([image, image], FACTS),
        cache.key([image], {**FACTS, "slice_px": 48}),
        EmbeddingCache(tmp_path, "float32").key([image], FACTS),
    ]
    assert len(set(keys)) == len(keys)
    assert cache.key(iter([image.copy()]), dict(reversed(FACTS.items()))) == keys[0]


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    cache = EmbeddingCache(tmp_path)
    assert cache.get("ef") is None
    cache.put("ef", ARRAYS, FACTS)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(content or path.read_bytes()[:-3])
    assert cache.get("ef") is None
    cache.put("ef", ARRAYS, FACTS)
    assert cache.get("ef") is not None
