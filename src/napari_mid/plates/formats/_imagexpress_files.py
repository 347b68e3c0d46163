"""Where an ImageXpress plate lies, and what the names of its images say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.folder import IndexFolder, examples, is_folder, is_image, natural_key
from napari_mid.plates.well_names import well_name, well_position

#: ``TimePoint_2/ZStep_3`` hold one time point and one focal plane.
_TIME_FOLDER = re.compile(r"TimePoint_(\d{1,6})", re.IGNORECASE)
_Z_FOLDER = re.compile(r"ZStep_(\d{1,6})", re.IGNORECASE)
#: An export has the acquisition in ``<plate>/<date>/<number>``.
_DATE_FOLDER = re.compile(r"\d{4}-\d\d-\d\d")

_IMAGE = re.compile(
    # as few letters as possible before the well, so that _w10 is a wavelength and not a well
    r"(?:(?P<base>.*?)_)?(?P<well>A?[A-Z]\d\d)(?:_s(?P<site>\d{1,6}))?(?:_w(?P<wavelength>\d{1,3}))?"
    # MetaXpress adds a GUID from version 5 on
    r"(?:_?\{?[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\}?)?(?P<ending>\.tiff?)",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Place:
    """Where a plate lies.

    Parameters
    ----------
    home
        The folder of its images, or of their ``TimePoint_1`` and so on.
    htd
        Its HTD file.
    time, z
        The only time point and focal plane, where `home` is the folder of one.
    stem
        What all image names begin with, where the folder holds several plates.
    """

    home: Path
    htd: Path
    time: int | None = None
    z: int | None = None
    stem: str | None = None

    @property
    def name(self) -> str:
        """The plate's name: of its folder, not of a time point, a date or the number of an acquisition."""
        folder = self.home
        while _time(folder.name) is not None or _z(folder.name) is not None:
            folder = folder.parent
        if _DATE_FOLDER.fullmatch(folder.parent.name):
            folder = folder.parent
        if _DATE_FOLDER.fullmatch(folder.name) and folder.parent.name:
            folder = folder.parent
        return folder.name or "plate"


@dataclass(frozen=True, slots=True)
class ImageName:
    """What the name and the folders of an image say; None where they do not."""

    relative: str
    base: str
    well: str
    site: int | None
    wavelength: int | None
    ending: str
    time: int | None
    z: int | None


