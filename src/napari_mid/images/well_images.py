"""The pixels of one well, read field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ImageReadError
from napari_mid.images.layout import WellLayout, well_layout
from napari_mid.plates.plate import Well
from napari_mid.progress import Progress, Steps


@dataclass(frozen=True)
class WellImages:
    """The fields of one well in memory.

    Parameters
    ----------
    plate, well
        The key.
    fields
        Field number to pixels (C, Y, X), all channels of the plate, in the type of the files.
    layout
        Where the fields lie in the well.
    warnings
        A sentence for each field that could not be read; such a field is not in `fields`.
    """

    plate: str
    well: str
    fields: Mapping[int, NDArray[Any]]
    layout: WellLayout
    warnings: tuple[str, ...] = ()

    def mosaic(self, channel: int) -> NDArray[Any]:
        """Channel `channel` of all fields in place, (Y, X); gaps are 0."""
        canvas = np.zeros(self.layout.shape, dtype=np.result_type(*(image.dtype for image in self.fields.values())))
        for number in sorted(self.fields):
            top, left = self.layout.origins[number]
            image = self.fields[number][channel]
            canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
        return canvas


def load_well(well: Well) -> Steps[WellImages]:
    """Read all fields of `well`; a field that cannot be read is left out with a warning.

    Raises
    ------
    ImageReadError
        If no field can be read.
    """
    fields: dict[int, NDArray[Any]] = {}
    warnings: list[str] = []
    for done, (number, field) in enumerate(sorted(well.fields.items())):
        yield Progress("reading images", done, len(well.fields), field.key)
        try:
            fields[number] = field.load()
        except ImageReadError as error:
            warnings.append(str(error))
    if not fields:
        reason = warnings[0] if warnings else "it has no fields."
        raise ImageReadError(f"No field of well {well.name} of plate {well.plate} can be read: {reason}")
    shapes = {number: (image.shape[1], image.shape[2]) for number, image in fields.items()}
    yield Progress("reading images", len(well.fields), len(well.fields), well.name)
    return WellImages(well.plate, well.name, fields, well_layout(well.fields, shapes), tuple(warnings))
