"""Plates that were opened before in this window, with what was found out about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from psygnal import Signal

from napari_mid.images.intensity import IntensityRange
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.session import Session


@dataclass(frozen=True)
class Shelved:
    """A plate as it was left."""

    plate: Plate
    well: str | None
    intensity: IntensityRange | None
    results: Mapping[str, WellResult]
    model_key: int


class Shelf:
    """Keeps the plates of a window; `show_plate` opens one at a well.

    Results come back where the model is still the one that they are of.
    """

    #: another plate is on it, or one less
    changed = Signal()

    def __init__(self, session: Session, show_plate: Callable[[Plate, str | None], None]) -> None:
        self.session = session
        self._show_plate = show_plate
        self._shelved: dict[str, Shelved] = {}

    @property
    def plates(self) -> dict[str, str]:
        """Names of the plates by their paths, in the order they were opened."""
        return {path: shelved.plate.name for path, shelved in self._shelved.items()}

    def keep(self) -> None:
        """Put the open plate on the shelf as it is now; to be called before another one is shown, and after."""
        session = self.session
        if session.plate is None:
            return
        path = str(session.plate.path)
        new = path not in self._shelved
        self._shelved[path] = Shelved(session.plate, session.well, session.intensity, dict(session.results), session.model_key())
        if new:
            self.changed.emit()

    def show(self, path: str) -> None:
        """Open the plate that was opened from `path` before, as it was left."""
        session = self.session
        if path not in self._shelved or (session.plate is not None and path == str(session.plate.path)):
            return
        self.keep()
        shelved = self._shelved[path]
        self._show_plate(shelved.plate, shelved.well)
        if shelved.model_key == session.model_key():
            for result in shelved.results.values():
                session.offer_result(session.result_key(result.well), result)

    def intensity_of(self, plate: Plate) -> IntensityRange | None:
        """The intensity range of `plate` if it was measured before, as it is read now."""
        shelved = self._shelved.get(str(plate.path))
        return shelved.intensity if shelved is not None and shelved.plate is plate else None

    def close(self, path: str) -> None:
        """Take a plate off the shelf; the open one gives way to another, and stays where it is the only one."""
        if len(self._shelved) < 2 or path not in self._shelved:
            return
        if self.session.plate is not None and path == str(self.session.plate.path):
            self.show(next(other for other in self._shelved if other != path))
        del self._shelved[path]
        self.changed.emit()
