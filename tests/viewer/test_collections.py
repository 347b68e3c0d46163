"""What is loaded once is not looked through at every change of the well."""

import gc
from collections.abc import Iterator

import pytest

from napari_mid.viewer import compat
from napari_mid.viewer.compat import spare_collections


@pytest.fixture
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()  # as the other tests have it


def test_what_is_loaded_is_spared_once_on_an_occasion(thawed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "_spared", set())
    kept = [[] for _ in range(1000)]
    spare_collections("model")
    frozen = gc.get_freeze_count()
    assert frozen >= len(kept)
    more = [[] for _ in range(1000)]
    spare_collections("model")
    assert gc.get_freeze_count() <= frozen  # what came later is collected as ever
    spare_collections("report")
    assert gc.get_freeze_count() >= frozen + len(more) // 2


def test_what_others_froze_is_left_to_them(thawed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "_spared", set())
    gc.freeze()
    frozen, more = gc.get_freeze_count(), [[] for _ in range(1000)]
    spare_collections("model")
    assert gc.get_freeze_count() <= frozen
    assert more
