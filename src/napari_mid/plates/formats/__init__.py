"""One file per plate format; adding a format is adding a file.

A format is a module of this package, whose name does not start with an underscore, with

- ``NAME``, what `info` prints as the format,
- ``can_read(path) -> bool``, which looks at the content of a folder or file, quickly and without raising,
- ``read(path) -> Plate``, which raises `MidError` where the content makes no sense,
- ``LAST_RESORT`` (optional): asked only when no other format can read the path.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Protocol

from napari_mid.plates.plate import Plate


class PlateFormat(Protocol):
    """What a module of this package offers."""

    NAME: str

    def can_read(self, path: Path) -> bool:
        """Whether the folder or file at `path` is of this format."""

    def read(self, path: Path) -> Plate:
        """Read the index of the plate at `path`; no pixels."""


@cache
def plate_formats() -> tuple[PlateFormat, ...]:
    """All formats, those of last resort at the end."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(modules, key=lambda module: getattr(module, "LAST_RESORT", False)))


def format_names() -> list[str]:
    """Names of all formats, for messages."""
    return [plate_format.NAME for plate_format in plate_formats()]
