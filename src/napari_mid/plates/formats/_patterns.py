"""What the parts of a file name mean: built-in patterns, and the one a user writes with named parts in braces."""

from __future__ import annotations

import re
from dataclasses import dataclass

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.folder import is_image
from napari_mid.plates.well_names import well_name, well_position


@dataclass(frozen=True)
class NameParts:
    """What a file name says.

    `channel` is its name, `order` its number where the name has both. `time` and `z` are None where the name has none.
    """

    well: str
    site: int
    channel: str
    order: int
    time: int | None
    z: int | None


@dataclass(frozen=True)
class FilePattern:
    """How file names are built.

    Parameters
    ----------
    name
        For messages.
    expression
        Matched against the whole name, or the path below the plate's folder where `whole_path`; its groups are ``well``, or
        ``row`` and ``column``, and ``site``, ``channel``, ``order``, ``time``, ``z``, all optional.
    channel
        Name of the channel where the file name has none.
    whole_path
        Whether folders belong to the pattern.
    """

    name: str
    expression: re.Pattern[str]
    channel: str = "Channel1"
    whole_path: bool = False

    def match(self, relative: str) -> NameParts | None:
        """What `relative`, a path below the plate's folder with ``/``, says, or None where it does not fit."""
        found = self.expression.fullmatch(relative if self.whole_path else relative.rpartition("/")[2])
        if found is None:
            return None
        parts = found.groupdict()
        try:
            well = _well(parts)
        except WellError:
            return None
        site = _number(parts, "site")
        return NameParts(
            well=well,
            site=1 if site is None else site,
            channel=(parts.get("channel") or self.channel).strip(),
            order=_number(parts, "order") or 0,
            time=_number(parts, "time"),
            z=_number(parts, "z"),
        )


def _number(parts: dict[str, str | None], name: str) -> int | None:
    text = parts.get(name)
    return int(text) if text is not None else None


def _well(parts: dict[str, str | None]) -> str:
    if parts.get("well") is not None:
        return well_name(*well_position(str(parts["well"])))
    row, column = str(parts["row"]), int(str(parts["column"]))
    if row.isdecimal():
        if not 1 <= int(row) <= 32:
            raise WellError(f"{row} is no row of a plate.")
        row = well_name(int(row), 1)[:-2]
    return well_name(*well_position(f"{row}{column}"))


_SUFFIX = r"\.(?:tiff?|png|jpe?g|bmp)"
_ROW = r"A?[A-Z]"


def _built_in(name: str, expression: str, channel: str = "Channel1") -> FilePattern:
    return FilePattern(name, re.compile(expression + _SUFFIX, re.IGNORECASE | re.ASCII), channel)


#: The first of those that fit most files is used.
BUILT_IN = (
    _built_in("Harmony", r"r(?P<row>\d\d)c(?P<column>\d\d)f(?P<site>\d+)p(?P<z>\d+)-(?P<channel>ch\d+)sk(?P<time>\d+)fk\d+fl\d+"),
    _built_in("BBBC", rf"(?P<channel>Channel\d+)-\d+-(?P<row>{_ROW})-(?P<column>\d\d?)"),
    _built_in(
        "CellVoyager",
        rf".+_(?P<well>{_ROW}\d\d)_T(?P<time>\d+)F(?P<site>\d+)L\d+A\d+Z(?P<z>\d+)(?P<channel>C(?P<order>\d+))",
    ),
    _built_in("Gen5", rf"(?P<well>{_ROW}\d\d?)_\d+_(?P<order>\d+)_(?P<site>\d+)_(?P<channel>[^_\d][^_]*)_(?P<time>\d+)"),
    _built_in(
        "MetaXpress",
        # software from 5 on adds a GUID after the wavelength
        rf"(?:.+_)?(?P<well>{_ROW}\d\d)(?:_s(?P<site>\d+))?(?:_(?P<channel>w(?P<order>\d\d?)))?"
        r"(?:[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})?",
        channel="w1",
    ),
)

#: Expressions of the parts that a user's pattern may name.
_PARTS = {
    "well": rf"{_ROW}0*[1-9]\d?",
    "row": rf"(?:{_ROW}|\d+)",
    "column": r"\d+",
    "site": r"\d+",
    "channel": r"[^/]+?",
    "z": r"\d+",
    "time": r"\d+",
}
_SYNONYMS = {"field": "site", "col": "column", "plane": "z", "timepoint": "time", "t": "time", "wavelength": "channel"}


def user_pattern(text: str) -> FilePattern:
    """Understand a pattern such as ``"img_{well}_{site}_{channel}.tif"``.

    ``{well}`` or ``{row}`` and ``{column}`` are needed, ``{site}``, ``{channel}``, ``{z}`` and ``{time}`` may be there; any other
    name in braces and ``*`` stand for text without meaning. A pattern with ``/`` is compared with the path below the plate's
    folder.

    Raises
    ------
    PlateFormatError
        If it makes no sense.
    """
    names: list[str] = []
    expression = ""
    for piece in re.findall(r"\{[^{}]*\}|\*+|[^{}*]+|[{}]", text):
        if piece in "{}":
            raise PlateFormatError(f"The pattern {text!r} has a brace without its partner; write parts as {{well}}.")
        if piece.startswith("{"):
            expression += _part(piece[1:-1].strip(), names, text)
        elif piece.startswith("*"):
            # greedy, so that the channel beside it is as short as it can be
            expression += ".*"
        else:
            expression += re.escape(piece.replace("\\", "/"))
    if "well" not in names and not {"row", "column"} <= set(names):
        raise PlateFormatError(
            f"The pattern {text!r} does not say where the well stands; it needs {{well}}, or {{row}} and {{column}}, "
            "for example 'img_{well}_{site}_{channel}.tif'."
        )
    if "well" in names and ("row" in names or "column" in names):
        raise PlateFormatError(f"The pattern {text!r} names the well twice; give {{well}}, or {{row}} and {{column}}.")
    if not is_image(text):
        expression += _SUFFIX if not text.endswith("*") else ""
    compiled = re.compile(expression, re.IGNORECASE | re.ASCII)
    return FilePattern(text, compiled, whole_path="/" in text.replace("\\", "/"))


def _part(name: str, names: list[str], text: str) -> str:
    known = name.casefold()
    known = _SYNONYMS.get(known, known)
    if known not in _PARTS:
        return ".*"
    if known in names:
        raise PlateFormatError(f"The pattern {text!r} has {{{name}}} twice.")
    names.append(known)
    return f"(?P<{known}>{_PARTS[known]})"
