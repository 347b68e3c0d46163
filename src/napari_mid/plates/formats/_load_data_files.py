"""Where the images of a LoadData table are now: its paths are those of the machine that wrote it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from napari_mid.plates.folder import IndexFolder

#: Folders of a path, from its end, that are compared with those below the table.
_MAX_DEPTH = 12


def path_of_url(url: str) -> str:
    """The path that a ``file:`` URL means; others are given back as they are."""
    if not url.casefold().startswith("file:"):
        return url
    return unquote(re.sub(r"^file:(//(localhost)?(?=/))?", "", url, flags=re.IGNORECASE))


class ImageFiles:
    """Finds images in and below the folder of a table, and nowhere else: a table may come from anybody.

    Of the folders that the table names the longest trailing part that exists below its own folder is taken, so that
    ``/data/plate/Images`` is ``Images`` beside the table, and the table's own folder where there is none.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._roots = [IndexFolder(home)]
        # DeepProfiler keeps its index in "metadata" and means paths below "images" beside that
        images = home.parent / "images"
        if home.name.casefold() == "metadata" and images.is_dir():
            self._roots.insert(0, IndexFolder(images))
        self._below: dict[tuple[int, str], list[str]] = {}
        self._linked_out: set[str] = set()
        self._elsewhere: dict[str, bool] = {}

    def find(self, folder: str, name: str) -> Path | None:
        """The image called `name` in `folder` of the table, or None where it is absent.

        Raises
        ------
        ValueError
            If it is there, but outside the table's folder.
        """
        parts = f"{folder}/{name}".replace("\\", "/").split("/")
        parent, leaf = "/".join(parts[:-1]), parts[-1]
        if leaf in ("", ".", ".."):
            return None
        outside = False
        for number, root in enumerate(self._roots):
            for below in self._folders_below(number, parent):
                try:
                    found = root.find(f"{below}/{leaf}" if below else leaf)
                except ValueError:
                    outside = True
                    continue
                if found is not None:
                    return found
        if outside or parent in self._linked_out or self._lies_outside(parent, leaf):
            raise ValueError(name)
        return None

    def _folders_below(self, root: int, parent: str) -> list[str]:
        key = (root, parent)
        if key not in self._below:
            parts = [part for part in parent.split("/") if part not in ("", ".")][-_MAX_DEPTH:]
            # only what follows a drive letter, a scheme or ".." can lie below the table
            start = max((i + 1 for i, part in enumerate(parts) if part == ".." or ":" in part), default=0)
            tails = ["/".join(parts[i:]) for i in range(start, len(parts))]
            folder = self._roots[root].folder
            home = os.path.realpath(folder)
            there = [tail for tail in tails if os.path.isdir(folder / tail)]
            inside = [tail for tail in there if os.path.commonpath([home, os.path.realpath(folder / tail)]) == home]
            if len(inside) < len(there):
                self._linked_out.add(parent)
            self._below[key] = [*inside, ""]
        return self._below[key]

    def _lies_outside(self, parent: str, leaf: str) -> bool:
        """Whether the file is where the table says, outside its folder; never asks another machine."""
        if parent not in self._elsewhere:
            # "//server/share" and "s3://" would be asked over the network, which opening a table must not do
            local = not parent.startswith("//") and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", parent) is None
            leads_out = os.path.isabs(parent or ".") or ".." in parent.split("/")
            self._elsewhere[parent] = local and leads_out and os.path.isdir(self.home / parent)
        return self._elsewhere[parent] and os.path.isfile(self.home / parent / leaf)
