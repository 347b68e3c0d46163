"""The pixels of a well's fields: read ahead in threads, and kept as long as they are few."""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from napari_mid.images.fields import load_field
from napari_mid.images.parallel import reading_pool
from napari_mid.images.well_images import WellImages
from napari_mid.plates.plate import Well

#: Fields that are read ahead of the one that is asked for: the disk works while the device computes.
AHEAD = 3
#: Bytes of pixels that are kept for a second look; the fields of larger wells are read again.
KEPT_BYTES = 512 * 2**20


class FieldStore:
    """Some channels of the fields of a well, for one pass or more in the order of their numbers; a context manager.

    Parameters
    ----------
    well
        Whose fields.
    channels
        Indices of the channels, in the order wanted.
    images
        The well's pixels, where they are in memory already.

    Attributes
    ----------
    waited
        Seconds that were spent waiting for images.
    """

    def __init__(self, well: Well, channels: list[int], images: WellImages | None = None) -> None:
        self.numbers = sorted(well.fields)
        self._well = well
        self._channels = channels
        self._images = images if images is not None and images.well == well.name else None
        self._coming: dict[int, Future[NDArray[Any]]] = {}
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self.waited = 0.0
        self._pool = reading_pool(AHEAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Read no further, and let go of what was read."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._coming.clear()
        self._kept.clear()
        self._bytes = 0

    def begin(self) -> None:
        """Read the first fields before anyone asks for one."""
        if self.numbers and self._images is None:
            self._ahead(self.numbers[0])

    def pixels(self, number: int) -> NDArray[Any]:
        """The channels (C, Y, X) of the field `number`.

        Raises
        ------
        ImageReadError
            If they cannot be read.
        """
        if self._images is not None:
            return self._images.pixels(number, self._channels)
        if number not in self._kept:
            self._ahead(number)
            start = time.perf_counter()
            try:
                image = self._coming.pop(number).result()
            finally:
                self.waited += time.perf_counter() - start
            self._keep(number, image)
        return self._kept[number]

    def _ahead(self, number: int) -> None:
        """Ask for `number` and those that follow."""
        first = self.numbers.index(number)
        for each in self.numbers[first : first + 1 + AHEAD]:
            if each not in self._coming and each not in self._kept:
                self._coming[each] = self._pool.submit(load_field, self._well.fields[each], self._channels)

    def _keep(self, number: int, image: NDArray[Any]) -> None:
        self._kept[number] = image
        self._bytes += image.nbytes
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
