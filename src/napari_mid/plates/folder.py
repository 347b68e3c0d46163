"""What lies in a plate's folder, found with one listing per folder instead of a question per file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

#: Endings of files that `napari_mid.plates.pixels` reads.
IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")


def is_image(name: str) -> bool:
    """Whether the file `name` ends like an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``"ch10"`` after ``"ch2"``."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(1, int(part), "") if part.isdecimal() and part.isascii() else (0, 0, part) for part in parts]


def examples(names: list[str], count: int = 3) -> str:
    """The first few of `names`, for a message."""
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a folder; a link that leads in circles, or nowhere, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a file; a link that leads in circles, or nowhere, is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def declared_warnings(
    index: str, total: int, missing: Sequence[str], refused: Sequence[str], repeated: Sequence[str] = ()
) -> list[str]:
    """What a person should know of the images that the file `index` declares, `total` of them."""
    warnings = []
    if missing:
        warnings.append(f"{len(missing)} of the {total} images that {index} declares are missing: {examples(list(missing))}.")
    if refused:
        warnings.append(f"{len(refused)} images lie outside the folder of {index} and are not read: {examples(list(refused))}.")
    if repeated:
        warnings.append(f"{len(repeated)} images stand twice in {index}; the first of each is used: {examples(list(repeated))}.")
    return warnings


class IndexFolder:
    """The folder of an index file: which of the files that the index names are there, and inside it.

    An index may come from anybody, so a name that leads out of the folder is refused: an absolute path, ``..``, or a link.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, set[str]] = {}
        self._outside: set[str] = set()
        self._listed(".")

    def find(self, name: str) -> Path | None:
        """The file that the index calls `name`, or None where it is absent.

        Raises
        ------
        ValueError
            If `name` leads out of the folder.
        """
        parent, leaf = ".", name
        if "/" in name or "\\" in name or ":" in name or name in ("", ".", ".."):
            parts = name.replace("\\", "/").split("/")
            if parts[0] == "" or ":" in parts[0] or ".." in parts:
                raise ValueError(name)
            parts = [part for part in parts if part not in ("", ".")]
            if not parts:
                return None
            parent, leaf = "/".join(parts[:-1]) or ".", parts[-1]
        files = self._listed(parent)
        if f"{parent}/{leaf}" in self._outside:
            raise ValueError(name)
        if leaf not in files:
            return None
        return self.folder / leaf if parent == "." else self.folder / parent / leaf

    def _listed(self, parent: str) -> set[str]:
        if parent in self._files:
            return self._files[parent]
        home = os.path.realpath(self.folder)
        folder = self.folder / parent
        if not _within(os.path.realpath(folder), home):
            raise ValueError(parent)
        files: set[str] = set()
        self._files[parent] = files
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_symlink() and not _within(os.path.realpath(entry.path), home):
                        self._outside.add(f"{parent}/{entry.name}")
                    elif is_file(entry):
                        files.add(entry.name)
        except OSError:
            return files
        return files


def _within(path: str, home: str) -> bool:
    return path == home or path.startswith(home.rstrip(os.sep) + os.sep)
