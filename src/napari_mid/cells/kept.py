"""Nuclei that hold a person's work, kept while the program runs: no change of the well, the plate or a setting loses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_mid.cells.edits import edits_of, made_by_hand
from napari_mid.cells.nuclei import Nuclei
from napari_mid.plates.plate import Plate


@dataclass(frozen=True, slots=True)
class WellKey:
    """A well of a plate at a time point and a focal plane: what nuclei belong to."""

    plate: str
    time: int | None
    z: int | None
    well: str


def well_key(plate: Plate | None, well: str | None) -> WellKey:
    """The key of `well` as `plate` is read now; without a plate or a well it is the key of nothing."""
    if plate is None or well is None:
        return WellKey("", None, None, "")
    time = plate.reading.time
    if time is None and well in plate.wells:  # the first one, which the user may also choose by its number
        time = min((plane.time for field in plate.wells[well].fields.values() for plane in field.planes), default=None)
    return WellKey(str(plate.path), time, plate.reading.z, well)


class KeptNuclei:
    """Nuclei made by hand, by well, and those with edits that others took the place of."""

    def __init__(self) -> None:
        self._kept: dict[WellKey, dict[int, Nuclei]] = {}
        self._replaced: dict[WellKey, dict[int, Nuclei]] = {}

    def get(self, key: WellKey) -> dict[int, Nuclei] | None:
        """The nuclei made by hand of a well, by field."""
        return self._kept.get(key)

    def of_plate(self, plate: Plate) -> dict[str, Mapping[int, Nuclei]]:
        """The nuclei made by hand of the wells of `plate`."""
        return {key.well: nuclei for key, nuclei in self._kept.items() if key == well_key(plate, key.well)}

    def replaced(self, key: WellKey) -> dict[int, Nuclei] | None:
        """The edited nuclei that others took the place of."""
        return self._replaced.get(key)

    def put(self, key: WellKey, nuclei: Mapping[int, Nuclei], *, further: bool = False) -> bool:
        """Take new nuclei of a well, kept if they are made by hand; say whether they took the place of edited ones.

        `further` where they are those before, edited further: what was done before is in them. Of a layer the user still has the
        layer, so that only edits are worth keeping apart.
        """
        before = self._kept.pop(key, None)
        if made_by_hand(nuclei):
            self._kept[key] = dict(nuclei)
        if further or before is None or not edits_of(before):
            return False
        self._replaced[key] = before
        return True

    def restore(self, key: WellKey) -> dict[int, Nuclei] | None:
        """Bring back what was replaced, if anything was."""
        before = self._replaced.pop(key, None)
        if before is not None:
            self._kept[key] = before
        return before
