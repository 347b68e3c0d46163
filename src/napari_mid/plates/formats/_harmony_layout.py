"""The plate layout that Harmony keeps in a folder ``Assaylayout`` beside the images, as a plate map.

There is no public description of these files. What is relied on here is what two public readers of them rely on, and no more: in
any depth, ``Layer`` elements with a ``Name`` ("Compound", "Concentration", "Cell Type", ...) and ``Well`` elements with ``Row``,
``Col`` and ``Value``. Row and column may be attributes, too, and a layer may have a ``Unit``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.errors import PlateMapError
from napari_mid.plates._tables import Table
from napari_mid.plates.formats._xml import DAMAGE, RefusedXmlError, walk_xml
from napari_mid.plates.plate_map import PlateMap, plate_map_of
from napari_mid.plates.well_names import well_name

FOLDER = "assaylayout"

#: The largest plate.
_LAST_ROW, _LAST_COLUMN = 32, 48


@dataclass
class _Layer:
    name: str = ""
    unit: str = ""
    values: dict[tuple[int, int], str] = field(default_factory=dict)


def find_layout(images: Path) -> Path | None:
    """The layout that belongs to the folder of images: in ``Assaylayout`` in or beside it; the first by name of several."""
    for place in (images, images.parent) if images.name.casefold() == "images" else (images,):
        for folder in _entries(place):
            if folder.name.casefold() == FOLDER and folder.is_dir():
                found = [path for path in _entries(folder) if path.suffix.casefold() == ".xml"]
                if found:
                    return found[0]
    return None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def read_layout(path: Path) -> PlateMap:
    """Read the layout at `path`.

    Raises
    ------
    PlateMapError
        If it cannot be read or is not built as expected.
    """
    layers = [layer for layer in _read_layers(path) if layer.name and layer.values]
    if not layers:
        raise PlateMapError(f"{path} holds no layer of wells that can be understood; give a plate map instead.")
    positions = sorted({position for layer in layers for position in layer.values})
    cells = {"well": [well_name(*position) for position in positions]}
    for layer in layers:
        name = _unused(layer.name, cells)
        cells[name] = [layer.values.get(position, "") for position in positions]
        if layer.unit and "unit" not in cells and "conc" in name.casefold():
            cells["unit"] = [layer.unit if value else "" for value in cells[name]]
    return plate_map_of(Table(path, cells, list(range(1, len(positions) + 1))))


def _unused(name: str, cells: dict[str, list[str]]) -> str:
    taken = {header.casefold() for header in cells}
    numbered = (name if number == 1 else f"{name} ({number})" for number in range(1, len(cells) + 2))
    return next(candidate for candidate in numbered if candidate.casefold() not in taken)


def _read_layers(path: Path) -> list[_Layer]:
    walker = _Walker()
    try:
        walk_xml(path, "plate layout", start=walker.start, end=walker.end, text=walker.data)
    except OSError as error:
        raise PlateMapError(f"{path} cannot be read: {error.strerror}.") from error
    except RefusedXmlError as error:
        raise PlateMapError(f"{path} {error}.") from error
    except DAMAGE as error:
        raise PlateMapError(f"{path} is not a readable plate layout ({error}).") from error
    return walker.layers


class _Walker:
    """Collects layers from the parser's events."""

    def __init__(self) -> None:
        self.layers: list[_Layer] = []
        self._open: list[str] = []
        self._text = ""
        self._well: dict[str, str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition("}")[2].casefold()
        named = {key.rpartition("}")[2].casefold(): value for key, value in attributes.items()}
        if local == "layer":
            self.layers.append(_Layer(named.get("name", "").strip(), named.get("unit", "").strip()))
        elif local == "well" and "layer" in self._open:
            self._well = named
        self._open.append(local)
        self._text = ""

    def data(self, text: str) -> None:
        self._text += text

    def end(self, _: str) -> None:
        local, text = self._open.pop(), " ".join(self._text.split())
        self._text = ""
        if "layer" not in self._open:
            return
        if local == "well" and self._well is not None:
            self._keep(self._well)
            self._well = None
        elif self._well is not None:
            self._well[local] = text
        elif local in ("name", "unit") and text and self._open[-1] == "layer":
            setattr(self.layers[-1], local, text)

    def _keep(self, well: dict[str, str]) -> None:
        row, column, value = well.get("row", ""), well.get("col", well.get("column", "")), well.get("value", "").strip()
        numbers = [int(text) for text in (row, column) if text.isascii() and text.isdecimal() and len(text) < 5]
        if value and len(numbers) == 2 and 1 <= numbers[0] <= _LAST_ROW and 1 <= numbers[1] <= _LAST_COLUMN:
            self.layers[-1].values[numbers[0], numbers[1]] = value
