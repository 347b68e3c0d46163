"""Writes fields as a Harmony measurement: `Index.idx.xml` and one TIFF per channel and field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from napari_mid.simulation.plan import WellPlan, plate_size
from napari_mid.simulation.settings import SimulationSettings

#: The reader marks a plate with this instrument as simulated.
INSTRUMENT = "napari-mid simulation"
INDEX = "Images/Index.idx.xml"

_NAMESPACE = "http://www.perkinelmer.com/PEHH/HarmonyV5"


def image_name(row: int, column: int, field: int, channel: int) -> str:
    """The file name that Harmony gives the image of a 1-based channel."""
    return f"r{row:02d}c{column:02d}f{field:02d}p01-ch{channel}sk1fk1fl1.tiff"


def field_position_m(field: int, fields: int, field_m: float) -> tuple[float, float]:
    """Stage position (y, x) in metres of the centre of 1-based `field`: a grid around the middle of the well, y upwards."""
    columns = math.ceil(math.sqrt(fields))
    rows = math.ceil(fields / columns)
    row, column = divmod(field - 1, columns)
    return ((rows - 1) / 2 - row) * field_m, (column - (columns - 1) / 2) * field_m


def write_field(folder: Path, plan: WellPlan, field: int, image: NDArray[np.uint16]) -> None:
    """Write the channels of `image` (C, Y, X) into the Images folder of the plate at `folder`."""
    import tifffile

    (folder / INDEX).parent.mkdir(exist_ok=True)
    for channel, plane in enumerate(image, start=1):
        path = (folder / INDEX).with_name(image_name(plan.row, plan.column, field, channel))
        tifffile.imwrite(path, plane, compression="lzw", predictor=True, photometric="minisblack")


def write_index(folder: Path, plans: Sequence[WellPlan], settings: SimulationSettings) -> None:
    """Write the index of all wells of `plans`."""
    root = ElementTree.Element("EvaluationInputData", {"xmlns": _NAMESPACE, "Version": "1"})
    _add(root, "User", "napari-mid")
    _add(root, "InstrumentType", INSTRUMENT)
    plate = ElementTree.SubElement(ElementTree.SubElement(root, "Plates"), "Plate")
    rows, columns = plate_size(settings.wells)
    for name, text in (
        ("PlateID", settings.plate_name),
        ("Name", settings.plate_name),
        ("PlateTypeName", f"{rows * columns} simulated"),
        ("PlateRows", rows),
        ("PlateColumns", columns),
    ):
        _add(plate, name, text)
    wells = ElementTree.SubElement(root, "Wells")
    images = ElementTree.Element("Images")
    for plan in plans:
        well_id = f"{plan.row:02d}{plan.column:02d}"
        ElementTree.SubElement(plate, "Well", {"id": well_id})
        well = ElementTree.SubElement(wells, "Well")
        for name, text in (("id", well_id), ("Row", plan.row), ("Col", plan.column)):
            _add(well, name, text)
        for field in range(1, settings.fields + 1):
            for channel in range(1, len(settings.screen.assay.stains) + 1):
                image_id = f"{well_id}K1F{field}P1R{channel}"
                ElementTree.SubElement(well, "Image", {"id": image_id})
                images.append(_image(image_id, plan, field, channel, settings))
    root.append(images)
    ElementTree.indent(root)
    path = folder / INDEX
    path.parent.mkdir(exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def is_simulated(folder: Path) -> bool:
    """Whether `folder` holds a plate that this module wrote."""
    index = folder / INDEX
    if not index.is_file():
        return False
    with index.open(encoding="utf-8", errors="replace") as file:
        return f"<InstrumentType>{INSTRUMENT}</InstrumentType>" in file.read(2000)


def _image(image_id: str, plan: WellPlan, field: int, channel: int, settings: SimulationSettings) -> ElementTree.Element:
    stain = settings.screen.assay.stains[channel - 1]
    pixel_m = settings.pixel_size_um * 1e-6
    y, x = field_position_m(field, settings.fields, settings.field_px * pixel_m)
    image = ElementTree.Element("Image", {"Version": "1"})
    for name, text, unit in (
        ("id", image_id, None),
        ("State", "Ok", None),
        ("URL", image_name(plan.row, plan.column, field, channel), None),
        ("Row", plan.row, None),
        ("Col", plan.column, None),
        ("FieldID", field, None),
        ("PlaneID", 1, None),
        ("TimepointID", 0, None),
        ("ChannelID", channel, None),
        ("FlimID", 1, None),
        ("ChannelName", stain.name, None),
        ("ImageType", "Signal", None),
        ("AcquisitionType", "Confocal", None),
        ("IlluminationType", "Epifluorescence", None),
        ("ChannelType", "Fluorescence", None),
        ("ImageResolutionX", f"{pixel_m:.12g}", "m"),
        ("ImageResolutionY", f"{pixel_m:.12g}", "m"),
        ("ImageSizeX", settings.field_px, None),
        ("ImageSizeY", settings.field_px, None),
        ("BinningX", 2, None),
        ("BinningY", 2, None),
        ("MaxIntensity", 65535, None),
        ("PositionX", f"{x:.12g}", "m"),
        ("PositionY", f"{y:.12g}", "m"),
        ("PositionZ", "0", "m"),
        ("AbsPositionZ", "0", "m"),
        ("MeasurementTimeOffset", "0", "s"),
        ("MainExcitationWavelength", stain.excitation_nm, "nm"),
        ("MainEmissionWavelength", stain.emission_nm, "nm"),
        ("ObjectiveMagnification", 20, ""),
        ("ObjectiveNA", 1, ""),
        ("ExposureTime", stain.exposure_s, "s"),
    ):
        _add(image, name, text, unit)
    return image


def _add(parent: ElementTree.Element, name: str, text: object, unit: str | None = None) -> None:
    ElementTree.SubElement(parent, name, {} if unit is None else {"Unit": unit}).text = str(text)
