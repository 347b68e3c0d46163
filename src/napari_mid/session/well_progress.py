"""Which wells are being scored, and which could not be, for the plate map."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class WellProgress:
    """What became of the wells that were run; `changed` is called after each change."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._running = ""
        self._failed: dict[str, str] = {}

    @property
    def running(self) -> str:
        """The well that is being scored; empty where none is."""
        return self._running

    @running.setter
    def running(self, well: str) -> None:
        if well != self._running:
            self._running = well
            if well:
                self._failed.pop(well, None)
            self._changed()

    @property
    def failed(self) -> Mapping[str, str]:
        """Why the last attempt to score a well failed, by well."""
        return self._failed

    def fail(self, well: str, why: str) -> None:
        """Say that `well` could not be scored."""
        self._failed[well] = why
        self._changed()

    def clear(self) -> None:
        """Forget all: another plate or model."""
        if self._running or self._failed:
            self._running, self._failed = "", {}
            self._changed()