@dataclass
class PlateFiles:
    """The images of a plate: those whose names fit, with their files, and the others."""

    found: list[tuple[ImageName, Path]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    #: What stands before the names of the files, ``"2026-11-22/1334/"``.
    prefix: str = ""


def places(path: Path) -> list[Place]:
    """The plates with an HTD file that `path` may mean: usually one, several where a folder of plates was given."""
    if not path.is_dir():
        if not _is_htd(path.name):
            return []
        several = len(_htd_files(path.parent)) > 1
        return [_place(path.parent, path, path.stem if several else None)]
    here = _places_of(path)
    if here:
        return here
    files, folders = _children(path)
    if any(is_image(name) for name in files):
        return []  # images that lie above a plate are not of it
    return [place for name in folders if _time(name) is None for place in _places_below(path / name)]


def _places_of(folder: Path) -> list[Place]:
    files = _htd_files(folder)
    if files:
        return [_place(folder, file, file.stem if len(files) > 1 else None) for file in files]
    # each time point has a copy, which may be all that is left
    for name in sorted(_children(folder)[1], key=natural_key):
        if _time(name) is not None and len(copies := _htd_files(folder / name)) == 1:
            return [Place(folder, copies[0])]
    above = _htd_files(_above_series(folder))
    return [_place(folder, above[0], None)] if len(above) == 1 else []


def _places_below(folder: Path) -> list[Place]:
    """The plates of `folder` itself, or in its folders ``2026-11-22/1334``."""
    here = _places_of(folder)
    if here:
        return here
    days = [folder] if _DATE_FOLDER.fullmatch(folder.name) else [folder / name for name in _days(folder)]
    return [place for day in days for name in _children(day)[1] for place in _places_of(day / name)]


def _days(folder: Path) -> list[str]:
    return [name for name in _children(folder)[1] if _DATE_FOLDER.fullmatch(name)]


def _above_series(folder: Path) -> Path:
    """The folder that holds ``TimePoint_1/ZStep_2``; another folder is itself."""
    if _z(folder.name) is not None:
        folder = folder.parent
    return folder.parent if _time(folder.name) is not None else folder


def _place(home: Path, htd: Path, stem: str | None) -> Place:
    z = _z(home.name)
    time = _time(home.name if z is None else home.parent.name)
    return Place(home, htd, time, z, stem)


def plate_files(place: Place) -> PlateFiles:
    """List the images of the plate at `place`.

    Raises
    ------
    PlateFormatError
        If it holds several acquisitions.
    """
    files = _listed(place, "")
    if not (files.found or files.strange):
        runs = [f"{day}/{name}/" for day in _days(place.home) for name in _children(place.home / day)[1]]
        several = [run for run in (_listed(place, prefix) for prefix in runs) if run.found]
        if len(several) > 1:
            raise PlateFormatError(
                f"{place.home} holds {len(several)} acquisitions: {examples([run.prefix.rstrip('/') for run in several])}. "
                "Open one of them."
            )
        files = several[0] if several else files
    if place.stem is not None:
        files.found = [item for item in files.found if item[0].base.casefold() == place.stem.casefold()]
    return files


def _listed(place: Place, prefix: str) -> PlateFiles:
    files = PlateFiles(prefix=prefix)
    inside = IndexFolder(place.home)
    for relative, time, z in _walk(place.home, prefix, place.time, place.z):
        leaf = relative.rpartition("/")[2]
        if "_thumb" in leaf.casefold():
            continue
        name = _image_name(relative, leaf, time, z)
        if name is None:
            files.strange.append(relative)
            continue
        try:
            path = inside.find(relative)
        except ValueError:
            files.refused.append(relative)
            continue
        if path is not None:
            files.found.append((name, path))
    return files


def _walk(home: Path, prefix: str, time: int | None, z: int | None) -> Iterator[tuple[str, int | None, int | None]]:
    """Images below `home`, relative to it, with the time point and focal plane that their folders tell."""
    names, folders = _children(home / prefix)
    for name in sorted(names, key=natural_key):
        if is_image(name):
            yield prefix + name, time, z
    for name in sorted(folders, key=natural_key):
        if time is None and z is None and (number := _time(name)) is not None:
            yield from _walk(home, f"{prefix}{name}/", number, None)
        elif z is None and (number := _z(name)) is not None:
            yield from _walk(home, f"{prefix}{name}/", time, number)


def _image_name(relative: str, leaf: str, time: int | None, z: int | None) -> ImageName | None:
    found = _IMAGE.fullmatch(leaf)
    if found is None:
        return None
    try:
        well = well_name(*well_position(found["well"]))
    except WellError:
        return None
    site, wavelength = (None if text is None else int(text) for text in (found["site"], found["wavelength"]))
    return ImageName(relative, found["base"] or "", well, site, wavelength, found["ending"], time, z)


def _htd_files(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_children(folder)[0], key=natural_key) if _is_htd(name)]


def _is_htd(name: str) -> bool:
    return name.casefold().endswith(".htd") and not name.startswith(".")


def _children(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the files and of the folders in `folder`, without the hidden ones; none where it cannot be listed."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if is_folder(entry) else files).append(entry.name)
    except (OSError, ValueError):
        pass
    return files, sorted(folders, key=natural_key)


def _time(name: str) -> int | None:
    found = _TIME_FOLDER.fullmatch(name)
    return int(found[1]) if found is not None else None


def _z(name: str) -> int | None:
    found = _Z_FOLDER.fullmatch(name)
    return int(found[1]) if found is not None else None
