"""The metadata of an OME-Zarr hierarchy, Zarr v2 and v3, with or without consolidated metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_mid.errors import PlateFormatError
from napari_mid.plates.zarr_places import ROOT_FILES, ZarrPlace, reason_of
from napari_mid.plates.zarr_planes import ArrayLayout, metadata_key


@dataclass(frozen=True, slots=True)
class Group:
    """What a group says.

    Parameters
    ----------
    attributes
        All of it.
    ome
        The part that OME-Zarr defines: the same up to 0.4, the entry ``ome`` from 0.5 on.
    """

    attributes: Mapping[str, Any]
    ome: Mapping[str, Any]


@dataclass(frozen=True)
class Tree:
    """A hierarchy whose root has been read.

    Parameters
    ----------
    place
        Where it is.
    zarr_format
        2 or 3.
    root
        What its root says.
    consolidated
        Metadata of everything below by file name, where the root has them. They are used on servers only, where each file is a
        request: on a disk the files themselves tell what is there.
    """

    place: ZarrPlace
    zarr_format: int
    root: Group
    consolidated: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asking_is_cheap(self) -> bool:
        """Whether the metadata of every array may be asked for."""
        return not self.place.is_remote or bool(self.consolidated)

    def groups(self, paths: Sequence[str]) -> dict[str, Group | ValueError]:
        """The groups `paths` that are there, or what is wrong with them."""
        name = "zarr.json" if self.zarr_format == 3 else ".zattrs"
        return {
            path: _group(content, self.zarr_format) if isinstance(content, dict) else content
            for path, content in self._documents({path: f"{path}/{name}" if path else name for path in paths}).items()
        }

    def arrays(self, paths: Sequence[str]) -> dict[str, ArrayLayout | ValueError]:
        """The layouts of the arrays `paths` that are there, or what is wrong with them."""
        layouts: dict[str, ArrayLayout | ValueError] = {}
        for path, content in self._documents({path: metadata_key(path, self.zarr_format) for path in paths}).items():
            try:
                layouts[path] = ArrayLayout.from_metadata(content) if isinstance(content, dict) else content
            except ValueError as error:
                layouts[path] = error
        return layouts

    def _documents(self, keys: Mapping[str, str]) -> dict[str, dict[str, Any] | ValueError]:
        found: dict[str, dict[str, Any] | ValueError] = {}
        for path, key in keys.items():
            if isinstance(self.consolidated.get(key), dict):
                found[path] = self.consolidated[key]
        wanted = {path: key for path, key in keys.items() if path not in found}
        contents = self.place.read(list(wanted.values())) if wanted else {}
        for path, key in wanted.items():
            if key in contents:
                found[path] = _parsed(contents[key])
        return found


def open_tree(place: ZarrPlace) -> Tree:
    """Read the root of the hierarchy at `place`.

    Raises
    ------
    PlateFormatError
        If it is no Zarr group, or damaged.
    """
    names = (*ROOT_FILES, ".zmetadata") if place.is_remote else ROOT_FILES
    contents = place.read(names)
    zarr_format = 3 if "zarr.json" in contents else 2
    key = "zarr.json" if zarr_format == 3 else ".zattrs"
    if key not in contents:
        there = ".zgroup" in contents
        raise PlateFormatError(
            f"{place.root} is a Zarr group without OME-Zarr metadata; expected a plate."
            if there
            else f"{place.root} is no Zarr group; expected a zarr.json or .zattrs in it."
        )
    document = _parsed(contents[key])
    if isinstance(document, ValueError):
        raise PlateFormatError(f"{key} of {place.root} cannot be read ({reason_of(document)}); it may be damaged or cut short.")
    consolidated = _consolidated(place, document, contents.get(".zmetadata"))
    root = _group(document, zarr_format)
    if isinstance(root, ValueError):
        raise PlateFormatError(f"{key} of {place.root} makes no sense: {reason_of(root)}.")
    return Tree(place, zarr_format, root, consolidated)


def _parsed(content: bytes | Exception) -> dict[str, Any] | ValueError:
    if isinstance(content, Exception):
        return ValueError(reason_of(content))
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        return ValueError(reason_of(error))
    return document if isinstance(document, dict) else ValueError("it is no JSON object")


def _group(document: Mapping[str, Any], zarr_format: int) -> Group | ValueError:
    if zarr_format == 2:
        return Group(document, document)
    attributes = document.get("attributes", {})
    if not isinstance(attributes, dict) or document.get("node_type", "group") != "group":
        return ValueError("it describes no group with attributes")
    ome = attributes.get("ome", attributes)
    return Group(attributes, ome) if isinstance(ome, dict) else ValueError("its entry ome is no JSON object")


def _consolidated(place: ZarrPlace, root: Mapping[str, Any], zmetadata: bytes | Exception | None) -> dict[str, Any]:
    """Consolidated metadata by file name, of Zarr v3 (in the root's own file) or v2 (in a file of theirs)."""
    if not place.is_remote:
        return {}
    inline = root.get("consolidated_metadata")
    nodes = inline.get("metadata") if isinstance(inline, dict) else None
    if isinstance(nodes, dict):
        return {f"{path}/zarr.json": node for path, node in nodes.items()}
    document = _parsed(zmetadata) if zmetadata is not None else {}
    files = document.get("metadata") if isinstance(document, dict) else None
    return files if isinstance(files, dict) else {}
