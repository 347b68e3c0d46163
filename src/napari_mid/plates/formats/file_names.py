"""Plates without an index: the file names alone say which well, field and channel an image is; else images are loose."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_mid.errors import PlateFormatError, PlateNotFoundError
from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.folder import examples, is_folder, is_image, natural_key
from napari_mid.plates.formats._imagexpress_missing import Key
from napari_mid.plates.formats._imagexpress_sites import Stage, read_stage
from napari_mid.plates.formats._loose import Contents, contents_channels, image_contents, loose_plate
from napari_mid.plates.formats._patterns import BUILT_IN, FilePattern, NameParts, best_fit, user_pattern
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import standard_plate_size, well_position

NAME = "File names"
LAST_RESORT = True

#: Folders below the plate's own that are looked into.
MAX_DEPTH = 3

#: What segmentation programs leave beside images.
_DERIVED_FOLDER = re.compile(
    r"(masks?|labels?|segmentations?|outlines?|thumb(nail)?s?|overlays?|illum(ination)?)$", re.IGNORECASE
)
_DERIVED_FILE = re.compile(
    r"(_thumb|[_-](masks?|labels?|outlines?|overlays?|seg|cp_masks)(?=[_.-])|[_-]mask[a-z]*\.)", re.IGNORECASE
)
_SERIES_FOLDER = re.compile(r"(?:(?P<time>TimePoint)|(?P<z>ZStep))_(?P<number>\d+)", re.IGNORECASE)

#: Index files of other formats, which would have been taken if they could be read.
_INDEX = re.compile(r"measurementdata\.mlf|load_?data.*\.(csv|tsv|parquet|pq)", re.IGNORECASE)

#: Where fewer than this part of the images of a folder fit a pattern, that is chance.
_LEAST_FITTING = 0.1


def can_read(path: Path) -> bool:
    """Whether `path` is an image or a folder; its names are looked at by `read`, which says what it found."""
    return path.is_dir() or (is_image(path.name) and path.is_file())


def most_names_fit(folder: Path) -> bool:
    """Whether at least half of the images in and below `folder` are named as some microscope names them."""
    names = _image_names(folder, with_derived=False)
    return bool(names) and 2 * len(best_fit(names)[1]) >= len(names)


def loose_images(folder: Path) -> list[Path]:
    """The images of `folder`, or of its only folder with images, in natural order, where their names tell no well; else none."""
    names = _image_names(folder, with_derived=False)
    if not names or _pattern_for(names) is not None:
        return []
    homes = _loose_homes(names)
    return [folder / name for name in names if name.rpartition("/")[0] == homes[0]] if len(homes) == 1 else []


@dataclass(frozen=True)
class _Found:
    """A file that fits the pattern; `home` is its folder without ``TimePoint_1/ZStep_2``."""

    relative: str
    home: str
    parts: NameParts


def read(path: Path, pattern: str | None = None) -> Plate:
    """Read the plate whose images lie in the folder `path`.

    Images whose names tell no well, and a single image, become the fields of one well A01; `Plate.format` tells them apart.

    Parameters
    ----------
    path
        The folder, or an image; with a pattern, a file means the folder it lies in.
    pattern
        How the names are built, see `napari_mid.plates.formats._patterns.user_pattern`; the built-in ones are tried where None.

    Raises
    ------
    PlateNotFoundError
        If there is no image.
    PlateFormatError
        If the names do not fit, the pattern makes no sense, or several plates lie in the folder.
    """
    chosen = user_pattern(pattern) if pattern is not None else None
    if chosen is None and not path.is_dir():
        return _single(path)
    folder = path if path.is_dir() else path.parent
    names = _image_names(folder, with_derived=chosen is not None)
    if not names:
        raise PlateNotFoundError(_no_images(folder))
    warnings = [] if chosen else _passed_over(folder)
    chosen = chosen or _pattern_for(names)
    if chosen is None:
        return _loose(path, folder, names, warnings)
    found = [_found(name, parts) for name, parts in chosen.fitting(names)]
    if not found:
        raise PlateFormatError(
            f"None of the {len(names)} images in {folder} fits the pattern {chosen.name!r}; {names[0]}, for example, does not."
        )
    if not chosen.whole_path:
        found = _one_plate(folder, found, [name for name in names if any(built_in.match(name) for built_in in BUILT_IN)])
    homes = {item.home for item in found}
    left_out = [name for name in names if _found_home(name) in homes and chosen.match(name) is None]
    return _plate(path, folder, found, warnings + _left_out_warning(chosen, left_out))


def _passed_over(folder: Path) -> list[str]:
    """A warning where an index lies beside the images that no format could read."""
    found = sorted(child.name for child in folder.iterdir() if _INDEX.fullmatch(child.name))
    if not found:
        return []
    return [f"{examples(found)} beside the images cannot be read, or is no index; the plate is known by its file names alone."]


def _pattern_for(names: list[str]) -> FilePattern | None:
    """The built-in pattern that fits most of `names`, or None where they tell no well."""
    chosen, found = best_fit(names)
    homes = {_found_home(name) for name, _ in found}
    beside = sum(_found_home(name) in homes for name in names)
    return chosen if found and len(found) >= _LEAST_FITTING * beside else None


def _single(path: Path) -> Plate:
    warning = f"{path.name} is a single image, shown as the only field of a well A01"
    if any(built_in.fitting([path.name]) for built_in in BUILT_IN):
        warning += "; open its folder for the whole plate"
    return loose_plate(path, path.stem, [path], [f"{warning}."])


def _loose(path: Path, folder: Path, names: list[str], warnings: list[str]) -> Plate:
    homes = _loose_homes(names)
    if len(homes) > 1:
        raise PlateFormatError(
            f"{folder} holds {len(names)} images in {len(homes)} folders ({examples(homes)}) whose names do not tell the well, "
            f"such as {names[0]}. Open one of the folders, or say how they are built with a pattern, for example "
            "--pattern 'img_{well}_{site}_{channel}.tif'."
        )
    (home,) = homes
    shown = [name for name in names if name.rpartition("/")[0] == home]
    warnings.append(
        f"The names of the {len(shown)} images, such as {shown[0]}, do not tell the well; each image is a field of one well A01. "
        "If they are of a plate, say how they are built with a pattern, for example --pattern 'img_{well}_{site}_{channel}.tif'."
    )
    if len(shown) < len(names):
        warnings.append(f"{len(names) - len(shown)} images in folders below are left out.")
    return loose_plate(path, _home_name(folder / home), [folder / name for name in shown], warnings)


def _loose_homes(names: list[str]) -> list[str]:
    """The folders that hold loose images, relative: the plate's own where it has any, else its ``images``, else all."""
    homes = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
    first = [home for home in homes if home == ""] or [home for home in homes if home.casefold() == "images"]
    return first[:1] or homes


