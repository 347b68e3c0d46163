"""OME-Zarr: plates (HCS) of versions 0.1 to 0.5 and single images, in a folder or on a server."""

from __future__ import annotations

import os
from pathlib import Path

from napari_mid.errors import PlateFormatError
from napari_mid.plates.folder import examples, is_image
from napari_mid.plates.formats._ome_zarr_metadata import OWN_KEY
from napari_mid.plates.formats._ome_zarr_plate import NAME, read_tree
from napari_mid.plates.formats._ome_zarr_tree import open_tree
from napari_mid.plates.plate import Plate
from napari_mid.plates.zarr_places import ROOT_FILES, ZarrPlace, remote_place

__all__ = ["NAME", "OWN_KEY", "can_read", "read", "read_url"]

_ENDINGS = (".zarr",)
#: Index files of microscopes: where one lies beside a .zarr, the folder is theirs.
_FOREIGN_ENDINGS = (".mlf", ".htd", ".xml")


def can_read(path: Path) -> bool:
    """Whether `path` is a Zarr group, one of its metadata files, or a folder that holds Zarr folders and no images."""
    return bool(_roots(path))


def read(path: Path) -> Plate:
    """Read the metadata of the plate at `path`; no pixels.

    Raises
    ------
    PlateFormatError
        If it is neither a plate nor an image, or the metadata make no sense.
    """
    roots = _roots(path)
    if len(roots) != 1:
        names = [os.path.basename(root) for root in roots]
        found = f"holds {len(names)} Zarr folders: {examples(names)}. Open one of them" if names else "is no Zarr folder"
        raise PlateFormatError(f"{path} {found}.")
    return read_tree(open_tree(ZarrPlace(roots[0])), path)


def read_url(url: str) -> Plate:
    """Read the metadata of the plate at `url`, ``http(s)://`` or ``s3://``; no pixels.

    Raises
    ------
    PlateFormatError
        If it is neither a plate nor an image, or the metadata make no sense.
    PlateNotFoundError
        If there is nothing at the URL.
    RemoteStoreError
        If the server cannot be reached, or what is needed for it is not installed.
    """
    place = remote_place(url)
    return read_tree(open_tree(place), place.root)


def _roots(path: Path) -> list[str]:
    """The Zarr groups that `path` may mean."""
    text = os.path.abspath(path)
    if os.path.isfile(text):
        return [os.path.dirname(text)] if os.path.basename(text) in (*ROOT_FILES, ".zmetadata") else []
    if _is_group(text):
        return [text]
    try:
        with os.scandir(text) as listing:
            names = sorted(entry.name for entry in listing)
    except OSError:
        return []
    if any(is_image(name) or name.lower().endswith(_FOREIGN_ENDINGS) for name in names):
        return []
    below = [f"{text.rstrip(os.sep)}/{name}" for name in names if name.lower().endswith(_ENDINGS) and not name.startswith(".")]
    return [folder for folder in below if _is_group(folder)]


def _is_group(folder: str) -> bool:
    return any(os.path.isfile(f"{folder}/{name}") for name in ROOT_FILES)
