"""The one Points layer of the cells of a well on a canvas; it is kept from well to well and given other points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.plates.plate import Plate
from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.reports.dots import DotLook
from napari_mid.viewer.compat import at_once
from napari_mid.viewer.dots import CELL, VALUE, Drawn, drawn_dots, drawn_rings, features_of
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import is_ours, remove

#: Names of the layer: where no cells are known, of cells before they are scored, and afterwards.
EMPTY, NUCLEI, RELEVANCE = "no cells", "nuclei", "relevance"


class CellLayer:
    """Shows cells as rings until they are scored, then as dots; to remove and to make a layer takes napari long.

    Parameters
    ----------
    viewer
        A napari viewer, or the model of one.
    picked
        Called with the cells whose dots the user selected with napari's own tools.
    """

    def __init__(self, viewer: Any, picked: Callable[[Iterable[int]], object] | None = None) -> None:
        self.viewer = viewer
        self._picked = picked
        self._layer: Any = None
        self._shown = ""
        #: whether its dots were selected once, so that napari shows what can be done with them
        self._offered = False
        #: size of a pixel and its unit
        self._placed: tuple[object, ...] = ()
        #: what the dots were made from, and which rows of it
        self._cells: pd.DataFrame | None = None
        self._look: tuple[object, ...] = ()
        self._rows = np.empty(0, dtype=np.int64)

    @property
    def kept(self) -> Any | None:
        """The layer, which shows nothing while no cells are known; None where there is none, or the user deleted it."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    @property
    def layer(self) -> Any | None:
        """The layer while it shows cells, or None."""
        return self.kept if self._shown else None

    @property
    def dots(self) -> Any | None:
        """The layer while it shows cells that are scored, or None."""
        return self.kept if self._shown == RELEVANCE else None

    def place(self, plate: Plate, well: str = "", *, above: Sequence[Any] = (), visible: bool = True) -> None:
        """Make the layer, empty, where there is none, and lay it on a well of `plate`, `above` the layers of its images."""
        scale, unit = pixel_scale(plate)
        if self.kept is None:
            self._layer, self._shown = self._made(scale, unit, visible), ""
            self._placed = scale, unit
        layer = self._layer
        if self._placed != (scale, unit):
            layer.scale, layer.units = scale, (unit, unit)
            self._placed = scale, unit
        layer.metadata = {"plate": plate.name, "well": well}
        layers = self.viewer.layers
        if any(layers.index(image) > layers.index(layer) for image in above):  # these were made anew
            layers.move(layers.index(layer), len(layers))

    def show_rings(self, positions: NDArray[np.float64], size: NDArray[np.float64]) -> None:
        """Draw a ring of each (N,) diameter at (N, 2) `positions`, (y, x) in pixels of the well."""
        layer = self._layer
        self._cells, self._shown = None, NUCLEI
        with at_once(layer):
            self._put(positions, pd.DataFrame({VALUE: np.full(len(positions), np.nan)}))
            layer.face_color = "transparent"
            _draw(layer, drawn_rings(size))
        layer.name = NUCLEI

    def show_dots(
        self,
        cells: pd.DataFrame,
        positions: NDArray[np.float64],
        chosen: Collection[int],
        look: DotLook,
        diameter: float,
        limits: tuple[float, float] | None = None,
    ) -> NDArray[np.int64]:
        """Draw the rows of ``WellResult.cells`` as `look` says; give the rows of the layer that are the `chosen` cells.

        Parameters
        ----------
        positions
            (N, 2) in pixels of the well; those at NaN get no dot.
        chosen
            They are drawn larger, and in any case.
        diameter
            Of dots that are all alike, in pixels, as in exported pictures.
        limits
            The darkest and the brightest value; those of the well where not given.
        """
        layer, first = self._layer, self._shown != RELEVANCE
        picked = np.isin(np.arange(len(cells)), list(chosen))
        wanted = np.flatnonzero(np.isfinite(positions).all(axis=1) & (look.shown(cells) | picked))
        rows = np.flatnonzero(picked[wanted])
        seen = (look.measure, look.colours, limits)
        known = cells is self._cells and seen == self._look and np.array_equal(wanted, self._rows)
        self._cells, self._look, self._rows, self._shown = cells, seen, wanted, RELEVANCE
        with at_once(layer):
            if not known:
                self._put(positions[wanted], features_of(cells, wanted, look))
                self._colour(look, limits or look.limits(look.values(cells)))
            _draw(layer, drawn_dots(cells, wanted, rows, look, diameter))
            self._select(rows)
        if first:
            layer.name = RELEVANCE
        if not self._offered:
            self._offered, selection = True, self.viewer.layers.selection
            if selection.active is None or is_ours(selection.active):
                selection.active = layer
        return rows

    def clear(self) -> None:
        """Show nothing."""
        layer, self._shown, self._cells = self.layer, "", None
        if layer is not None:
            with at_once(layer):
                self._put(np.empty((0, 2)), pd.DataFrame({VALUE: np.empty(0)}))
            layer.name = EMPTY

    def remove(self) -> None:
        """Take the layer away."""
        remove(self.viewer, [self.kept])
        self._layer, self._shown, self._cells = None, "", None

    def _made(self, scale: tuple[float, float], unit: str, visible: bool) -> Any:
        selected = set(self.viewer.layers.selection)
        layer = self.viewer.add_points(
            np.empty((0, 2)),
            name=EMPTY,
            features=pd.DataFrame({VALUE: np.empty(0)}),
            face_color="transparent",
            scale=scale,
            units=(unit, unit),
            axis_labels=("y", "x"),
            visible=visible,
        )
        layer.editable = False
        if selected:
            self.viewer.layers.selection = selected  # nobody asked for this one
        layer.selected_data.events.items_changed.connect(self._on_selection)
        return layer

    def _put(self, positions: NDArray[np.float64], features: pd.DataFrame) -> None:
        self._select(())
        self._layer.data = positions
        self._layer.features = features
        self._layer.editable = False  # napari makes it so with other points

    def _colour(self, look: DotLook, limits: tuple[float, float]) -> None:
        from napari.utils.colormaps import Colormap

        layer, name = self._layer, f"relevance, {look.colours}"
        if layer.face_colormap.name != name:
            layer.face_colormap = Colormap(RELEVANCE_COLORMAPS[look.colours], name=name)
        layer.face_contrast_limits = limits
        if layer.face_color_mode != "colormap":
            layer.face_color = VALUE

    def _select(self, rows: Iterable[int]) -> None:
        selected = self._layer.selected_data
        with selected.events.items_changed.blocked():
            selected.clear()
            selected.update(int(row) for row in rows)

    def _on_selection(self) -> None:
        layer = self.dots
        if layer is not None and self._picked is not None and len(layer.selected_data):
            self._picked(layer.features[CELL].iloc[sorted(layer.selected_data)].astype(int).tolist())


def _draw(layer: Any, drawn: Drawn) -> None:
    for name, values in (("size", drawn.size), ("border_width", drawn.border_width), ("border_color", drawn.border_colour)):
        if not np.array_equal(getattr(layer, name), values):
            setattr(layer, name, values)
