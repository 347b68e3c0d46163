"""Nuclei that somebody else located: a label image or points, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_mid.cells.nuclei import Nuclei, discs_touch_border

LABELS, POINTS = "labels layer", "points layer"


def nuclei_from_labels(
    labels: NDArray[Any], image: NDArray[Any] | None, *, well: str, field: int, outlines: bool = False
) -> Nuclei:
    """The centre, area and brightness of every label.

    Parameters
    ----------
    labels
        (Y, X) whole numbers; 0 is background, a label may be in several pieces.
    image
        (Y, X), the nucleus channel, for the mean intensities; they are NaN where None.
    well, field
        The key of the result.
    outlines
        Whether the result has them, too.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or (image is not None and image.shape != labels.shape):
        shape = "" if image is None else f" and its image {image.shape}"
        raise ValueError(f"labels are {labels.shape}{shape}, expected (Y, X), both the same")
    rows, columns = np.nonzero(labels)
    names, inverse = np.unique(labels[rows, columns], return_inverse=True)
    area = np.bincount(inverse, minlength=len(names)).astype(np.float64)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        total = np.bincount(inverse, weights=values.astype(np.float64), minlength=len(names))
        return np.divide(total, area, dtype=np.float64)

    centroids = np.stack([mean(rows), mean(columns)], axis=1)
    at_border = (rows == 0) | (rows == labels.shape[0] - 1) | (columns == 0) | (columns == labels.shape[1] - 1)
    touches_border = np.zeros(len(names), dtype=bool)
    touches_border[inverse[at_border]] = True
    return Nuclei(
        well=well,
        field=field,
        centroids=centroids,
        area_px=area,
        mean_intensity=np.full(len(names), np.nan) if image is None else mean(image[rows, columns]),
        detector=LABELS,
        touches_border=touches_border,
        outlines=_outlines(labels.shape, rows, columns, inverse, centroids, area) if outlines else None,
    )


def _outlines(
    shape: tuple[int, ...],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    inverse: NDArray[np.int64],
    centroids: NDArray[np.float64],
    area_px: NDArray[np.float64],
) -> NDArray[np.float32]:
    import torch

    from napari_mid.cells.label_map import LabelMap
    from napari_mid.cells.outlines import traced

    numbered = np.zeros(shape, dtype=np.int32)
    numbered[rows, columns] = inverse + 1
    return traced(LabelMap.numbered(torch.from_numpy(numbered), len(area_px)), centroids, area_px)


def nuclei_from_points(
    points: ArrayLike, *, well: str, field: int, shape: Sequence[int] | None = None, diameter_px: float | None = None
) -> Nuclei:
    """A nucleus at every point; area and brightness are unknown.

    Parameters
    ----------
    points
        (N, 2), (y, x) in pixels of the field. Points that are not numbers are left out.
    well, field
        The key of the result.
    shape
        (Y, X) of the field: points outside it are left out as well.
    diameter_px
        Of a typical nucleus: with it and `shape`, those within half of it of the border are said to touch it. Without both,
        ``touches_border`` is None.

    Returns
    -------
    Nuclei
        ``settings["points_left_out"]`` says how many were left out.
    """
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    keep = np.isfinite(places).all(axis=1)
    if shape is not None:
        keep &= (places >= -0.5).all(axis=1) & (places < np.asarray(shape[-2:]) - 0.5).all(axis=1)
    unknown = np.full(int(keep.sum()), np.nan)
    return Nuclei(
        well=well,
        field=field,
        centroids=places[keep],
        area_px=unknown,
        mean_intensity=unknown.copy(),
        detector=POINTS,
        settings={"points_left_out": int((~keep).sum())},
        touches_border=discs_touch_border(places[keep], diameter_px, shape) if shape is not None and diameter_px else None,
    )
