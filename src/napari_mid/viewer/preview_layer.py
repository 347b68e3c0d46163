"""The nuclei that the detector finds in a part of the open well, as rings of their size."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_mid.session import Session
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import remove
from napari_mid.viewer.rings import RING_WIDTH
from napari_mid.workflow.detect_region import RegionNuclei

#: Name of the layer, and the colour of its rings, which no other layer of ours has.
PREVIEW, COLOUR = "nuclei preview", "#ffb454"


class PreviewLayer:
    """One Points layer; it is kept from preview to preview, since making one takes napari long."""

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._layer: Any = None

    @property
    def layer(self) -> Any | None:
        """The layer, or None."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    def clear(self) -> None:
        """Show nothing for now: to remove and to make a layer takes napari a good part of a second."""
        if self.layer is not None:
            self._layer.data = np.empty((0, 2))

    def show(self, found: RegionNuclei | None) -> None:
        """Show `found`; None removes the layer."""
        layer, plate = self.layer, self.session.plate
        if found is None or plate is None:
            remove(self.viewer, [layer])
            self._layer = None
            return
        if layer is not None:
            layer.data = found.places
            layer.size = found.diameter_px if len(found.places) else layer.size
            layer.metadata = {"plate": plate.name, "well": found.well}
            return
        selected = set(self.viewer.layers.selection)
        scale, unit = pixel_scale(plate)
        self._layer = self.viewer.add_points(
            found.places,
            name=PREVIEW,
            size=found.diameter_px if len(found.places) else 10,
            face_color="transparent",
            border_color=COLOUR,
            border_width=RING_WIDTH,
            scale=scale,
            units=(unit, unit),
            axis_labels=("y", "x"),
            metadata={"plate": plate.name, "well": found.well},
        )
        self._layer.editable = False
        self.viewer.layers.selection = selected  # it comes and goes by itself: what was selected stays
