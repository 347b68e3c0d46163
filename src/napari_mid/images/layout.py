"""Where the fields of a well lie beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mid.plates.field import Field

#: A well whose stage positions span more pixels than this is drawn as a grid: one damaged position would ask for all memory.
MAX_CANVAS_PX = 1_000_000_000

#: Gap between fields whose stage positions are unknown, in pixels, so that nobody takes them for neighbours.
GRID_GAP_PX = 8


@dataclass(frozen=True)
class WellLayout:
    """Origins of the fields of a well in the well's own pixel coordinates.

    Parameters
    ----------
    origins
        Field number to the (y, x) pixel of its top left corner; all are >= 0.
    shapes
        Field number to its (height, width) in pixels.
    from_stage
        Whether stage positions were used; else the fields stand in a grid by number.
    """

    origins: Mapping[int, tuple[int, int]]
    shapes: Mapping[int, tuple[int, int]]
    from_stage: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels that holds every field."""
        return (
            max((self.origins[n][0] + self.shapes[n][0] for n in self.origins), default=0),
            max((self.origins[n][1] + self.shapes[n][1] for n in self.origins), default=0),
        )

    def overlaps(self) -> bool:
        """Whether any two fields share a pixel."""
        boxes = [(*self.origins[number], *self.shapes[number]) for number in self.origins]
        return any(
            one_top < top + height and top < one_top + one_height and one_left < left + width and left < one_left + one_width
            for index, (one_top, one_left, one_height, one_width) in enumerate(boxes)
            for top, left, height, width in boxes[:index]
        )

    def to_well(self, field: int, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move (N, 2) points (y, x) from pixels of `field` to pixels of the well."""
        moved: NDArray[np.float64] = np.asarray(points, dtype=float) + np.asarray(self.origins[field], dtype=float)
        return moved

    def to_field(self, points: NDArray[np.float64]) -> list[tuple[int, float, float] | None]:
        """Find for each of (N, 2) well points (y, x) the field it lies in, as (field, y, x); None outside all fields.

        Where fields overlap, the one drawn last, with the highest number, is meant.
        """
        found: list[tuple[int, float, float] | None] = []
        for y, x in np.asarray(points, dtype=float).reshape(-1, 2):
            hit = None
            for number in sorted(self.origins):
                top, left = self.origins[number]
                height, width = self.shapes[number]
                if -0.5 <= y - top < height - 0.5 and -0.5 <= x - left < width - 0.5:
                    hit = (number, y - top, x - left)
            found.append(hit)
        return found


def well_layout(fields: Mapping[int, Field], shapes: Mapping[int, tuple[int, int]]) -> WellLayout:
    """Lay out the fields in `shapes` by stage position, or as a row-major grid where a position or the pixel size is unknown."""
    numbers = sorted(shapes)
    positions: dict[int, tuple[float, float]] = {}
    spots: set[tuple[float, float]] = set()
    for number in numbers:
        position, pixel_size = fields[number].position_um, fields[number].pixel_size_um
        if position is not None and pixel_size:
            height, width = shapes[number]
            spots.add(position)
            positions[number] = (position[0] / pixel_size - height / 2, position[1] / pixel_size - width / 2)
    # several fields at one spot are positions that were not recorded, not a pile of images
    if numbers and len(positions) == len(numbers) and len(spots) == len(numbers):
        top = min(y for y, _ in positions.values())
        left = min(x for _, x in positions.values())
        origins = {number: (round(y - top), round(x - left)) for number, (y, x) in positions.items()}
        layout = WellLayout(origins, dict(shapes), from_stage=True)
        if layout.shape[0] * layout.shape[1] <= MAX_CANVAS_PX:
            return layout
    per_row = math.ceil(math.sqrt(len(numbers))) if numbers else 1
    height = max((shape[0] for shape in shapes.values()), default=0) + GRID_GAP_PX
    width = max((shape[1] for shape in shapes.values()), default=0) + GRID_GAP_PX
    origins = {number: (i // per_row * height, i % per_row * width) for i, number in enumerate(numbers)}
    return WellLayout(origins, dict(shapes), from_stage=False)
