"""What the JSON of OME-Zarr says about a plate, a well and an image; versions 0.1 to 0.5.

Nothing here raises whatever the JSON holds, but for an image that cannot be used at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_mid.errors import WellError
from napari_mid.plates.formats._ome_zarr_tree import Group
from napari_mid.plates.well_names import well_name, well_position
from napari_mid.plates.zarr_places import inner_path

#: Our own entry beside OME-Zarr's: that a plate is simulated, and the wavelengths, for which OME-Zarr has no place.
OWN_KEY = "napari-mid"

#: Axes of images before version 0.3, which do not name them.
_OLD_AXES = ("t", "c", "z", "y", "x")

_TO_UM = {
    **dict.fromkeys(("micrometer", "micrometre", "micron", "um", "µm", "μm"), 1.0),
    **dict.fromkeys(("nanometer", "nanometre", "nm"), 1e-3),
    **dict.fromkeys(("millimeter", "millimetre", "mm"), 1e3),
    **dict.fromkeys(("centimeter", "centimetre", "cm"), 1e4),
    **dict.fromkeys(("meter", "metre", "m"), 1e6),
    **dict.fromkeys(("angstrom", "å"), 1e-4),
    **dict.fromkeys(("picometer", "picometre", "pm"), 1e-6),
}

#: A colour whose brightest part is below this is drawn on black as good as invisible.
_DARKEST = 0x40


@dataclass(frozen=True, slots=True)
class PlateLayout:
    """Wells of a plate: name to path in the hierarchy; the size of the plate where the metadata tell it."""

    wells: Mapping[str, str]
    size: tuple[int, int] | None
    refused: tuple[str, ...] = ()
    nonsense: int = 0


@dataclass(frozen=True, slots=True)
class ChannelText:
    """What an image says about a channel."""

    label: str | None
    number: str | None
    colour: str | None


@dataclass(frozen=True, slots=True)
class ImageText:
    """What an image says about itself.

    Parameters
    ----------
    levels
        Paths of the arrays relative to the image.
    axes
        Their names; empty where the version has none.
    factors
        How much smaller each level is than the first; empty where the metadata do not tell.
    scale_um, translation_um
        Edge of a pixel, and place of the first pixel's centre, both (y, x) in µm, where told with a unit.
    scale_without_unit
        Whether there is a scale but no unit for it.
    channels
        In order; may be fewer than there are.
    """

    levels: tuple[str, ...]
    axes: tuple[str, ...]
    factors: tuple[float, ...]
    scale_um: tuple[float, float] | None
    translation_um: tuple[float, float] | None
    scale_without_unit: bool
    channels: tuple[ChannelText, ...]


def plate_layout(plate: Mapping[str, Any]) -> PlateLayout:
    """Read the entry ``plate``."""
    rows, columns = _names(plate.get("rows")), _names(plate.get("columns"))
    wells: dict[str, str] = {}
    refused, nonsense = [], 0
    for entry in _dicts(plate.get("wells")):
        path, text = inner_path(entry.get("path")), entry.get("path")
        name = None if path is None else _well_of(path, entry, rows, columns)
        if isinstance(text, str) and text and path is None:
            refused.append(text)
        elif path is None or name is None or name in wells:
            nonsense += 1
        else:
            wells[name] = path
    nonsense += len(_list(plate.get("wells"))) - len(_dicts(plate.get("wells")))
    ordered = {name: wells[name] for name in sorted(wells, key=well_position)}
    return PlateLayout(ordered, _size(rows, columns, ordered), tuple(refused), nonsense)


def _well_of(path: str, entry: Mapping[str, Any], rows: Sequence[str], columns: Sequence[str]) -> str | None:
    """The well's name: its path holds the names of row and column; the indices count where those are no letter and number."""
    try:
        return well_name(*well_position("".join(path.split("/")[-2:])))
    except WellError:
        pass
    row, column = entry.get("rowIndex", entry.get("row_index")), entry.get("columnIndex", entry.get("column_index"))
    if type(row) is not int or type(column) is not int or not (0 <= row < 32 and 0 <= column < 48):
        return None
    named = (rows[row] if row < len(rows) else "") + (columns[column] if column < len(columns) else "")
    try:
        return well_name(*well_position(named))
    except WellError:
        return well_name(row + 1, column + 1)


