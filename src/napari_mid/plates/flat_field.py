"""How sensitive camera and lamp are over a field, as smooth functions: images are divided by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: A profile is nowhere taken as less than this part of its mean: a polynomial may dip below zero in a corner.
FLOOR = 0.05
#: A profile that is somewhere this many times its mean describes no lamp.
PEAK = 10.0
#: Powers of a polynomial beyond this describe noise, not light.
HIGHEST_DEGREE = 12
#: Nor is there a use for larger numbers in it; what they give stays finite.
LARGEST = 1e9


class FlatField(Protocol):
    """The sensitivity over one channel's field; hashable, so that its pixels are computed once."""

    def __hash__(self) -> int: ...

    @property
    def offset(self) -> float:
        """What the camera gives without light, which sensitivity does not change; 0 where it is not known."""

    def profile(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Sensitivity (Y, X) over a field of `shape`, positive, with a mean of 1."""


@dataclass(frozen=True)
class PolynomialFlatField:
    """A sensitivity that is a polynomial of the place in the field.

    Parameters
    ----------
    coefficients
        Row n holds the n + 1 terms of degree n: ``coefficients[n][k]`` belongs to ``x**(n - k) * y**k``.
    dims
        Width and height in pixels of the field that `origin` and `scale` speak of. A field of another size, such as a binned one,
        is taken to show the same place.
    origin
        Column and row where x and y are 0.
    scale
        What x and y grow by from pixel to pixel.
    offset
        See `FlatField`.
    """

    coefficients: tuple[tuple[float, ...], ...]
    dims: tuple[float, float] = (1.0, 1.0)
    origin: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    offset: float = 0.0

    def profile(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Sensitivity (Y, X) over a field of `shape`, positive, with a mean of 1."""
        values = self._values(shape)
        values /= values.mean()
        np.maximum(values, FLOOR, out=values)
        values /= values.mean()
        return np.asarray(values, dtype=np.float32)

    def _values(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """The polynomial (Y, X) as it stands."""
        by_power = np.zeros((len(self.coefficients), len(self.coefficients)))
        for n, terms in enumerate(self.coefficients):
            for k, term in enumerate(terms):
                by_power[k, n - k] = term
        x, y = self._along(0, shape[1]), self._along(1, shape[0])
        return np.asarray(np.polynomial.polynomial.polygrid2d(y, x, by_power), dtype=np.float64)

    def _along(self, axis: int, size: int) -> NDArray[np.float64]:
        pixel = (np.arange(size) + 0.5) / size * self.dims[axis] - 0.5
        return np.asarray((pixel - self.origin[axis]) * self.scale[axis])

    def check(self) -> None:
        """Raise `ValueError`, with the reason, where this describes no sensitivity: the numbers may be damaged."""
        if not 0 < len(self.coefficients) <= HIGHEST_DEGREE + 1:
            raise ValueError(f"it has {len(self.coefficients)} rows of coefficients")
        if any(len(terms) != n + 1 for n, terms in enumerate(self.coefficients)):
            raise ValueError("a row of degree n does not have n + 1 coefficients")
        numbers = [*self.dims, *self.origin, *self.scale, *(term for terms in self.coefficients for term in terms)]
        if not all(abs(number) < LARGEST for number in numbers) or min(self.dims) <= 0:  # nan is not less than anything
            raise ValueError("one of its numbers is out of range")
        # on a coarse grid: this runs while the index is read
        values = self._values((16, 16))
        if not 0 < values.max() < PEAK * values.mean():
            raise ValueError("it describes no lamp: the sensitivity is not positive, or has a steep peak")
