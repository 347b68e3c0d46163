"""Options of the window that a person sets once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

from napari_mid.errors import SettingsError
from napari_mid.preferences import remembered_options
from napari_mid.settings import check, setting

S = TypeVar("S")

#: Name under which they are kept.
WINDOW = "window"
#: Part of the machine's memory that wells already seen may take at most, whatever the option says.
MEMORY_PART = 0.5


@dataclass(frozen=True)
class WindowOptions:
    """Options of the window."""

    image_cache_mb: int = setting(2048, "memory in MB for wells already seen, which then come back at once", low=0, high=262_144)

    @property
    def cache_bytes(self) -> int:
        """The memory for wells already seen, on this machine."""
        import psutil

        return min(self.image_cache_mb * 2**20, int(MEMORY_PART * psutil.virtual_memory().total))


def kept_options(options_class: type[S]) -> S:
    """The options as they were set before; the defaults where they were not, or make no sense any more."""
    known = {field.name for field in dataclasses.fields(options_class)}  # type: ignore[arg-type]
    try:
        options = options_class(**{name: value for name, value in remembered_options(WINDOW).items() if name in known})
        check(options)
    except (SettingsError, TypeError):
        return options_class()
    return options
