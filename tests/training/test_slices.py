from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mid.training import slices as module
from napari_mid.training.slices import Slices, as_float, stored

RNG = np.random.default_rng(0)
PARTS = [RNG.random((n, 4, 4, 2)).astype(np.float16) for n in (3, 1, 5)]


@given(st.lists(st.integers(0, 8), min_size=1, max_size=20))
@settings(max_examples=30)
def test_cells_come_in_the_order_asked_for(cells: list[int]) -> None:
    read = Slices(PARTS).read(np.array(cells))
    assert torch.equal(read, torch.from_numpy(np.concatenate(PARTS)[cells]).permute(0, 3, 1, 2))
    assert read.is_contiguous(memory_format=torch.channels_last)


def test_more_files_than_are_kept_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_FILES", 1)
    for number, part in enumerate(PARTS):
        np.save(tmp_path / f"{number}.npy", part)
    on_disk = Slices([(tmp_path / f"{number}.npy", len(part)) for number, part in enumerate(PARTS)])
    assert len(on_disk) == 9
    cells = np.array([8, 0, 3, 8, 4, 2])
    for _ in range(2):
        assert torch.equal(on_disk.read(cells), Slices(PARTS).read(cells))


@pytest.mark.parametrize(("slice_type", "error"), [("float16", 1 / 4096), ("uint8", 0.5 / 255)])
def test_what_is_kept_comes_back_as_exact_as_is_said(slice_type: str, error: float) -> None:
    exact = torch.rand(5, 2, 8, 8)
    kept = stored(exact, slice_type)
    assert kept.dtype == slice_type
    back = as_float(Slices([kept]).read(np.arange(5)))
    assert (back - exact).abs().max() <= error + 1e-6