def _home_name(home: Path) -> str:
    # a folder called images tells less than the one above it
    return (home.parent.name if home.name.casefold() == "images" else home.name) or "plate"


def _image_names(folder: Path, *, with_derived: bool) -> list[str]:
    """Paths of the images in and below `folder`, relative to it, in natural order.

    Hidden ones are left out, and unless `with_derived` masks, thumbnails and the like.
    """
    names: list[str] = []

    def walk(relative: str, depth: int) -> None:
        try:
            with os.scandir(folder / relative) as listing:
                entries = list(listing)
        except OSError:
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            child = f"{relative}/{entry.name}" if relative else entry.name
            if is_image(entry.name):
                if with_derived or not _DERIVED_FILE.search(entry.name):
                    names.append(child)
            elif depth < MAX_DEPTH and not _DERIVED_FOLDER.search(entry.name) and is_folder(entry):
                walk(child, depth + 1)

    walk("", 0)
    return sorted(names, key=natural_key)


def _found_home(relative: str) -> str:
    folders = relative.split("/")[:-1]
    return "/".join(name for name in folders if not _SERIES_FOLDER.fullmatch(name))


def _found(relative: str, parts: NameParts) -> _Found:
    """Join what the name says with what ``TimePoint_2/ZStep_3`` says; the name goes first."""
    time, z = parts.time, parts.z
    for name in relative.split("/")[:-1]:
        series = _SERIES_FOLDER.fullmatch(name)
        if series is not None and series["time"] and time is None:
            time = int(series["number"])
        elif series is not None and series["z"] and z is None:
            z = int(series["number"])
    return _Found(relative, _found_home(relative), dataclasses.replace(parts, time=time, z=z))


def _one_plate(folder: Path, found: list[_Found], named: list[str]) -> list[_Found]:
    """The files of one plate: those in the folder itself, else in its ``images`` folder, else in its only folder with a plate.

    `named` are all images whose names tell a well, in whatever way.
    """
    homes = {item.home for item in found}
    chosen = [home for home in sorted(homes) if home == "" or home.casefold() == "images"]
    if not chosen:
        several = sorted(homes | {_found_home(name) for name in named}, key=natural_key)
        if len(several) > 1:
            raise PlateFormatError(
                f"{folder} holds images in {len(several)} folders, which look like a plate each: {examples(several)}. "
                "Open one of them."
            )
        chosen = several
    return [item for item in found if item.home == chosen[0]]


