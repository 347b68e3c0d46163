"""Wells that were seen before, as many as fit in a fixed amount of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from napari_mid.images.well_images import WellImages


class WellCache:
    """Keeps the pixels of wells; the one that was not looked at for longest goes first.

    Parameters
    ----------
    max_bytes
        Memory that the pixels may take. A well that is larger is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._wells: OrderedDict[Hashable, WellImages] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Memory that the kept pixels take."""
        return sum(images.nbytes for images in self._wells.values())

    @property
    def max_bytes(self) -> int:
        """Memory that the pixels may take; where it becomes less, wells go at once."""
        return self._max_bytes

    @max_bytes.setter
    def max_bytes(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._shrink()

    def get(self, key: Hashable) -> WellImages | None:
        """The well kept under `key`, or None."""
        images = self._wells.get(key)
        if images is not None:
            self._wells.move_to_end(key)
        return images

    def put(self, key: Hashable, images: WellImages) -> None:
        """Keep `images` under `key`, in place of those that were seen longest ago."""
        self._wells[key] = images
        self._wells.move_to_end(key)
        self._shrink()

    def clear(self) -> None:
        """Forget all wells: another plate, or the same one read in another way."""
        self._wells.clear()

    def _shrink(self) -> None:
        while self._wells and self.nbytes > self._max_bytes:
            self._wells.popitem(last=False)
