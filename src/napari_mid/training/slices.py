"""The slices that a model learns from: in memory or in files, read a few at a time in any order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Files that are kept open at once; a plate has 384 wells or more, and a process may open some 1000 files.
OPEN_FILES = 256

#: The slices of a well (N, S, S, C), float16 from 0 to 1 or uint8 from 0 to 255; or the ``.npy`` file that holds them, and N.
Part = NDArray[Any] | tuple[Path, int]


class Slices:
    """Slices of several wells, numbered through.

    They lie channels last, as the network computes, so that nothing is rearranged on the way to it. Files are mapped into memory:
    what does not fit is read again when it is wanted.

    Parameters
    ----------
    parts
        One for each well, all of the same shape but for the number of cells.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self._ends = np.cumsum([len(part) if isinstance(part, np.ndarray) else part[1] for part in parts], dtype=np.int64)
        self._mapped = lru_cache(OPEN_FILES)(_mapped)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, cells: NDArray[np.int64]) -> Tensor:
        """The slices (N, C, S, S) of the `cells` (N,), N >= 1, channels last in memory, on the CPU, as they are kept."""
        of_part = np.searchsorted(self._ends, cells, side="right")
        found: NDArray[Any] | None = None
        for number in np.unique(of_part).tolist():
            here = np.flatnonzero(of_part == number)
            part = self._part(number)
            if found is None:
                found = np.empty((len(cells), *part.shape[1:]), dtype=part.dtype)
            # in the order of the file: a disk reads forwards
            here = here[np.argsort(cells[here], kind="stable")]
            found[here] = part[cells[here] - (self._ends[number] - self._length(number))]
        if found is None:
            raise ValueError("no cells were asked for")
        return torch.from_numpy(found).permute(0, 3, 1, 2)

    def _length(self, number: int) -> int:
        return int(self._ends[number] - (self._ends[number - 1] if number else 0))

    def _part(self, number: int) -> NDArray[Any]:
        part = self._parts[number]
        return part if isinstance(part, np.ndarray) else self._mapped(part[0])


def stored(slices: Tensor, slice_type: str) -> NDArray[Any]:
    """Slices (N, C, S, S) from 0 to 1 as they are kept: (N, S, S, C) of `slice_type`."""
    last = slices.permute(0, 2, 3, 1)
    kept = (last * 255).round().to(torch.uint8) if slice_type == "uint8" else last.half()
    found: NDArray[Any] = kept.contiguous().cpu().numpy()
    return found


def as_float(slices: Tensor) -> Tensor:
    """Slices as they are kept, as float32 from 0 to 1."""
    return slices.float().div_(255) if slices.dtype == torch.uint8 else slices.float()


def _mapped(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array
