"""What is loaded once is not looked through at every change of the well."""

import gc
from collections.abc import Iterator

import pytest

from napari_mid.viewer.compat import spare_collections


@pytest.fixture
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()  # as the other tests have it


def test_what_is_loaded_is_spared_once(thawed: None) -> None:
    kept = [[] for _ in range(1000)]
    spare_collections()
    frozen = gc.get_freeze_count()
    assert frozen >= len(kept)
    more = [[] for _ in range(1000)]
    spare_collections()
    assert gc.get_freeze_count() <= frozen  # what came later is collected as ever
    assert more
