"""Embeddings come back for the same image and settings, and for no others."""

from pathlib import Path

import numpy as np
import pytest

from napari_mid.cells.nuclei import Nuclei
from napari_mid.inference.embedding_cache import EmbeddingCache, EncodedField

FACTS = {"model": "abc", "slice_px": 96, "detection": {"detector": "learned"}}


@pytest.fixture
def encoded() -> EncodedField:
    rng = np.random.default_rng(0)
    nuclei = Nuclei(
        well="A01",
        field=1,
        centroids=rng.uniform(0, 50, (5, 2)),
        area_px=rng.uniform(50, 90, 5),
        mean_intensity=rng.uniform(0, 9, 5),
        detector="learned",
        settings={"detector": "learned", "diameter_px": 14.5},
        confidence=rng.random(5),
        touches_border=rng.random(5) < 0.5,
    )
    return EncodedField(nuclei, rng.normal(size=(5, 8)).astype(np.float32))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 2e-3)])
def test_what_was_put_comes_back(tmp_path: Path, encoded: EncodedField, dtype: str, tolerance: float) -> None:
    cache = EmbeddingCache(tmp_path, dtype)
    cache.put("ab12", encoded)
    found = EmbeddingCache(tmp_path, dtype).get("ab12", "A01", 1)
    assert found is not None
    assert np.abs(found.embeddings - encoded.embeddings).max() <= tolerance
    for name in ("centroids", "area_px", "mean_intensity", "confidence", "touches_border"):
        assert np.array_equal(getattr(found.nuclei, name), getattr(encoded.nuclei, name))
    assert (found.nuclei.well, found.nuclei.field, found.nuclei.detector) == ("A01", 1, "learned")
    assert found.nuclei.settings == encoded.nuclei.settings


def test_a_field_without_nuclei_is_kept_too(tmp_path: Path, encoded: EncodedField) -> None:
    cache = EmbeddingCache(tmp_path)
    none = np.zeros(5, dtype=bool)
    cache.put("cd", EncodedField(encoded.nuclei.only(none), encoded.embeddings[none]))
    found = cache.get("cd", "A01", 1)
    assert found is not None
    assert found.embeddings.shape == (0, 8)


def test_the_key_depends_on_all_that_the_embeddings_do(tmp_path: Path, encoded: EncodedField) -> None:
    cache = EmbeddingCache(tmp_path)
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    changed = image.copy()
    changed[2, 3] += 1
    keys = [
        cache.key([image], None, FACTS),
        cache.key([changed], None, FACTS),
        cache.key([image.astype(np.int32)], None, FACTS),
        cache.key([image.reshape(4, 3)], None, FACTS),
        cache.key([image, image], None, FACTS),
        cache.key([image], encoded.nuclei, FACTS),
        cache.key([image], None, {**FACTS, "slice_px": 48}),
        EmbeddingCache(tmp_path, "float32").key([image], None, FACTS),
    ]
    assert len(set(keys)) == len(keys)
    assert cache.key([image.copy()], None, dict(reversed(FACTS.items()))) == keys[0]


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, encoded: EncodedField, content: bytes) -> None:
    cache = EmbeddingCache(tmp_path)
    assert cache.get("ef", "A01", 1) is None
    cache.put("ef", encoded)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(content or path.read_bytes()[:-3])
    assert cache.get("ef", "A01", 1) is None
    cache.put("ef", encoded)
    assert cache.get("ef", "A01", 1) is not None
