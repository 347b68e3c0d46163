"""How sensitive camera and lamp are over a field, as smooth functions: images are divided by them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class FlatField(Protocol):
    """The sensitivity over one channel's field; hashable, so that its pixels are computed once."""

    def __hash__(self) -> int: ...

    def profile(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Sensitivity (Y, X) over a field of `shape`, positive, with a mean of 1."""
