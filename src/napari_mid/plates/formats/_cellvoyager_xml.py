"""The XML files of a CellVoyager measurement as plain records: one walk through each, without keeping a tree."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from napari_mid.errors import PlateFormatError
from napari_mid.plates.formats._xml import DAMAGE, RefusedXmlError, walk_xml

#: Attributes of an element by their name without the namespace.
Attributes = dict[str, str]

LAST_ROW, LAST_COLUMN = 32, 48


class ImageRecord(NamedTuple):
    """An image that ``MeasurementData.mlf`` declares; rows, columns and all other numbers as the file counts them."""

    row: int
    column: int
    field: int
    channel: int
    z: int
    time: int
    timeline: int
    action: int
    #: ``"Maximum"`` and the like for a projection that the microscope made, else ``""``
    processing: str
    name: str


@dataclass
class MeasurementData:
    """What ``MeasurementData.mlf`` says."""

    images: list[ImageRecord] = field(default_factory=list)
    #: stage positions (x, y) in µm from the centre of the well, y growing upwards, by (row, column, field)
    positions: dict[tuple[int, int, int], tuple[float, float]] = field(default_factory=dict)
    #: (row, column, field) of fields that are imaged at several stage positions
    moved: set[tuple[int, int, int]] = field(default_factory=set)
    #: (row, column) of wells with a failed acquisition
    failed_wells: set[tuple[int, int]] = field(default_factory=set)
    n_declared: int = 0
    n_failed: int = 0
    n_nonsense: int = 0
    #: why reading stopped before the end of the file, if it did
    damage: str | None = None


@dataclass
class Element:
    """An element of one of the small files."""

    name: str
    parent: str
    attributes: Attributes
    text: str = ""
    #: texts of its ``LightSourceName`` children
    lights: list[str] = field(default_factory=list)


class _LocalNames(dict[str, str]):
    """``"uri}Row"`` as ``"Row"``, whatever the namespace is."""

    def __missing__(self, name: str) -> str:
        local = self[name] = name.rpartition("}")[2]
        return local


def whole(text: str | None) -> int | None:
    """A whole number >= 0 of at most 9 digits, else None: the text may be damaged."""
    return int(text) if text is not None and len(text) < 10 and text.isascii() and text.isdecimal() else None


def number(text: str | None) -> float | None:
    """A finite number, else None."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def head_has_root(path: Path, root: str) -> bool:
    """Whether the file begins like XML whose root is called `root`, with any prefix."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except (OSError, ValueError):
        return False
    return re.search(rb"<(?:\w+:)?" + root.encode() + rb"[\s>/]", head.replace(b"\0", b"")) is not None


def read_data(path: Path) -> MeasurementData:
    """Read ``MeasurementData.mlf``; a damaged one, or one that is still being written, is read up to the damage.

    Raises
    ------
    PlateFormatError
        If the file cannot be read, is no XML, is no CellVoyager index, or declares a document type (none does, and entities
        are how an XML file attacks its reader).
    """
    walker = _DataWalker()
    try:
        _parse(path, "MeasurementData", walker.start, walker.end, walker.text)
    except OSError as error:
        raise PlateFormatError(f"{path} cannot be read: {error.strerror}.") from error
    except RefusedXmlError as error:
        raise PlateFormatError(f"{path} {error}.") from error
    except DAMAGE as error:
        if not walker.data.images:
            raise PlateFormatError(
                f"{path} is not a readable CellVoyager index ({error}); it may be damaged or cut short. Copy it again from the "
                "microscope, or give the folder and a --pattern."
            ) from error
        walker.data.damage = str(error)
    return walker.data


def read_elements(path: Path, root: str) -> list[Element]:
    """All elements of a small file such as ``MeasurementDetail.mrf``, the root first.

    Raises
    ------
    ValueError
        If it cannot be read; the message says why in a few words.
    """
    elements: list[Element] = []
    open_ones: list[Element] = []

    def start(name: str, attributes: Attributes) -> None:
        element = Element(name, open_ones[-1].name if open_ones else "", attributes)
        elements.append(element)
        open_ones.append(element)

    def end() -> None:
        element = open_ones.pop()
        if element.name == "LightSourceName" and open_ones:
            open_ones[-1].lights.append(element.text.strip())

    def text(data: str) -> None:
        open_ones[-1].text += data

    try:
        _parse(path, root, start, end, text)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except (RefusedXmlError, *DAMAGE) as error:
        raise ValueError(str(error)) from error
    return elements


def _parse(
    path: Path,
    root: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[], None],
    text: Callable[[str], None],
) -> None:
    local = _LocalNames()
    depth = 0

    def on_start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        name = local[name]
        if depth == 1 and name != root:
            raise RefusedXmlError(f"is XML with the root <{name[:60]}>, expected <{root}> of a CellVoyager measurement")
        start(name, {local[key]: value for key, value in attributes.items()})

    def on_end(_: str) -> None:
        end()

    walk_xml(path, "CellVoyager file", start=on_start, end=on_end, text=text)


class _DataWalker:
    """Keeps of each record what a plate needs: there may be half a million."""

    def __init__(self) -> None:
        self.data = MeasurementData()
        self._record: Attributes | None = None
        self._text: list[str] = []
        self._depth = 0

    def start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth == 2 and name == "MeasurementRecord":
            self._record, self._text = attributes, []

    def text(self, text: str) -> None:
        if self._record is not None:
            self._text.append(text)

    def end(self) -> None:
        if self._depth == 2 and self._record is not None:
            self._keep(self._record, "".join(self._text).strip())
            self._record = None
        self._depth -= 1

    def _keep(self, record: Attributes, name: str) -> None:
        data = self.data
        row, column = whole(record.get("Row")), whole(record.get("Column"))
        well = (row, column) if row and column and row <= LAST_ROW and column <= LAST_COLUMN else None
        # ERR is what an autofocus that failed leaves; such a record may lack all but the well
        if record.get("Type", "IMG") != "IMG":
            data.n_failed += 1
            if well:
                data.failed_wells.add(well)
            return
        data.n_declared += 1
        field_number, channel = whole(record.get("FieldIndex")), whole(record.get("Ch"))
        if well is None or field_number is None or channel is None or not name:
            data.n_nonsense += 1
            return
        z, time = whole(record.get("ZIndex")), whole(record.get("TimePoint"))
        data.images.append(
            ImageRecord(
                *well,
                field_number,
                channel,
                1 if z is None else z,
                1 if time is None else time,
                whole(record.get("TimelineIndex")) or 1,
                whole(record.get("ActionIndex")) or 1,
                record.get("ZImageProcessing", ""),
                name,
            )
        )
        x, y = number(record.get("X")), number(record.get("Y"))
        if x is not None and y is not None:
            key = (*well, field_number)
            first = data.positions.setdefault(key, (x, y))
            # the stage repeats its positions to a fraction of a micrometre
            if abs(first[0] - x) > 1 or abs(first[1] - y) > 1:
                data.moved.add(key)
