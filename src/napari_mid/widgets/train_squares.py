"""How large a slice is, drawn on the open well."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.session import Session
from napari_mid.viewer.compat import is_open
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import remove
from napari_mid.viewer.presenter import Presenter

#: Name of the layer, and the colour of its squares.
SQUARES, COLOUR = "slice size", "#4c9be8"
#: Squares that are drawn at most: on a crowded well more would hide the cells.
MOST = 60
#: Width of their lines as a part of their edge.
LINE = 0.03


class SliceSquares:
    """One Points layer of squares around some nuclei of the open well; one in its middle where no nuclei are located."""

    def __init__(self, session: Session, presenter: Presenter) -> None:
        self.session = session
        self.presenter = presenter
        self._layer: Any = None

    @property
    def layer(self) -> Any | None:
        """The layer, or None."""
        return self._layer if self._layer is not None and self._layer in self.presenter.viewer.layers else None

    def show(self, size_px: int | None) -> None:
        """Draw squares of this edge; None, or no open well, removes them."""
        viewer, plate = self.presenter.viewer, self.session.plate
        if not is_open(viewer):
            return
        places = None if size_px is None else self._places()
        if places is None or plate is None:
            remove(viewer, [self.layer])
            self._layer = None
            return
        if self.layer is not None:
            self._layer.data = places
            self._layer.size = size_px
            return
        selected = set(viewer.layers.selection)
        scale, unit = pixel_scale(plate)
        self._layer = viewer.add_points(
            places,
            name=SQUARES,
            symbol="square",
            size=size_px,
            face_color="transparent",
            border_color=COLOUR,
            border_width=LINE,
            scale=scale,
            units=(unit, unit),
            axis_labels=("y", "x"),
        )
        self._layer.editable = False
        viewer.layers.selection = selected

    def _places(self) -> NDArray[np.float64] | None:
        """(N, 2) centres (y, x) in pixels of the well; None where its images are not there."""
        images, nuclei = self.session.images, self.session.nuclei
        if images is None:
            return None
        found = [
            images.layout.to_well(number, nuclei[number].centroids)
            for number in sorted(nuclei or {})
            if nuclei is not None and number in images.layout.origins and len(nuclei[number])
        ]
        if not found:
            number = min(images.layout.origins)
            return np.array([np.add(images.layout.origins[number], np.divide(images.layout.shapes[number], 2))])
        places: NDArray[np.float64] = np.concatenate(found)
        some: NDArray[np.float64] = places[np.linspace(0, len(places) - 1, min(MOST, len(places))).astype(int)]
        return some
