"""The whole plate on the canvas: a thumbnail of every well where it lies on the plate, one layer per channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_mid.images.overview import THUMBNAIL_PX
from napari_mid.plates.plate import Plate
from napari_mid.plates.roles import channel_colours, is_transmitted
from napari_mid.plates.well_names import well_name
from napari_mid.session import Session
from napari_mid.viewer.compat import scale_bar
from napari_mid.viewer.layers import layer_name, remove, stain_colormap

#: Pixels between two wells, and from one well to the next.
GAP_PX = 6
STEP_PX = THUMBNAIL_PX + GAP_PX
#: Column numbers that stand beside each other on a small screen.
MOST_NUMBERS = 12
#: Colour of the row letters and column numbers, which is seen on black and on white.
HEADER_COLOUR = "#7d848c"


class OverviewLayers:
    """Shows `session.overview` in a viewer; the layers are made when it comes and removed when it goes."""

    #: it fills the canvas
    fitted = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._layers: list[Any] = []
        self._headers: Any = None
        self._drawn: set[str] = set()
        session.events.overview_changed.connect(self._show)
        session.events.intensity_changed.connect(self._show_contrast)

    def well_at(self, position: tuple[float, ...]) -> str | None:
        """Name of the well at a world `position`, or None between the wells and off the plate."""
        plate = self.session.plate
        if self.session.overview is None or plate is None:
            return None
        (row, down), (column, right) = (divmod(float(place) + 0.5, STEP_PX) for place in position[-2:])
        inside = down < THUMBNAIL_PX and right < THUMBNAIL_PX
        if not inside or not (0 <= row < plate.rows and 0 <= column < plate.columns):
            return None
        return well_name(int(row) + 1, int(column) + 1)

    def _show(self) -> None:
        plate, overview = self.session.plate, self.session.overview
        if plate is None or overview is None:
            remove(self.viewer, [*self._layers, self._headers])
            self._layers, self._headers, self._drawn = [], None, set()
            return
        if not self._layers:
            self._make(plate)
        new = [thumbnail for name, thumbnail in overview.items() if name not in self._drawn]
        for thumbnail in new:
            well = plate.wells[thumbnail.well]
            top, left = (well.row - 1) * STEP_PX, (well.column - 1) * STEP_PX
            for layer, pixels in zip(self._layers, thumbnail.pixels, strict=True):
                layer.data[top : top + THUMBNAIL_PX, left : left + THUMBNAIL_PX] = np.nan_to_num(pixels)
            self._drawn.add(thumbnail.well)
        self._show_contrast()
        for layer in self._layers:
            layer.refresh()

    def _make(self, plate: Plate) -> None:
        shape = (plate.rows * STEP_PX - GAP_PX, plate.columns * STEP_PX - GAP_PX)
        for channel, colour in zip(plate.channels, channel_colours(plate.channels), strict=True):
            layer = self.viewer.add_image(
                np.zeros(shape, dtype=np.float32),
                name=f"overview: {layer_name(channel)}",
                colormap=stain_colormap(colour),
                contrast_limits=(0.0, 1.0),
                visible=not is_transmitted(channel),
                blending="additive",
                interpolation2d="linear",
                scale=(1.0, 1.0),
                units=("pixel", "pixel"),
                axis_labels=("y", "x"),
                metadata={"plate": plate.name, "channel": channel.name},
            )
            self._layers.append(layer)
        self._headers = self._add_headers(plate)
        # its controls are of use, those of the headers are not
        self.viewer.layers.selection.active = next((layer for layer in self._layers if layer.visible), self._layers[0])
        scale_bar(self.viewer).visible = False  # wells are drawn closer than they lie
        self.viewer.reset_view()
        self.fitted.emit()

    def _add_headers(self, plate: Plate) -> Any:
        """Row letters and column numbers beside the wells."""
        middle = THUMBNAIL_PX / 2
        rows = [(row * STEP_PX + middle, -0.4 * STEP_PX) for row in range(plate.rows)]
        numbered = range(0, plate.columns, math.ceil(plate.columns / MOST_NUMBERS))
        columns = [(-0.4 * STEP_PX, column * STEP_PX + middle) for column in numbered]
        names = [well_name(row + 1, 1).rstrip("0123456789") for row in range(plate.rows)]
        names += [str(column + 1) for column in numbered]
        headers = self.viewer.add_points(
            np.array(rows + columns),
            name="overview: rows and columns",
            features={"name": names},
            text={"string": "{name}", "color": HEADER_COLOUR, "size": 9, "anchor": "center"},
            size=1,
            face_color="transparent",
            border_color="transparent",
            scale=(1.0, 1.0),
            units=("pixel", "pixel"),
            axis_labels=("y", "x"),
        )
        headers.editable = False
        return headers

    def _show_contrast(self) -> None:
        intensity = self.session.intensity
        for index, layer in enumerate(self._layers):
            known = intensity is not None and intensity.is_known(index)
            limits = intensity.limits(index) if intensity is not None and known else _limits(layer.data)
            layer.contrast_limits_range = limits
            layer.contrast_limits = limits


def _limits(canvas: NDArray[np.float32]) -> tuple[float, float]:
    """Contrast of what is drawn so far, until the plate's own is measured."""
    drawn = canvas[canvas > 0]
    if not drawn.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(drawn[:: max(1, drawn.size // 100_000)], (1.0, 99.8)))
    return low, high if high > low else low + 1.0