def _plate(path: Path, folder: Path, found: list[_Found], warnings: list[str]) -> Plate:
    home = folder / found[0].home if len({item.home for item in found}) == 1 else folder
    name = _home_name(home)
    names = _channel_names(found)
    stage = _stage(folder, found, names)
    warnings += stage.warnings
    contents = _contents(folder, found, warnings)
    channels = contents_channels([contents], contents.n_channels) if contents else _channels(names, stage)
    pixel_size = stage.pixel_size_um or (contents.pixel_size_um if contents else None)
    planes = _planes(folder, found, {channel: index for index, channel in enumerate(names)}, contents, warnings)
    wells: dict[str, Well] = {}
    for well in sorted(planes, key=well_position):
        fields = {
            site: Field(name, well, site, tuple(planes[well][site]), channels, stage.positions_um.get(site), pixel_size)
            for site in sorted(planes[well])
        }
        wells[well] = Well(name, well, fields)
    warnings += _uneven(wells.values(), channels)
    rows, columns = standard_plate_size((well.row, well.column) for well in wells.values())
    return Plate(
        name=name,
        path=path,
        format=NAME,
        rows=rows,
        columns=columns,
        channels=channels,
        wells=wells,
        pixel_size_um=pixel_size,
        n_images=len(found),
        warnings=tuple(warnings),
    )


def _channel_names(found: list[_Found]) -> list[str]:
    """Names of the channels, by their number where the names have one."""
    order: dict[str, int] = {}
    for item in found:
        order[item.parts.channel] = min(order.get(item.parts.channel, item.parts.order), item.parts.order)
    return sorted(order, key=lambda name: (order[name], natural_key(name)))


def _stage(folder: Path, found: list[_Found], channels: list[str]) -> Stage:
    """What the headers of a few images tell, where they are of MetaXpress; wavelengths are numbered like `channels`."""
    numbers = {name: number for number, name in enumerate(channels)}
    on_disk: dict[Key, Path] = {}
    for item in found:
        if item.relative.lower().endswith((".tif", ".tiff")):
            parts = item.parts
            key = Key(parts.well, parts.site, numbers[parts.channel], parts.time or 1, parts.z)
            on_disk.setdefault(key, folder / item.relative)
    return read_stage(on_disk, list(numbers.values()), {})


def _contents(folder: Path, found: list[_Found], warnings: list[str]) -> Contents | None:
    """What every file holds, where its pages are the channels; the first file stands for all."""
    first = image_contents(folder / found[0].relative)
    if len(first.planes) == 1:
        return None
    if not any(item.parts.tells_channel for item in found):
        return first
    warnings.append(f"The files hold several images, such as {found[0].relative} with {len(first.planes)}; the first is shown.")
    return None


def _channels(names: list[str], stage: Stage) -> tuple[Channel, ...]:
    emission = [stage.wavelengths.get(number) for number in range(len(names))]
    return tuple(Channel(name, guess_role(name, told), told) for name, told in zip(names, emission, strict=True))


def _planes(
    folder: Path, found: list[_Found], channel_index: dict[str, int], contents: Contents | None, warnings: list[str]
) -> dict[str, dict[int, list[Plane]]]:
    """Planes by well and field; images that say the same as another add a warning."""
    planes: dict[str, dict[int, list[Plane]]] = defaultdict(lambda: defaultdict(list))
    seen: dict[tuple[str, int, str, int | None, int | None], str] = {}
    repeated: list[str] = []
    for item in found:
        parts = item.parts
        key = (parts.well, parts.site, parts.channel, parts.time, parts.z)
        if key in seen:
            repeated.append(f"{item.relative} (like {seen[key]})")
            continue
        seen[key] = item.relative
        for channel, z, time, page in contents.planes if contents else [(channel_index[parts.channel], 1, 1, 0)]:
            z, time = z if parts.z is None else parts.z, time if parts.time is None else parts.time
            planes[parts.well][parts.site].append(Plane(folder / item.relative, channel, z, time, page))
    if repeated:
        warnings.append(
            f"{len(repeated)} images say the same well, field and channel as another and are left out: {examples(repeated)}."
        )
    return planes


def _uneven(wells: Iterable[Well], channels: tuple[Channel, ...]) -> list[str]:
    """Which fields lack a channel that other fields have."""
    lacking = []
    for well in wells:
        for field in well.fields.values():
            there = {plane.channel for plane in field.planes}
            lacking += [f"{field.key} has no {channel.name}" for index, channel in enumerate(channels) if index not in there]
    if not lacking:
        return []
    return [f"{len(lacking)} images that other fields have are missing: {examples(lacking)}."]


def _left_out_warning(pattern: FilePattern, left_out: list[str]) -> list[str]:
    if not left_out:
        return []
    return [f"{len(left_out)} images do not fit the file names {pattern.name} and are left out: {examples(left_out)}."]


def _no_images(folder: Path) -> str:
    try:
        children = sorted(child.name for child in folder.iterdir())
    except OSError as error:
        return f"{folder} cannot be read: {error.strerror}."
    if not children:
        return f"{folder} is empty; expected the folder or the index file of a plate."
    hint = f"it holds {examples(children)}"
    if any(is_image(child) for child in children):
        hint += " (masks, labels and thumbnails do not count)"
    return f"There are no images in {folder}; {hint}. Expected TIFF, PNG or JPEG files, or a folder with an index file."
