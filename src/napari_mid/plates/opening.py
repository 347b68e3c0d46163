"""Opening a plate: the reader that fits, the roles the user gives, and the plate map that lies beside it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from napari_mid.errors import PlateFormatError, PlateMapError, PlateNotFoundError
from napari_mid.plates.folder import examples
from napari_mid.plates.formats import file_names, format_names, ome_zarr, plate_formats
from napari_mid.plates.formats._loose import LOOSE
from napari_mid.plates.plate import Plate
from napari_mid.plates.plate_map import PlateMap, read_plate_map
from napari_mid.plates.urls import is_url

#: Names of a plate map that is joined without being asked for.
PLATE_MAP_NAMES = ("plate_map.csv", "plate_map.tsv", "plate_map.xlsx")


def open_plate(
    path: Path | str,
    *,
    roles: Mapping[str, str] | None = None,
    pattern: str | None = None,
    plate_map: Path | str | PlateMap | None = None,
) -> Plate:
    """Open a plate: its index, no pixels.

    Parameters
    ----------
    path
        A folder, an index file such as ``Index.idx.xml``, or the URL of an OME-Zarr plate (``https://host/plate.zarr``,
        ``s3://bucket/plate.zarr``).
    roles
        What channels show, by name, for example ``{"Channel2": "nucleus"}``; the others are guessed from their names.
    pattern
        How the file names are built where no built-in pattern fits: ``"img_{well}_{site}_{channel}.tif"``. With a pattern, an
        index in the folder is passed over.
    plate_map
        A plate map or its file. Where None, a ``plate_map.csv`` (or ``.tsv``, ``.xlsx``) beside the images or the index is
        joined.

    Raises
    ------
    PlateNotFoundError
        If nothing is there, or no image.
    PlateFormatError
        If no reader understands what is there.
    ChannelError
        If `roles` names a channel or a role that does not exist.
    PlateMapError
        If the plate map that was given cannot be read or fits no well.
    """
    plate = _read_url(str(path), pattern) if is_url(path) else _read_path(path, pattern)
    if roles:
        plate = plate.with_roles(roles)
    return _with_given_map(plate, plate_map) if plate_map is not None else _with_found_map(plate)


def _read_url(url: str, pattern: str | None) -> Plate:
    if pattern is not None:
        raise PlateFormatError(f"A pattern is for file names in a folder, and {url} is on a server; leave the pattern out.")
    return ome_zarr.read_url(url)


def _read_path(path: Path | str, pattern: str | None) -> Plate:
    # absolute, so that a plate stays readable when the working folder changes
    path = Path(os.path.abspath(os.path.expanduser(path)))
    if not os.path.exists(path):
        raise PlateNotFoundError(f"There is no plate at {path}{_nearest(path)}.")
    return file_names.read(path, pattern) if pattern is not None else _read(path)


def _nearest(path: Path) -> str:
    """Where the path stops being true."""
    for parent in path.parents:
        if os.path.exists(parent):
            return "" if parent == path.parent else f"; {parent} is there, {path.relative_to(parent).parts[0]} in it is not"
    return ""


def _read(path: Path) -> Plate:
    for plate_format in plate_formats():
        if plate_format.can_read(path):
            return plate_format.read(path)
    _check_readable(path)
    known = ", ".join(format_names())
    raise PlateFormatError(
        f"{path} is no index file that can be read (known formats: {known}); give the folder of the images instead."
    )


def _check_readable(path: Path) -> None:
    """Say so where it is not the format that keeps the file from being read."""
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise PlateFormatError(f"{path} cannot be read: {error.strerror}.") from error
    if empty:
        raise PlateFormatError(f"{path} is empty; copy it again, or give the folder of the images.")


def _with_given_map(plate: Plate, plate_map: Path | str | PlateMap) -> Plate:
    if not isinstance(plate_map, PlateMap):
        plate_map = read_plate_map(plate_map, plate=plate.name)
    return _joined(plate, plate_map)


def _with_found_map(plate: Plate) -> Plate:
    """Join the plate map that lies beside the plate, else the microscope's own; one that makes no sense becomes a warning."""
    if plate.format == LOOSE:
        return plate  # the wells of the map are not the one that stands for images without wells
    path = plate_map_beside(plate.path)
    try:
        found = plate.plate_map if path is None else read_plate_map(path, plate=plate.name)
        return plate if found is None else _joined(plate, found)
    except PlateMapError as error:
        return dataclasses.replace(plate, plate_map=None, warnings=(*plate.warnings, f"The plate map is not used: {error}"))


def plate_map_beside(path: Path | str) -> Path | None:
    """The plate map that is joined to the plate at `path` without being asked for; None where there is none."""
    if not isinstance(path, Path):
        return None  # nothing is looked for on a server
    folder = path if path.is_dir() else path.parent
    # Harmony keeps the index and the images in Images, one below what a person calls the plate's folder
    inner = folder.name.casefold() == "images" or _is_only_zarr(folder)
    folders = [folder, folder.parent] if inner else [folder]
    return next((place / name for place in folders for name in PLATE_MAP_NAMES if (place / name).is_file()), None)


def _is_only_zarr(folder: Path) -> bool:
    """Whether what lies beside the Zarr `folder` belongs to it: in it nothing but Zarr has a place."""
    return folder.suffix == ".zarr" and len(list(folder.parent.glob("*.zarr"))) == 1


def _joined(plate: Plate, plate_map: PlateMap) -> Plate:
    seen = [well.name for well in plate.wells.values()]
    unknown = [name for name in seen if name not in plate_map.conditions]
    if seen and len(unknown) == len(seen):
        raise PlateMapError(
            f"{plate_map.path} has {len(plate_map.conditions)} wells, none of them among the {len(seen)} of plate {plate.name} "
            f"({', '.join(seen[:3])}, ...)."
        )
    warnings = list(plate_map.warnings)
    if unknown:
        shown = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
        warnings.append(
            f"{len(unknown)} of the {len(seen)} wells of plate {plate.name} are not in {plate_map.path.name}: {shown}."
        )
    beyond = plate_map.wells_beyond(plate.rows, plate.columns)
    if beyond:
        warnings.append(
            f"{plate_map.path.name} has {len(beyond)} wells that a plate of {plate.rows} x {plate.columns} cannot have: "
            f"{examples(beyond)}."
        )
    joined = plate.with_plate_map(plate_map)
    return dataclasses.replace(joined, warnings=(*plate.warnings, *warnings))
