"""What the parts of a file name mean: built-in patterns, and the one a user writes with named parts in braces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_mid.errors import PlateFormatError, WellError
from napari_mid.plates.folder import is_image
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import well_name, well_position


@dataclass(frozen=True)
class NameParts:
    """What a file name says.

    `channel` is its name, `order` its number where the name has both; `tells_channel` is False where the name has neither. `time`
    and `z` are None where the name has none.
    """

    well: str
    site: int
    channel: str
    order: int
    time: int | None
    z: int | None
    tells_channel: bool = True


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
    needs_stain
        Whether it fits only where a channel is called like a stain or a filter: ``A01_final.tif`` tells no channel.
    vague
        Whether names of other kinds fit as well, such as those that another pattern is made for.
    """

    name: str
    expression: re.Pattern[str]
    channel: str = "Channel1"
    whole_path: bool = False
    needs_stain: bool = False
    vague: bool = False

    def fitting(self, names: Iterable[str]) -> list[tuple[str, NameParts]]:
        """Those of `names` that fit, with what they say; none where they name no stain though one is needed."""
        found = [(name, parts) for name in names if (parts := self.match(name)) is not None]
        if self.needs_stain and not any(_is_stain(channel) for channel in {parts.channel for _, parts in found}):
            return []
        return found

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
            tells_channel=bool(parts.get("channel")),
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
#: In lower case only rows of up to 384 wells: ``img_t01_s1`` is a time point and ``img_z01_w1`` a focal plane.
_NO_SERIES_ROW = r"(?-i:A?[A-Z]|[a-p])"
#: Where nothing but the well is there to go by.
_SURE_ROW = r"(?-i:A[A-F]|[A-P])"
_GUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"

#: Names of filters and fluorophores whose role nobody can tell.
_FLUORESCENCE = re.compile(
    r"e?[gryc]fp|mcherry|tdtomato|fitc|tritc|(tx|texas) ?red|cy ?[357]|(alexa ?(fluor)?|af) ?\d{3}|(ch|channel|c|w) ?\d\d?",
    re.IGNORECASE | re.ASCII,
)


def _is_stain(channel: str) -> bool:
    return guess_role(channel) != "other" or _FLUORESCENCE.fullmatch(channel) is not None


def _built_in(
    name: str, expression: str, channel: str = "Channel1", *, needs_stain: bool = False, vague: bool = False
) -> FilePattern:
    compiled = re.compile(expression + r"(?:\.ome)?" + _SUFFIX, re.IGNORECASE | re.ASCII)
    return FilePattern(name, compiled, channel, needs_stain=needs_stain, vague=vague)


#: See `best_fit`.
BUILT_IN = (
    _built_in(
        "Harmony",
        r"r(?P<row>\d\d)c(?P<column>\d\d)f(?P<site>\d+)p(?P<z>\d+)-(?P<channel>ch\d+)(?:sk(?P<time>\d+)(?:fk\d+)?(?:fl\d+)?)?",
    ),
    _built_in("BBBC", rf"(?P<channel>Channel ?\d+)-\d+-(?P<row>{_ROW})-(?P<column>\d\d?)"),
    _built_in(
        "CellVoyager",
        rf"(?:.+_)?(?P<well>{_ROW}\d\d)_T(?P<time>\d+)F(?P<site>\d+)L\d+A\d+Z(?P<z>\d+)(?P<channel>C(?P<order>\d+))",
    ),
    _built_in(
        "Gen5",
        rf"(?P<well>{_ROW}\d\d?)(?:_\d+)?_(?P<order>\d+)_(?P<site>\d+)_(?P<channel>[^_\d][^_]*)(?:_(?P<time>\d+))?",
    ),
    _built_in("Cellomics", rf"(?:.+_)?(?P<well>{_ROW}\d\d)f(?P<site>\d+)(?P<channel>d(?P<order>\d+))"),
    _built_in(
        "IN Cell",
        r"(?P<row>[A-Z]) - (?P<column>\d\d?)\(fld (?P<site>\d+) wv (?P<channel>[^()]+?)(?: z (?P<z>\d+))?"
        r"(?: time (?P<time>\d+)[^()]*)?\)",
    ),
    _built_in(
        "MetaXpress",
        # as little as can be before the well, so that the _w10 at the end is a wavelength and not a well; software from 5 on adds
        # a GUID after the wavelength; BBBC005 has its number of cells and its focus after the well
        rf"(?:.+?[_ ])?(?P<well>{_NO_SERIES_ROW}\d\d)(?:_C\d+_F\d+)?(?=_[sw]\d|{_GUID})"
        rf"(?:_s(?P<site>\d+))?(?:_(?P<channel>w(?P<order>\d\d?)))?(?:{_GUID})?",
        channel="w1",
    ),
    _built_in("one image a well", rf"(?:.+?_)?(?P<well>{_SURE_ROW}\d\d)", channel="w1", vague=True),
    _built_in(
        "well and stain",
        rf"(?:.+?_)?(?P<well>{_SURE_ROW}\d\d?)(?:_(?:s|f|site ?|field ?|fov ?)?(?P<site>\d+))?_(?P<channel>[A-Z][A-Z0-9 +-]*)",
        needs_stain=True,
        vague=True,
    ),
)


def best_fit(names: Sequence[str]) -> tuple[FilePattern, list[tuple[str, NameParts]]]:
    """The built-in pattern that fits most of `names`, and those; the first of several.

    A vague pattern has to fit more than twice as many: it may take the corrections beside the images for images, too.
    """
    fits = [(built_in, built_in.fitting(names)) for built_in in BUILT_IN]
    return max(fits, key=lambda fit: len(fit[1]) * (1 if fit[0].vague else 2))


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
