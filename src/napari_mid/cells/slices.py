"""Slices: square crops around the nuclei, cut on the device from whole fields (mid.md, section 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch

NORMALISATIONS = ("plate", "per_slice")

#: Slices cut at a time by `slice_batches`: 512 slices of 3 x 96 x 96 float32 are 57 MB.
BATCH_SLICES = 512


def slice_corners(centroids: ArrayLike, size_px: int) -> NDArray[np.int64]:
    """The (N, 2) top left pixels (y, x) of the slices; pixel ``(size_px // 2, size_px // 2)`` is the one nearest the centroid.

    A centroid halfway between two pixels belongs to the higher one.
    """
    points = np.asarray(centroids, dtype=np.float64).reshape(-1, 2)
    corners: NDArray[np.int64] = np.floor(points + 0.5).astype(np.int64) - size_px // 2
    return corners


def touches_border(centroids: ArrayLike, size_px: int, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Whether the slice of each centroid leaves a field of `shape` (..., Y, X), as (N,) bool."""
    corners = slice_corners(centroids, size_px)
    leaves = (corners < 0) | (corners + size_px > np.asarray(shape[-2:]))
    return np.logical_or(leaves[:, 0], leaves[:, 1])


def cut_slices(
    image: torch.Tensor,
    centroids: ArrayLike,
    size_px: int,
    low: Sequence[float],
    high: Sequence[float],
    normalisation: str = "plate",
) -> torch.Tensor:
    """Cut a slice around every centroid, on the device of `image`.

    Parameters
    ----------
    image
        (C, Y, X), any type, raw intensities of one field. What is not a finite number counts as 0.
    centroids
        (N, 2), (y, x) in pixels of the field; N may be 0, points may lie outside the field.
    size_px
        Edge S of a slice in pixels.
    low, high
        Raw intensities per channel that become 0 and 1; not used by ``"per_slice"``.
    normalisation
        ``"plate"``: with `low` and `high`, so absolute intensity is kept. ``"per_slice"``: every slice and channel from its own
        minimum to its own maximum inside the field; a slice of one value becomes 0.

    Returns
    -------
    torch.Tensor
        (N, C, S, S) float32 in [0, 1]; pixels outside the field are 0.
    """
    import torch

    batches = list(slice_batches(image, centroids, size_px, low, high, normalisation))
    return torch.cat(batches) if batches else image.new_empty((0, image.shape[0], size_px, size_px), dtype=torch.float32)


def slice_batches(
    image: torch.Tensor,
    centroids: ArrayLike,
    size_px: int,
    low: Sequence[float],
    high: Sequence[float],
    normalisation: str = "plate",
    batch_slices: int = BATCH_SLICES,
) -> Iterator[torch.Tensor]:
    """Cut like `cut_slices`, at most `batch_slices` at a time, in the order of the centroids; the field is normalised once."""
    field = FieldSlices(image, centroids, size_px, low, high, normalisation)
    for start in range(0, len(field), batch_slices):
        yield field.cut(start, start + batch_slices)


class FieldSlices:
    """A field made ready to cut slices from, and where to cut; the parameters are those of `cut_slices`.

    Slices of several parts of it may be cut at the same time.
    """

    def __init__(
        self,
        image: torch.Tensor,
        centroids: ArrayLike,
        size_px: int,
        low: Sequence[float],
        high: Sequence[float],
        normalisation: str = "plate",
    ) -> None:
        import torch

        if normalisation not in NORMALISATIONS:
            raise ValueError(f"normalisation is {normalisation!r}, expected one of {', '.join(NORMALISATIONS)}")
        _, height, width = image.shape
        # torch has few operations on uint16, but it converts it; float32 holds every 16-bit value exactly
        field = image.to(torch.float32)
        if image.dtype.is_floating_point:  # this also makes a copy, which is changed below
            field = torch.nan_to_num(field, nan=0.0, posinf=0.0, neginf=0.0)
        if normalisation == "plate":
            field = _normalise(field, low, high)
        self._size_px = size_px
        self._padded = _margin(field, size_px)
        self._inside = None if normalisation == "plate" else _margin(torch.ones_like(field[:1], dtype=torch.bool), size_px)
        # a slice wholly outside the field is moved to where the padding is as wide as the slice: it stays empty
        self._corners = np.clip(slice_corners(centroids, size_px), -size_px, [height, width]) + size_px

    def __len__(self) -> int:
        return len(self._corners)

    def cut(self, start: int, stop: int) -> torch.Tensor:
        """The slices (M, C, S, S) float32 of the centroids from `start` to before `stop`, or to the last one."""
        corners = self._corners[start:stop]
        slices = _cut(self._padded, corners, self._size_px)
        return slices if self._inside is None else _stretch(slices, _cut(self._inside, corners, self._size_px))


def _margin(field: torch.Tensor, size_px: int) -> torch.Tensor:
    """(C, Y, X) with a margin of zeros, as (Y + 2 S, X + 2 S, C): what belongs to a slice then lies together."""
    channels, height, width = field.shape
    padded = field.new_zeros((height + 2 * size_px, width + 2 * size_px, channels))
    padded[size_px : size_px + height, size_px : size_px + width] = field.permute(1, 2, 0)
    return padded


def _cut(padded: torch.Tensor, corners: NDArray[np.int64], size_px: int) -> torch.Tensor:
    """The slices (N, C, S, S) at `corners` (N, 2), channels last in memory."""
    import torch

    if padded.device.type == "cpu":  # copying rows is several times as fast as picking pixels
        found = torch.stack([padded[y : y + size_px, x : x + size_px] for y, x in corners.tolist()])
    else:
        offsets = torch.arange(size_px, device=padded.device)
        places = torch.as_tensor(corners, device=padded.device)
        found = padded[(places[:, :1] + offsets)[:, :, None], (places[:, 1:] + offsets)[:, None, :]]
    return found.permute(0, 3, 1, 2)


def _normalise(field: torch.Tensor, low: Sequence[float], high: Sequence[float]) -> torch.Tensor:
    """Map `low` to 0 and `high` to 1 per channel of (C, Y, X), cut off outside; in place, since fields are large."""
    import torch

    if len(low) != len(field) or len(high) != len(field):
        raise ValueError(f"low has {len(low)} and high {len(high)} values, expected one for each of {len(field)} channels")
    lows: NDArray[Any] = np.asarray(low, dtype=np.float32)[:, None, None]
    spans: NDArray[Any] = np.maximum(np.asarray(high, dtype=np.float32)[:, None, None] - lows, np.finfo(np.float32).tiny)
    zero, span = torch.as_tensor(lows, device=field.device), torch.as_tensor(spans, device=field.device)
    return field.sub_(zero).div_(span).clamp_(0, 1)


def _stretch(slices: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Min-max scale every plane of (N, C, S, S) over the pixels where (N, 1, S, S) `inside` is true; the others become 0."""
    import torch

    smallest = torch.where(inside, slices, torch.inf).amin(dim=(2, 3), keepdim=True)
    span = torch.where(inside, slices, -torch.inf).amax(dim=(2, 3), keepdim=True) - smallest
    # `~(span > 0)` is also true for slices with no pixel inside, where the span is not a number
    flat = ~(span > 0)
    return torch.where(inside & ~flat, (slices - smallest) / torch.where(flat, 1.0, span), 0.0).clamp_(0, 1)
