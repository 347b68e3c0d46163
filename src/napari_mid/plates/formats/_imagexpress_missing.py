"""Which of the declared images are absent, in one sentence: whole time points and wavelengths before single names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from napari_mid.plates.folder import examples


class Key(NamedTuple):
    """What an image shows; `z` is None for a single plane or a projection."""

    well: str
    site: int
    wavelength: int
    time: int
    z: int | None

    def without_z(self) -> Key:
        """The projection of the same."""
        return self._replace(z=None)


def number_ranges(numbers: Iterable[int]) -> str:
    """``"1, 3-6"``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def spoken(names: Sequence[str]) -> str:
    """``"a, b and c"``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def missing_sentence(
    index: str, n_images: int, missing: Mapping[Key, str], on_disk: Iterable[Key], wavelengths: Mapping[int, str]
) -> str:
    """How many of `n_images` are absent and which; `missing` has the name that each should have."""
    start = f"{len(missing)} of the {n_images} images that {index} declares are missing"
    if len(missing) == n_images:
        return f"{start}: there is no image at all."
    there = list(on_disk)
    rest: Sequence[Key] = list(missing)
    parts = []
    for part, what in (("time", _times), ("wavelength", lambda gone: _wavelengths(gone, wavelengths)), ("well", _wells)):
        known = {getattr(key, part) for key in there}
        gone = {getattr(key, part) for key in rest} - known
        if gone:
            parts.append(what(list(dict.fromkeys(getattr(key, part) for key in rest if getattr(key, part) in gone))))
            rest = [key for key in rest if getattr(key, part) not in gone]
    if rest:
        parts.append(f"{'also ' if parts else ''}{examples([missing[key] for key in rest])}")
    return f"{start}: {'; '.join(parts)}."


def _times(gone: list[int]) -> str:
    return f"all of time point{'s' * (len(gone) > 1)} {number_ranges(gone)}"


def _wavelengths(gone: list[int], names: Mapping[int, str]) -> str:
    return "all of " + spoken([f"w{number} ({names.get(number, '')})" for number in sorted(gone)])


def _wells(gone: list[str]) -> str:
    return f"all of well{'s' * (len(gone) > 1)} {examples(gone, 6)}"
