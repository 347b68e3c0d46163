"""What MetaXpress writes into the header of each TIFF: pixel size, emission wavelength, stage position."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_mid.plates.pixels import _quiet_tifffile

#: Spellings of the micrometre; without a calibration the unit is "pixel".
_MICROMETRE = ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers")

# The description is XML of a file that anybody may have written; its properties are taken as text, so that no entity is expanded.
_PROPERTY = re.compile(r"<(?:custom-)?prop\s+([^<>]*)>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Header:
    """What the header of an image says.

    Parameters
    ----------
    shape
        (height, width) in pixels.
    pixel_size_um, wavelength_nm
        Edge of a pixel and emission, where told.
    stage_um
        Stage position (y, x) of the image's centre in micrometres, y growing downwards, where told.
    """

    shape: tuple[int, int]
    pixel_size_um: float | None = None
    wavelength_nm: float | None = None
    stage_um: tuple[float, float] | None = None


def read_header(path: Path) -> Header | None:
    """Read the header of the TIFF at `path`, no pixels; None where it cannot be read."""
    import tifffile

    try:
        with _quiet_tifffile(), tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            shape = (int(page.imagelength), int(page.imagewidth))
            description = page.description if isinstance(page.description, str) else ""
    except Exception:  # a damaged file makes the decoder raise anything; it is told when its pixels are asked for
        return None
    return header_from(shape, description)


def header_from(shape: tuple[int, int], description: str) -> Header:
    """What `description`, the text of a TIFF, tells of an image of `shape`."""
    properties = metaseries_properties(description)
    return Header(shape, metaseries_pixel_size(properties), _wavelength(properties), _stage(properties))


def metaseries_properties(description: str) -> dict[str, str]:
    """The properties in the description of a MetaMorph or MetaXpress image, by name; empty for others."""
    properties: dict[str, str] = {}
    if "<MetaData>" in description[:200]:
        for found in _PROPERTY.finditer(description):
            attributes = dict(_ATTRIBUTE.findall(found[1]))
            if "id" in attributes and "value" in attributes:
                properties.setdefault(attributes["id"], html.unescape(attributes["value"]))
    return properties


def metaseries_pixel_size(properties: Mapping[str, str]) -> float | None:
    """Edge of a pixel in µm, or None where the microscope was not calibrated."""
    size = _number(properties, "spatial-calibration-x")
    calibrated = properties.get("spatial-calibration-state", "on").casefold() in ("on", "true", "1")
    known_unit = properties.get("spatial-calibration-units", "um").casefold() in _MICROMETRE
    return size if calibrated and known_unit and size is not None and 0 < size < 1000 else None


def _wavelength(properties: Mapping[str, str]) -> float | None:
    # 452 for DAPI, 520 for FITC, 692 for Cy5: the emission; 0 or 100 for transmitted light
    value = _number(properties, "wavelength")
    return value if value is not None and 300 <= value <= 1100 else None


def _stage(properties: Mapping[str, str]) -> tuple[float, float] | None:
    # The stage grows to the right and downwards: the centre of well B02 of a real plate is at (20.20, 23.30) mm, 9 mm beyond
    # where the standard puts A01 (11.24, 14.38), and site 4 of 2 x 2 lies at larger x and y than site 1. Real neighbours in a
    # row match without mirroring where they overlap; no overlapping neighbours in a column were at hand.
    y, x = _number(properties, "stage-position-y"), _number(properties, "stage-position-x")
    return None if y is None or x is None else (y, x)


def _number(properties: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(properties[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None
