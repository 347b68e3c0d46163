"""Nuclei that hold a person's work, kept while the program runs: no change of the well, the plate or a setting loses it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from napari_mid.cells.edits import edits_of, made_by_hand
from napari_mid.cells.nuclei import Nuclei


class KeptNuclei:
    """Nuclei made by hand, by a key of the well, and those with edits that others took the place of."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, dict[int, Nuclei]] = {}
        self._replaced: dict[Hashable, dict[int, Nuclei]] = {}

    def get(self, key: Hashable) -> dict[int, Nuclei] | None:
        """The nuclei made by hand of a well, by field."""
        return self._kept.get(key)

    def replaced(self, key: Hashable) -> dict[int, Nuclei] | None:
        """The edited nuclei that others took the place of."""
        return self._replaced.get(key)

    def put(self, key: Hashable, nuclei: Mapping[int, Nuclei], *, further: bool = False) -> bool:
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

    def restore(self, key: Hashable) -> dict[int, Nuclei] | None:
        """Bring back what was replaced, if anything was."""
        before = self._replaced.pop(key, None)
        if before is not None:
            self._kept[key] = before
        return before
