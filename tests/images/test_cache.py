from __future__ import annotations

import numpy as np

from napari_mid.images.cache import WellCache
from napari_mid.images.layout import WellLayout
from napari_mid.images.well_images import WellImages


def well(name: str, n_bytes: int = 100) -> WellImages:
    pixels = np.zeros((1, 1, n_bytes), dtype=np.uint8)
    return WellImages("plate", name, {1: pixels}, WellLayout({1: (0, 0)}, {1: (1, n_bytes)}, from_stage=False))


def test_the_well_seen_longest_ago_goes_first() -> None:
    cache = WellCache(250)
    first, second = well("A01"), well("A02")
    cache.put("A01", first)
    cache.put("A02", second)
    assert cache.get("A01") is first
    cache.put("A03", well("A03"))
    assert cache.get("A02") is None
    assert cache.get("A01") is first
    assert cache.nbytes == 200


def test_a_well_larger_than_the_cache_is_not_kept() -> None:
    cache = WellCache(250)
    cache.put("A01", well("A01"))
    cache.put("A02", well("A02", 251))
    assert cache.get("A02") is None
    assert cache.nbytes <= 250


def test_less_memory_takes_effect_at_once() -> None:
    cache = WellCache(250)
    cache.put("A01", well("A01"))
    cache.put("A02", well("A02"))
    cache.max_bytes = 100
    assert cache.get("A01") is None
    assert cache.get("A02") is not None


def test_clear_forgets_all() -> None:
    cache = WellCache(250)
    cache.put("A01", well("A01"))
    cache.clear()
    assert cache.get("A01") is None
    assert cache.nbytes == 0
