"""The XML of a Harmony index as plain records: one walk through the file, without keeping a tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.errors import PlateFormatError
from napari_mid.plates.formats._xml import DAMAGE, RefusedXmlError, walk_xml

ROOT = "EvaluationInputData"

Record = dict[str, str]

#: Depth and parent section of the elements whose children are read; ``Entry`` stands one deeper, in ``Maps/Map``.
_RECORDS = {("Plates", "Plate"): 3, ("Wells", "Well"): 3, ("Maps", "Entry"): 4, ("Images", "Image"): 3}

_ABOUT_CHANNEL = {
    *("ChannelName", "ImageResolutionX", "MainExcitationWavelength", "MainEmissionWavelength", "FlatfieldProfile"),
}
_WANTED = _ABOUT_CHANNEL | {
    *("Name", "PlateID", "PlateRows", "PlateColumns", "InstrumentType"),
    *("URL", "Row", "Col", "FieldID", "PlaneID", "TimepointID", "ChannelID", "PositionX", "PositionY"),
}


@dataclass
class HarmonyIndex:
    """What the index says, still as text.

    The unit of a value stands under its name and ``@Unit``, for example ``PositionX@Unit``.
    """

    instrument: str = ""
    plates: list[Record] = field(default_factory=list)
    #: ids such as ``"0304"`` (row 3, column 4) of the wells that the plate declares
    well_ids: list[str] = field(default_factory=list)
    wells: list[Record] = field(default_factory=list)
    #: by ChannelID, merged over all maps
    channels: dict[str, Record] = field(default_factory=dict)
    images: list[Record] = field(default_factory=list)
    #: why reading stopped before the end of the file, if it did
    damage: str | None = None


def read_index(path: Path) -> HarmonyIndex:
    """Read the index at `path`; a damaged one is read up to the damage.

    Raises
    ------
    PlateFormatError
        If the file cannot be read, is no XML, is no Harmony index, or declares a document type (none does, and entities are
        how an XML file attacks its reader).
    """
    walker = _Walker()
    try:
        walk_xml(path, "Harmony index", start=walker.start, end=walker.end, text=walker.data)
    except OSError as error:
        raise PlateFormatError(f"{path} cannot be read: {error.strerror}.") from error
    except DAMAGE as error:
        if not walker.index.images:
            raise PlateFormatError(
                f"{path} is not a readable Harmony index ({error}); it may be damaged or cut short. "
                "Export the index again, or give the folder and a --pattern."
            ) from error
        walker.index.damage = str(error)
    except RefusedXmlError as error:
        raise PlateFormatError(f"{path} {error}.") from error
    return walker.index


class _Walker:
    """Collects records from the parser's events."""

    def __init__(self) -> None:
        self.index = HarmonyIndex()
        self._depth = 0
        self._section = ""
        self._record: Record | None = None
        self._record_depth = 0
        self._tag = ""
        self._text: list[str] | None = None
        self._local: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        local = self._local.get(name)
        if local is None:
            local = self._local[name] = name.rpartition("}")[2]
        record = self._record
        if record is not None:
            if self._depth == self._record_depth + 1:
                self._value(local, attributes, record)
        elif self._depth == 1:
            if local != ROOT:
                raise RefusedXmlError(f"is XML with the root <{local[:60]}>, expected <{ROOT}> of a Harmony index")
        elif self._depth == 2:
            self._section = local
            if local == "InstrumentType":
                self._tag, self._text = local, []
        elif _RECORDS.get((self._section, local)) == self._depth:
            self._record, self._record_depth = {}, self._depth
            if "ChannelID" in attributes:
                self._record["ChannelID"] = attributes["ChannelID"]

    def _value(self, local: str, attributes: dict[str, str], record: Record) -> None:
        if local in _WANTED:
            self._tag, self._text = local, []
            if attributes:
                for key in ("Unit", "BufferNo"):
                    if key in attributes:
                        record[f"{local}@{key}"] = attributes[key]
        elif local == "Well" and self._section == "Plates":
            self.index.well_ids.append(attributes.get("id", ""))

    def data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, name: str) -> None:
        if self._text is not None and self._depth == (self._record_depth + 1 if self._record is not None else 2):
            text = "".join(self._text).strip()
            self._text = None
            if self._record is not None:
                self._record[self._tag] = text
            else:
                self.index.instrument = text
        if self._record is not None and self._depth == self._record_depth:
            self._keep(self._record)
            self._record = None
        self._depth -= 1

    def _keep(self, record: Record) -> None:
        index = self.index
        if self._section == "Images":
            index.images.append(record)
        elif self._section == "Wells":
            index.wells.append(record)
        elif self._section == "Plates":
            index.plates.append(record)
        elif "ChannelID" in record:
            index.channels.setdefault(record["ChannelID"], {}).update(record)
