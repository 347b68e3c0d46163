"""What the files beside ``MeasurementData.mlf`` say: name and size of the plate, pixel size, channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.plates.folder import IndexFolder
from napari_mid.plates.formats._cellvoyager_xml import LAST_COLUMN, LAST_ROW, Attributes, Element, number, read_elements, whole

#: "BP445/45" is a band pass filter with its centre and width in nm; names of shading files have "BP445-45".
_BAND = re.compile(r"BP\s*(\d{3,4}(?:\.\d+)?)\s*[/-]\s*\d+", re.IGNORECASE)
_LIGHT = re.compile(r"(\d{3,4})\s*nm", re.IGNORECASE)
_TRANSMITTED = re.compile(r"bright|phase|transmi", re.IGNORECASE)


@dataclass(frozen=True)
class ChannelSettings:
    """A channel: its name where a person gave one, emission and excitation in nm, edge of a pixel in µm."""

    name: str = ""
    wavelength_nm: float | None = None
    excitation_nm: float | None = None
    pixel_size_um: float | None = None


@dataclass
class Measurement:
    """What the files beside the index say, and which of them could not tell."""

    names: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None
    channels: dict[int, ChannelSettings] = field(default_factory=dict)
    #: (row, column) of the wells that were to be imaged
    planned: set[tuple[int, int]] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def read_measurement(folder: IndexFolder) -> Measurement:
    """Read ``MeasurementDetail.mrf`` and the files it names, or else the only ones of their kind in the folder."""
    found = Measurement()
    detail = _elements(folder, "MeasurementDetail.mrf", ".mrf", "MeasurementDetail", found, "pixel size and size of the plate")
    root = detail[0].attributes if detail else {}
    plate: Attributes = next((e.attributes for e in detail if e.name == "MeasurementSamplePlate"), {})
    settings = _elements(
        folder,
        root.get("MeasurementSettingFileName", ""),
        ".mes",
        "MeasurementSetting",
        found,
        "names and excitation wavelengths of the channels",
    )
    wells = _elements(folder, plate.get("WellPlateFileName", ""), ".wpi", "WellPlate", found, "")
    about_wells = wells[0].attributes if wells else {}
    # the sample plate is often called after its product, such as "AssayPlate_Greiner_#655090"; the title is the user's
    found.names = [
        name.strip() for name in (root.get("Title"), plate.get("Name"), about_wells.get("Name")) if name and name.strip()
    ]
    found.size = _size(root, "RowCount", "ColumnCount") or _size(about_wells, "Rows", "Columns")
    found.channels = _channels(detail, settings)
    found.planned = _planned(settings)
    return found


def _elements(folder: IndexFolder, name: str, suffix: str, root: str, found: Measurement, about: str) -> list[Element]:
    """The elements of a file; without it, the only one with its suffix. Where there is none, `about` is unknown, if anything."""
    path, why = _find(folder, name, suffix)
    if path is not None:
        try:
            return read_elements(path, root)
        except ValueError as error:
            why = f"{path.name} cannot be used ({error})"
    if about:
        found.warnings.append(f"{why}, so {about} are unknown.")
    elif path is not None:
        found.warnings.append(f"{why}.")
    return []


def _find(folder: IndexFolder, name: str, suffix: str) -> tuple[Path | None, str]:
    """A file beside the index, or why there is none."""
    try:
        path = folder.find(name) if name else None
    except ValueError:
        return None, f"{name} lies outside the folder and is not read"
    if path is not None:
        return path, ""
    try:
        others = [child for child in folder.folder.iterdir() if child.suffix.casefold() == suffix]
        only = folder.find(others[0].name) if len(others) == 1 else None
    except (OSError, ValueError):
        only = None
    return only, f"{name or f'The {suffix} file'} is missing"


def _size(attributes: Attributes, rows_name: str, columns_name: str) -> tuple[int, int] | None:
    rows, columns = whole(attributes.get(rows_name)), whole(attributes.get(columns_name))
    return (rows, columns) if rows and columns and rows <= LAST_ROW and columns <= LAST_COLUMN else None


def _planned(settings: list[Element]) -> set[tuple[int, int]]:
    wells = set()
    for element in settings:
        if element.name == "TargetWell" and element.text.strip().casefold() == "true":
            row, column = whole(element.attributes.get("Row")), whole(element.attributes.get("Column"))
            if row and column and row <= LAST_ROW and column <= LAST_COLUMN:
                wells.add((row, column))
    return wells


def _channels(detail: list[Element], settings: list[Element]) -> dict[int, ChannelSettings]:
    """Channels by the microscope's number, from both files."""
    measured = _by_channel(detail, "MeasurementChannel")
    described = _by_channel(settings, "Channel")
    lights: dict[str, Attributes] = {}
    for element in settings:
        if element.name == "LightSource":
            lights.setdefault(element.attributes.get("Name", ""), element.attributes)
    channels = {}
    for channel in measured.keys() | described.keys():
        camera = measured[channel].attributes if channel in measured else {}
        pixel_size = number(camera.get("HorizontalPixelDimension"))
        pixel_size = pixel_size if pixel_size is not None and pixel_size > 0 else None
        element = described.get(channel, Element("", "", {}))
        about = element.attributes
        transmitted = _TRANSMITTED.search(f"{about.get('Kind', '')} {about.get('Method', '')}")
        if transmitted:
            # the filter before the camera says nothing about a stain
            word = "Phase contrast" if transmitted[0].casefold() == "phase" else "Brightfield"
            channels[channel] = ChannelSettings(_name(about) or word, pixel_size_um=pixel_size)
            continue
        emission = _band(about.get("Acquisition", "")) or _band(camera.get("ShadingCorrectionSource", ""))
        channels[channel] = ChannelSettings(_name(about), emission, _excitation(element.lights, lights), pixel_size)
    return channels


def _by_channel(elements: list[Element], name: str) -> dict[int, Element]:
    found: dict[int, Element] = {}
    for element in elements:
        channel = whole(element.attributes.get("Ch"))
        if element.name == name and channel is not None:
            found.setdefault(channel, element)
    return found


def _name(about: Attributes) -> str:
    """What a person called the channel: ``Fluorophore``, or ``Target`` unless it only repeats the laser, such as "405"."""
    for key in ("Fluorophore", "Target"):
        name = " ".join(about.get(key, "").split())
        if name and not re.fullmatch(r"\d+\s*(?:nm)?", name, re.IGNORECASE):
            return name
    return ""


def _band(filter_name: str) -> float | None:
    """The centre of the only band of a filter, in nm."""
    centres = _BAND.findall(filter_name)
    centre = float(centres[0]) if len(centres) == 1 else 0.0
    return centre if centre > 0 else None


def _excitation(names: list[str], lights: Mapping[str, Attributes]) -> float | None:
    """The wavelength of the only light of a channel, in nm; a lamp has 0 in the file, which is none."""
    if len(names) != 1:
        return None
    wavelength = number(lights.get(names[0], {}).get("WaveLength"))
    if wavelength is not None and wavelength > 0:
        return wavelength
    in_name = _LIGHT.search(names[0])
    return float(in_name[1]) if in_name and int(in_name[1]) else None