def _size(rows: Sequence[str], columns: Sequence[str], wells: Mapping[str, str]) -> tuple[int, int] | None:
    """(rows, columns), where the lists start at A and 1 and leave none out: many writers list only those in use."""
    if not rows or not columns or len(rows) > 32 or len(columns) > 48:
        return None
    try:
        complete = [well_position(f"{name}1")[0] for name in rows] == list(range(1, len(rows) + 1)) and [
            well_position(f"A{name}")[1] for name in columns
        ] == list(range(1, len(columns) + 1))
    except WellError:
        # names of their own, such as rows 1, 2, 3: the indices are all there is
        complete = True
    places = [well_position(name) for name in wells]
    inside = all(row <= len(rows) and column <= len(columns) for row, column in places)
    return (len(rows), len(columns)) if complete and inside else None


def well_images(group: Group) -> tuple[list[str], list[str], int]:
    """Paths of a well's images relative to it, the ones that lead out, and the number of acquisitions."""
    about = _dict(group.ome.get("well"))
    paths, refused = [], []
    acquisitions = set()
    for entry in _dicts(about.get("images")):
        path = inner_path(entry.get("path"))
        if path is None:
            refused.append(str(entry.get("path"))[:80])
        elif path not in paths:
            paths.append(path)
            acquisitions.add(str(entry.get("acquisition")))
    return paths, refused, len(acquisitions)


def image_text(group: Group) -> ImageText:
    """Read the entries ``multiscales`` and ``omero`` of an image.

    Raises
    ------
    ValueError
        If there is no image in it that can be read.
    """
    images = _dicts(group.ome.get("multiscales"))
    if not images:
        raise ValueError("it has no multiscales")
    image = images[0]
    axes, units = _axes(image.get("axes"))
    datasets = [(path, entry) for entry in _dicts(image.get("datasets")) if (path := inner_path(entry.get("path"))) is not None]
    if not datasets:
        raise ValueError("its multiscales name no array that can be read")
    whole = image.get("coordinateTransformations")
    placed = [(path, *_scale_and_translation(entry.get("coordinateTransformations"), whole, axes)) for path, entry in datasets]
    levels, factors = _levels([(path, scale) for path, scale, _ in placed])
    scale, translation = placed[0][1:]
    to_um = (units.get("y"), units.get("x"))
    return ImageText(
        levels=levels,
        axes=axes,
        factors=factors,
        scale_um=_in_um(scale, to_um),
        translation_um=_in_um(translation, to_um) if _in_um(scale, to_um) else None,
        scale_without_unit=scale is not None and scale != (1.0, 1.0) and _in_um(scale, to_um) is None,
        channels=tuple(_channel(entry) for entry in _list(_dict(group.ome.get("omero")).get("channels"))),
    )


def _axes(value: object) -> tuple[tuple[str, ...], dict[str, float]]:
    """Names of the axes and, by name, what their unit is in µm."""
    names, units = [], {}
    for axis in _list(value):
        about = axis if isinstance(axis, dict) else {"name": axis}
        name = str(about.get("name", "")).casefold()
        names.append(name)
        unit = about.get("unit")
        if isinstance(unit, str) and unit.casefold() in _TO_UM:
            units[name] = _TO_UM[unit.casefold()]
    if names and (len(set(names)) != len(names) or not {"y", "x"} <= set(names)):
        raise ValueError(f"its axes are {', '.join(names)[:80]}, expected y and x among them")
    return tuple(names), units


def axes_for(text: ImageText, n: int) -> tuple[str, ...]:
    """Names of the `n` axes of the image's arrays; those of old versions, t c z y x, where it names none.

    Raises
    ------
    ValueError
        If their number differs.
    """
    axes = text.axes or _OLD_AXES[-n:]
    if len(axes) != n:
        raise ValueError(f"its arrays have {n} axes, expected {', '.join(axes)}")
    return axes


