"""Nuclei from a layer that the user made or got from another plugin: Labels or Points over the open well."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.cells.duplicates import without_duplicates
from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import WellError
from napari_mid.images.well_images import WellImages
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.presenter import Presenter

#: How far, in pixels over the whole image, a layer may be turned or sheared and still count as straight.
STRAIGHT_PX = 0.5


def nuclei_from_layer(presenter: Presenter, layer: Any) -> tuple[dict[int, Nuclei], tuple[str, ...]]:
    """Nuclei by field, from a Labels or a Points layer that lies on the open well, and what was left out, a sentence each.

    Labels may have other pixels than the well, larger or smaller ones, and need not cover all of it.

    Raises
    ------
    WellError
        If no well is open, the layer is of another kind, has several planes, is turned, or does not lie on the well.
    """
    from napari.layers import Labels, Points

    session = presenter.session
    images, plate = session.images, session.plate
    if images is None or plate is None:
        raise WellError("No well is open, so nuclei cannot be taken from a layer; open a well first.")
    ours = (presenter.cells.kept, presenter.preview.layer, presenter.editor.layer)
    if isinstance(layer, Labels):
        nucleus = next((index for index, channel in enumerate(plate.channels) if channel.role == "nucleus"), None)
        return _from_labels(layer, images, nucleus, pixel_scale(plate)[0], bool(session.outlines_on))
    if isinstance(layer, Points) and not any(layer is one for one in ours):
        return _from_points(layer, images, pixel_scale(plate)[0])
    found = "nothing" if layer is None else f"the layer {layer.name}"
    raise WellError(
        f"{found} is selected, expected a Labels or Points layer of your own: select it in the layer list, then press this again."
    )


def _from_labels(
    layer: Any, images: WellImages, nucleus: int | None, size: tuple[float, float], outlines: bool
) -> tuple[dict[int, Nuclei], tuple[str, ...]]:
    from napari_mid.cells.from_layers import nuclei_from_labels

    labels: NDArray[Any] = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    if labels.ndim < 2 or any(edge != 1 for edge in labels.shape[:-2]):
        raise WellError(
            f"The layer {layer.name} has the shape {labels.shape}, expected one plane (Y, X): take the plane that lies on the "
            "images out of it, as a Labels layer of its own."
        )
    labels = labels.reshape(labels.shape[-2:])
    matrix, offset = _to_well(layer, size)
    # plugins forget the scale of the image that they segmented: labels of the image's own size are meant for its pixels
    forgotten = np.allclose(layer.scale[-2:], 1) and np.allclose(layer.translate[-2:], 0)
    if tuple(labels.shape) == tuple(images.layout.shape) and forgotten:
        matrix, offset = np.eye(2), np.zeros(2)
    turned = np.abs(matrix - np.diag(np.diag(matrix))) * max(labels.shape)
    if turned.max() > STRAIGHT_PX or np.diag(matrix).min() <= 0:
        raise WellError(
            f"The layer {layer.name} is turned, mirrored or sheared against the images, expected rows along rows: make "
            "the labels on an image layer of the well."
        )
    found = {}
    for field, pixels in images.fields.items():
        top, left = images.layout.origins[field]
        rows = _pixels(np.arange(pixels.shape[-2]) + top, matrix[0, 0], offset[0])
        columns = _pixels(np.arange(pixels.shape[-1]) + left, matrix[1, 1], offset[1])
        image = None if nucleus is None or nucleus in images.absent.get(field, frozenset()) else pixels[nucleus]
        mine = _sampled(labels, rows, columns)
        found[field] = nuclei_from_labels(mine, image, well=images.well, field=field, outlines=outlines)
    if labels.any() and not any(len(nuclei) for nuclei in found.values()):
        raise WellError(
            f"No label of the layer {layer.name}, whose size is {labels.shape}, lies on a field of {images.well}: see that it "
            f"has the scale and the place of the images, whose size is {images.layout.shape}."
        )
    return without_duplicates(found, images.layout), ()


def _from_points(layer: Any, images: WellImages, size: tuple[float, float]) -> tuple[dict[int, Nuclei], tuple[str, ...]]:
    from napari_mid.cells.from_layers import nuclei_from_points

    points = np.asarray(layer.data, dtype=float).reshape(-1, layer.ndim)
    if len(points) and np.ptp(points[:, :-2], axis=0).max(initial=0.0) > 0:
        raise WellError(
            f"The points of the layer {layer.name} lie in several planes, expected one: the images of a well have a single plane."
        )
    matrix, offset = _to_well(layer, size)
    places = points[:, -2:] @ matrix.T + offset
    hits = images.layout.to_field(places)
    found = {}
    for field, pixels in images.fields.items():
        here = np.array([hit[1:] for hit in hits if hit is not None and hit[0] == field]).reshape(-1, 2)
        found[field] = nuclei_from_points(here, well=images.well, field=field, shape=pixels.shape)
    left_out = len(points) - sum(map(len, found.values()))
    if left_out and left_out == len(points):
        raise WellError(
            f"None of the {len(points):,} points of the layer {layer.name} lies on a field of {images.well}: see that it has the "
            "scale and the place of the images."
        )
    said = f"{left_out:,} of the {len(points):,} points of {layer.name} lie on no field of {images.well} and were left out"
    return found, (said,) if left_out else ()


def _to_well(layer: Any, size: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How the last two axes of `layer` lie on the well: pixels of the well are ``matrix @ (y, x) + offset``."""
    corners = np.zeros((3, layer.ndim))
    corners[1, -2] = corners[2, -1] = 1.0
    world = np.array([layer.data_to_world(corner) for corner in corners], dtype=float)[:, -2:] / size
    return np.stack([world[1] - world[0], world[2] - world[0]], axis=1), world[0]


def _pixels(well: NDArray[np.int64], step: float, start: float) -> NDArray[np.int64]:
    """The rows or columns of a layer that lie under those of the well."""
    index: NDArray[np.int64] = np.rint((well - start) / step).astype(np.int64)
    return index


def _sampled(labels: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
    """(Y, X) of `labels` at rows and columns; 0 where these are outside it."""
    inside_rows, inside_columns = (
        (index >= 0) & (index < edge) for index, edge in zip((rows, columns), labels.shape, strict=True)
    )
    sampled = np.zeros((len(rows), len(columns)), dtype=labels.dtype)
    sampled[np.ix_(inside_rows, inside_columns)] = labels[np.ix_(rows[inside_rows], columns[inside_columns])]
    return sampled
