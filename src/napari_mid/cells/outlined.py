"""Which outline belongs to which cell: nuclei whose outlines are known, matched by place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.slices import slice_corners

#: A nucleus is the same where its centre is within this part of its diameter: looked for with other settings it moves a little.
SAME = 0.25
#: Vertices of an outline where none is known.
FEWEST_VERTICES = 3


def have_outlines(nuclei: Mapping[int, Nuclei] | None) -> bool:
    """Whether the outline of any nucleus of a well is known."""
    return any(found.outlines is not None and len(found) > 0 for found in (nuclei or {}).values())


def outlines_at(outlined: Mapping[int, Nuclei], fields: NDArray[np.int64], centroids: NDArray[np.float64]) -> NDArray[np.float32]:
    """The outlines of cells.

    Parameters
    ----------
    outlined
        Nuclei of the well by field; those without outlines are passed over.
    fields, centroids
        (N,) and (N, 2), field and (y, x) in pixels of the field of each cell.

    Returns
    -------
    NDArray
        (N, K, 2) float32, (y, x) in pixels of the field; NaN for cells whose outline is not known.
    """
    from scipy.spatial import KDTree

    vertices = [found.outlines.shape[1] for found in outlined.values() if found.outlines is not None]
    outlines = np.full((len(centroids), max(vertices, default=FEWEST_VERTICES), 2), np.nan, dtype=np.float32)
    for number, found in outlined.items():
        rows = np.flatnonzero((fields == number) & np.isfinite(centroids).all(axis=1))
        if found.outlines is None or not len(found) or not len(rows):
            continue
        distance, nearest = KDTree(found.centroids).query(centroids[rows])
        same = distance <= np.nan_to_num(SAME * found.diameter_px[nearest])
        # fields of one detector have as many vertices; others are repeated at the end, which closes the same polygon
        polygons = found.outlines[nearest[same]]
        padding = outlines.shape[1] - polygons.shape[1]
        outlines[rows[same]] = np.pad(polygons, ((0, 0), (0, padding), (0, 0)), mode="edge")
    return outlines


def slice_outlines(outlines: NDArray[np.float32], centroids: ArrayLike, size_px: int) -> NDArray[np.float32]:
    """(N, K, 2) `outlines` in pixels of the slices of `size_px` around (N, 2) `centroids`."""
    moved: NDArray[np.float32] = (outlines - slice_corners(centroids, size_px)[:, None, :]).astype(np.float32)
    return moved
