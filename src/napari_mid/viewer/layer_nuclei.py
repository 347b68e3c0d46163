"""Nuclei from a layer that the user made or got from another plugin: Labels or Points over the open well."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import WellError
from napari_mid.viewer.presenter import Presenter


def nuclei_from_layer(presenter: Presenter, layer: Any) -> dict[int, Nuclei]:
    """Nuclei by field, from a Labels or a Points layer that lies on the open well.

    Raises
    ------
    WellError
        If no well is open, the layer is of another kind, or it does not have the size of the well's images.
    """
    from napari.layers import Labels, Points

    images, well = presenter.session.images, presenter.session.well
    if images is None or well is None:
        raise WellError("No well is open, so nuclei cannot be taken from a layer; open a well first.")
    if isinstance(layer, Labels):
        return _from_labels(presenter, layer, well)
    if isinstance(layer, Points) and layer is not presenter.points_layer:
        return _from_points(presenter, layer, well)
    found = "nothing" if layer is None else f"the layer {layer.name}"
    raise WellError(
        f"{found} is selected, expected a Labels or Points layer of your own: select it in the layer list, then press this again."
    )


def _from_labels(presenter: Presenter, layer: Any, well: str) -> dict[int, Nuclei]:
    from napari_mid.cells.from_layers import nuclei_from_labels

    images, plate = presenter.session.images, presenter.session.plate
    assert images is not None
    assert plate is not None
    labels = np.asarray(layer.data)
    if labels.shape != images.layout.shape:
        raise WellError(
            f"The layer {layer.name} is {labels.shape}, expected the size of the well's images, {images.layout.shape}."
        )
    nucleus = next((index for index, channel in enumerate(plate.channels) if channel.role == "nucleus"), None)
    found = {}
    for field, (top, left) in images.layout.origins.items():
        height, width = images.layout.shapes[field]
        here = labels[top : top + height, left : left + width]
        image = None if nucleus is None else images.fields[field][nucleus]
        found[field] = nuclei_from_labels(here, image, well=well, field=field)
    return found


def _from_points(presenter: Presenter, layer: Any, well: str) -> dict[int, Nuclei]:
    from napari_mid.cells.from_layers import nuclei_from_points

    images, ours = presenter.session.images, presenter.image_layers
    assert images is not None
    if not ours:
        raise WellError("The image layers of the well were deleted, so the points have no place on it; open the well again.")
    places = np.array([ours[0].world_to_data(layer.data_to_world(point)) for point in layer.data]).reshape(-1, layer.ndim)[:, -2:]
    hits = [hit for hit in images.layout.to_field(places) if hit is not None]
    return {
        field: nuclei_from_points(
            np.array([(y, x) for number, y, x in hits if number == field]).reshape(-1, 2), well=well, field=field
        )
        for field in images.fields
    }
