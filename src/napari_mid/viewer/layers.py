"""How our layers are named and coloured, and how they are removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari_mid.plates.field import Channel
from napari_mid.viewer.compat import batched

#: How the names of our colormaps begin.
STAIN = "stain "


def layer_name(channel: Channel) -> str:
    """Name of a channel's layer: its own name, and its role where the name does not tell."""
    if channel.role == "other" or channel.role in channel.name.casefold():
        return channel.name
    return f"{channel.name} ({channel.role})"


def stain_colormap(colour: str) -> Any:
    """A colormap from black to `colour` (hex)."""
    from napari.utils.colormaps import Colormap

    from napari_mid.reports.colours import hex_to_rgb

    return Colormap([[0.0, 0.0, 0.0, 1.0], [*hex_to_rgb(colour), 1.0]], name=f"{STAIN}{colour}")


def is_ours(layer: Any) -> bool:
    """Whether `layer` is one of a channel of an open well."""
    return {"plate", "well", "channel"}.issubset(layer.metadata)


def remove(viewer: Any, layers: Iterable[Any]) -> None:
    """Remove those of `layers` that the user has not removed already."""
    present = [layer for layer in layers if layer is not None and layer in viewer.layers]
    if present:
        with batched(viewer):
            for layer in present:
                viewer.layers.remove(layer)
