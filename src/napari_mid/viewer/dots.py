"""How the cells of a well are drawn on the canvas: as rings until they are scored, then as dots coloured by a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.reports.annotated import DOT_PART
from napari_mid.reports.dots import DotLook, dot_sizes
from napari_mid.viewer.cells import nearest, relevance_features
from napari_mid.viewer.outline_layer import RING_COLOUR
from napari_mid.viewer.rings import RING_WIDTH

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


def cell_at(layer: Any, position: Sequence[float], reach_px: float, zoom: float) -> int | None:
    """The cell whose dot is within reach of a world `position`: `reach_px` of the image, or `REACH_CANVAS_PX` of the canvas."""
    point = np.asarray(layer.world_to_data(position), dtype=float)[-2:]
    row = nearest(layer.data, point, max(reach_px, REACH_CANVAS_PX / zoom / float(layer.scale[-1])))
    return None if row is None else int(layer.features[CELL].iloc[row])


def features_of(cells: pd.DataFrame, rows: NDArray[np.int64], look: DotLook) -> pd.DataFrame:
    """The table of the dots of `rows` of ``WellResult.cells``, with the value that is their colour."""
    return relevance_features(cells, rows).assign(**{VALUE: look.values(cells)[rows]})


@dataclass(frozen=True)
class Drawn:
    """How N points are drawn.

    Parameters
    ----------
    size
        (N,) diameters in pixels of the well.
    border_width
        (N,) parts of the diameter.
    border_colour
        (N, 4) RGBA.
    """

    size: NDArray[np.float64]
    border_width: NDArray[np.float64]
    border_colour: NDArray[np.float64]


def drawn_rings(size: NDArray[np.float64]) -> Drawn:
    """Rings of (N,) diameters."""
    return Drawn(size, np.full(len(size), RING_WIDTH), np.tile(np.array(RING_COLOUR), (len(size), 1)))


def drawn_dots(cells: pd.DataFrame, rows: NDArray[np.int64], chosen: NDArray[np.int64], look: DotLook, diameter: float) -> Drawn:
    """Dots of (N,) `rows` of ``WellResult.cells``; the `chosen` of them, numbers below N, are larger.

    Parameters
    ----------
    diameter
        Of dots that are all alike, in pixels, as in exported pictures.
    """
    out = cells["excluded"].to_numpy(dtype=bool)[rows]
    size = np.full(len(rows), DOT_SIZE * diameter)
    if look.by_size:
        size = dot_sizes(cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float)[rows], DOT_SIZE * diameter, DOT_SIZE * DOT_PART)
    size[chosen] *= LARGER
    width = np.where(out, OUT_WIDTH, EDGE_WIDTH)
    width[chosen] = SELECTED_WIDTH
    colours = np.where(out[:, None], OUT_COLOUR, EDGE_COLOUR)
    colours[chosen] = SELECTED_COLOUR
    return Drawn(size, width, colours)
