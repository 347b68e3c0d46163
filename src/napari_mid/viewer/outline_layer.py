"""The outlines of the nuclei of the open well on the canvas, in place of their rings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.session import Session
from napari_mid.viewer.cells import cell_outlines, nuclei_table
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import remove

#: Name of the layer.
OUTLINES = "nuclei outlines"
#: Width of a line in pixels of the image.
LINE_PX = 0.8
#: Colours of rings, and of those that an outline takes the place of.
RING_COLOUR, HIDDEN = (1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 0.0)
#: Every other vertex is left out where the outlines would have more: napari takes a microsecond for each.
MOST_VERTICES = 80_000


class OutlineLayer:
    """One Vectors layer, an edge of a polygon each: Shapes takes napari seconds for a thousand nuclei.

    Parameters
    ----------
    viewer
        The napari viewer itself.
    session
        Whose nuclei are outlined: those that are shown as rings or dots, as far as ``session.outlined`` knows them.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._layer: Any = None
        self._on = False

    @property
    def layer(self) -> Any | None:
        """The layer, or None."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @property
    def on(self) -> bool:
        """Whether outlines are wanted."""
        return self._on

    def show(self, on: bool, points: Any | None) -> None:
        """Draw the outlines, or none; `points` is the layer of rings or dots below which they lie.

        Rings of nuclei whose outline is drawn are hidden. Dots stay: they tell the relevance.
        """
        self._on = on
        if not on:
            remove(self.viewer, [self.layer])
            self._layer = None
        outlines, rings = np.empty((0, 1, 2), dtype=np.float32), np.empty(0, dtype=bool)
        if on and points is not None:
            outlines, rings = self._outlines()
        if on:
            self._draw(outlines, points)
        if points is not None and self.session.result is None and len(points.data):
            hidden = rings if len(rings) == len(points.data) else np.zeros(len(points.data), dtype=bool)
            points.border_color = np.where(hidden[:, None], HIDDEN, RING_COLOUR)  # napari does not redraw where `shown` changes

    def hide(self, hidden: bool) -> None:
        """Hide the layer while other rings are shown, or show it again."""
        if self.layer is not None:
            self._layer.visible = not hidden and bool(len(self._layer.data))

    def _outlines(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(M, K, 2) polygons in pixels of the well, and (N,) which of the nuclei, in the order of `placed`, have one."""
        session = self.session
        assert session.images is not None
        layout, result = session.images.layout, session.result
        cells = result.cells if result is not None else nuclei_table(session.nuclei or {}, layout)
        outlines = cell_outlines(session.outlined, cells)
        fields = cells["Metadata_Site"].to_numpy(dtype=np.int64)
        has: NDArray[np.bool_] = np.isfinite(outlines).all(axis=(1, 2)) & np.isin(fields, list(layout.origins))
        shift = np.array([layout.origins[int(field)] for field in fields[has]], dtype=np.float32).reshape(-1, 1, 2)
        return outlines[has] + shift, has

    def _draw(self, outlines: NDArray[np.float32], points: Any | None) -> None:
        plate, well = self.session.plate, self.session.well
        edges = edges_of(outlines)
        if plate is None or (self.layer is None and not len(edges)):
            return
        metadata = {"plate": plate.name, "well": well}
        if self.layer is not None:
            self._layer.visible = False  # napari works out what a visible one shows several times over
            self._layer.data, self._layer.metadata = edges, metadata
            self._layer.visible = bool(len(edges)) and (points is None or points.visible)
            return
        from napari.layers import Vectors

        selected = set(self.viewer.layers.selection)
        scale, unit = pixel_scale(plate)
        self._layer = Vectors(
            edges,
            name=OUTLINES,
            vector_style="line",
            edge_width=LINE_PX,
            edge_color="white",
            scale=scale,
            units=(unit, unit),
            axis_labels=("y", "x"),
            metadata=metadata,
            visible=False,
        )
        place = self.viewer.layers.index(points) if points is not None else len(self.viewer.layers)
        self.viewer.layers.insert(place, self._layer)
        self._layer.visible = points is None or points.visible
        self.viewer.layers.selection = selected


def edges_of(outlines: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, 2, 2) start and direction of the edges of (N, K, 2) closed polygons, of every other vertex where these are many."""
    while outlines.shape[0] * outlines.shape[1] > MOST_VERTICES and outlines.shape[1] >= 8:
        outlines = outlines[:, ::2]
    edges: NDArray[np.float32] = np.stack([outlines, np.roll(outlines, -1, axis=1) - outlines], axis=2).reshape(-1, 2, 2)
    return edges