def _scale_and_translation(
    own: object, whole: object, axes: Sequence[str]
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Scale and translation (y, x) in the axes' units: those of the array, then those of the whole image."""
    axes = axes or _OLD_AXES
    scale = translation = None
    for transforms in (own, whole):
        for transform in _dicts(transforms):
            if transform.get("type") == "scale" and (factor := _yx(transform.get("scale"), axes)) is not None:
                scale = factor if scale is None else (scale[0] * factor[0], scale[1] * factor[1])
                if translation is not None:
                    translation = (translation[0] * factor[0], translation[1] * factor[1])
            elif transform.get("type") == "translation" and (shift := _yx(transform.get("translation"), axes)) is not None:
                translation = shift if translation is None else (translation[0] + shift[0], translation[1] + shift[1])
    good = scale is not None and all(math.isfinite(value) and value > 0 for value in scale)
    placed = translation is not None and all(math.isfinite(value) for value in translation)
    return (scale if good else None), (translation if placed else None)


def _yx(values: object, axes: Sequence[str]) -> tuple[float, float] | None:
    numbers = [float(value) for value in _list(values) if type(value) in (int, float) and abs(value) < 1e15]
    if len(numbers) != len(axes) or len(_list(values)) != len(axes):
        return None
    return numbers[axes.index("y")], numbers[axes.index("x")]


def _levels(placed: Sequence[tuple[str, tuple[float, float] | None]]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Paths and factors of the levels; where the scales tell, only those that are smaller than the level before."""
    first = placed[0][1]
    if first is None or any(scale is None for _, scale in placed):
        return tuple(path for path, _ in placed), ()
    levels, factors = [placed[0][0]], [1.0]
    for path, scale in placed[1:]:
        factor = scale[1] / first[1] if scale is not None else 0.0
        if math.isfinite(factor) and factor > factors[-1]:
            levels.append(path)
            # 10.9344 / 2.7336 is 4.000000000000001
            factors.append(round(factor, 6))
    return tuple(levels), tuple(factors)


def _in_um(values: tuple[float, float] | None, to_um: tuple[float | None, float | None]) -> tuple[float, float] | None:
    if values is None or to_um[0] is None or to_um[1] is None:
        return None
    return values[0] * to_um[0], values[1] * to_um[1]


def _channel(entry: object) -> ChannelText:
    about = _dict(entry)
    label, number, colour = about.get("label"), about.get("wavelength_id"), str(about.get("color", "")).lstrip("#").lower()
    visible = re.fullmatch(r"[0-9a-f]{6}", colour) and max(bytes.fromhex(colour)) >= _DARKEST
    return ChannelText(
        label=_one_line(label),
        number=_one_line(number),
        colour=f"#{colour}" if visible else None,
    )


def is_simulated(group: Group) -> bool:
    """Whether `napari-mid simulate` wrote the plate."""
    return _dict(group.attributes.get(OWN_KEY)).get("simulated") is True


def wavelengths(group: Group) -> dict[str, tuple[float | None, float | None]]:
    """Emission and excitation in nm by the name of the channel, where our own entry tells them."""
    return {
        str(entry.get("name")): (_wavelength(entry.get("emission_nm")), _wavelength(entry.get("excitation_nm")))
        for entry in _dicts(_dict(group.attributes.get(OWN_KEY)).get("channels"))
    }


def plate_name(group: Group) -> str | None:
    """The name that the plate's metadata give it, else None."""
    return _one_line(_dict(group.ome.get("plate")).get("name"))


def _wavelength(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e5 else None


def _one_line(value: object) -> str | None:
    """A text without line ends and such, at most 200 characters; None where there is none."""
    text = " ".join(value.split())[:200] if isinstance(value, str) else ""
    return text if text and text.isprintable() else None


def _names(value: object) -> list[str]:
    return [str(entry.get("name", ""))[:20] for entry in _dicts(value)]


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [entry for entry in _list(value) if isinstance(entry, dict)]
