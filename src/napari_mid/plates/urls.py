"""Plates that lie on a server: a URL stays a string, since a `Path` would swallow one of its slashes."""

from __future__ import annotations

import re
from pathlib import Path

#: The drive letter of ``C:\\plate`` is no scheme.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(text: Path | str) -> bool:
    """Whether `text` is a URL such as ``https://host/plate.zarr``."""
    return isinstance(text, str) and _SCHEME.match(text) is not None


def path_or_url(text: str) -> Path | str:
    """What a user typed as a plate: a URL as it is, anything else as a path."""
    return text if is_url(text) else Path(text)
