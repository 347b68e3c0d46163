"""The layer of dots: one Points layer whose colours are a number of each cell of the open well."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.reports.annotated import DOT_PART
from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.reports.dots import DotLook, dot_sizes
from napari_mid.viewer.cells import nearest, relevance_features

#: Name of the layer.
RELEVANCE = "relevance"
#: Column of the layer's features that is the colour, and the one that says which cell a dot is.
VALUE, CELL = "value", "cell"
#: Widths of the edges of dots and of the selected one, as parts of their diameter.
EDGE_WIDTH, SELECTED_WIDTH = 0.04, 0.16
#: Dark, so that small dots keep their colour when the whole well is in view.
EDGE_COLOUR, SELECTED_COLOUR = (0.05, 0.06, 0.08, 1.0), (1.0, 0.82, 0.4, 1.0)
#: Cells that are left out: a ring of this width and colour, without a filling.
OUT_WIDTH, OUT_COLOUR = 0.12, (0.66, 0.68, 0.71, 0.9)
#: Diameter of a dot on the canvas as a part of the one in exported pictures, and how much larger the selected one is.
DOT_SIZE, LARGER = 1.3, 1.4

#: A dot takes the mouse at least this far from its centre, in pixels of the canvas.
REACH_CANVAS_PX = 6.0


def is_dots(layer: Any | None) -> bool:
    """Whether `layer` is one of dots, not of the rings of nuclei that are not scored."""
    return layer is not None and CELL in layer.features


def cell_at(layer: Any, position: Sequence[float], reach_px: float, zoom: float) -> int | None:
    """The cell whose dot is within reach of a world `position`: `reach_px` of the image, or `REACH_CANVAS_PX` of the canvas."""
    point = np.asarray(layer.world_to_data(position), dtype=float)[-2:]
    row = nearest(layer.data, point, max(reach_px, REACH_CANVAS_PX / zoom / float(layer.scale[-1])))
    return None if row is None else int(layer.features[CELL].iloc[row])


def features_of(cells: pd.DataFrame, rows: NDArray[np.int64], look: DotLook) -> pd.DataFrame:
    """The table of the dots of `rows` of ``WellResult.cells``, with the value that is their colour."""
    return relevance_features(cells, rows).assign(**{VALUE: look.values(cells)[rows]})


def add_dots(
    viewer: Any, cells: pd.DataFrame, positions: NDArray[np.float64], look: DotLook, diameter: float, **common: Any
) -> Any:
    """Add the layer for rows of ``WellResult.cells`` at (N, 2) `positions`; those at NaN get no dot.

    Parameters
    ----------
    diameter
        Of dots that are all alike, in pixels, as in exported pictures.
    """
    from napari.utils.colormaps import Colormap

    rows = np.flatnonzero(np.isfinite(positions).all(axis=1))
    values = look.values(cells)
    layer = viewer.add_points(
        positions[rows],
        name=RELEVANCE,
        features=features_of(cells, rows, look),
        size=DOT_SIZE * diameter,
        face_color=VALUE,
        face_colormap=Colormap(RELEVANCE_COLORMAPS[look.colours], name=f"relevance, {look.colours}"),
        face_contrast_limits=look.limits(values),
        border_color=[EDGE_COLOUR],
        border_width=EDGE_WIDTH,
        **common,
    )
    layer.face_colorbar.visible = True
    return layer


def recolour(layer: Any, cells: pd.DataFrame, look: DotLook) -> None:
    """Give the dots the numbers of the same cells as they are now; to make a layer anew takes napari a good part of a second."""
    layer.features = features_of(cells, layer.features[CELL].to_numpy(dtype=np.int64), look)
    limits = look.limits(look.values(cells))
    if tuple(layer.face_contrast_limits) != limits:
        layer.face_contrast_limits = limits


def show_chosen(
    layer: Any,
    cells: pd.DataFrame,
    positions: NDArray[np.float64],
    chosen: Collection[int],
    look: DotLook,
    diameter: float,
) -> NDArray[np.int64]:
    """Draw the dots as `look` says, those of the `chosen` cells larger, and these in any case; give their rows in the layer."""
    picked = np.isin(np.arange(len(cells)), list(chosen))
    wanted = np.flatnonzero(np.isfinite(positions).all(axis=1) & (look.shown(cells) | picked))
    if not np.array_equal(layer.features[CELL].to_numpy(dtype=np.int64), wanted):
        # napari's own `shown` hides no point of a layer without further axes
        layer.selected_data = set()
        layer.data = positions[wanted]
        layer.features = features_of(cells, wanted, look)
    rows = np.flatnonzero(picked[wanted])
    out = layer.features["excluded"].to_numpy(dtype=bool)
    size = np.full(len(wanted), DOT_SIZE * diameter)
    if look.by_size:
        area = cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float)[wanted]
        size = dot_sizes(area, DOT_SIZE * diameter, DOT_SIZE * DOT_PART)
    size[rows] *= LARGER
    width = np.where(out, OUT_WIDTH, EDGE_WIDTH)
    width[rows] = SELECTED_WIDTH
    colours = np.where(out[:, None], OUT_COLOUR, EDGE_COLOUR)
    colours[rows] = SELECTED_COLOUR
    # napari draws all points anew for each of them
    for name, values in (("size", size), ("border_width", width), ("border_color", colours)):
        if not np.array_equal(getattr(layer, name), values):
            setattr(layer, name, values)
    with layer.selected_data.events.items_changed.blocked():
        layer.selected_data.clear()
        layer.selected_data.update(int(row) for row in rows)
    return rows
