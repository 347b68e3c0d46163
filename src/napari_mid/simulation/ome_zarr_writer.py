"""Writes fields as an OME-Zarr plate (HCS): version 0.5 on Zarr v3, or 0.4 on Zarr v2, with a pyramid for each field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.files import write_json
from napari_mid.plates.field import Channel
from napari_mid.plates.formats.ome_zarr import OWN_KEY
from napari_mid.plates.roles import channel_colours
from napari_mid.simulation.camera import OFFSET
from napari_mid.simulation.harmony_writer import field_position_m
from napari_mid.simulation.plan import WellPlan, plate_size
from napari_mid.simulation.settings import SimulationSettings

#: The plate within the folder of a simulated plate, beside the plate map.
ZARR = "plate.zarr"

#: Levels go on until the smallest is at most this wide; there are at least three.
_SMALLEST_PX = 256
_MIN_LEVELS = 3

#: Edge of the largest chunk; a field that is smaller is one chunk a channel.
_CHUNK_PX = 1080


def write_field(folder: Path, plan: WellPlan, field: int, image: NDArray[np.uint16], settings: SimulationSettings) -> None:
    """Write `image` (C, Y, X) and its pyramid as 1-based `field` of a well of the plate at `folder`."""
    import zarr

    path = f"{_well_path(plan)}/{field}"
    levels = pyramid(image)
    v3 = _is_v3(settings)
    for level, pixels in enumerate(levels):
        array: Any = zarr.create_array(
            store=folder / ZARR,
            name=f"{path}/{level}",
            shape=pixels.shape,
            chunks=(1, min(pixels.shape[1], _CHUNK_PX), min(pixels.shape[2], _CHUNK_PX)),
            dtype=pixels.dtype,
            fill_value=0,
            zarr_format=3 if v3 else 2,
            dimension_names=("c", "y", "x") if v3 else None,
            chunk_key_encoding={"name": "default" if v3 else "v2", "separator": "/"},
            # every chunk is on disk, so that one that is absent has been lost
            config={"write_empty_chunks": True},
        )
        array[:] = pixels
    _write_group(folder / ZARR / path, _image(plan, field, levels, settings), settings)


def pyramid(image: NDArray[np.uint16]) -> list[NDArray[np.uint16]]:
    """`image` (C, Y, X), then each time half as large: means of 2 x 2 pixels, without a last odd row or column."""
    levels = [image]
    while len(levels) < _MIN_LEVELS or max(levels[-1].shape[1:]) > _SMALLEST_PX:
        fine = levels[-1]
        channels, height, width = fine.shape[0], fine.shape[1] // 2, fine.shape[2] // 2
        blocks = fine[:, : 2 * height, : 2 * width].reshape(channels, height, 2, width, 2)
        levels.append(np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint16))
    return levels


def write_index(folder: Path, plans: Sequence[WellPlan], settings: SimulationSettings) -> None:
    """Write the metadata of the plate and of all wells of `plans`."""
    rows, columns = plate_size(settings.wells)
    row_names = [_row_name(row) for row in range(1, rows + 1)]
    plate = {
        "name": settings.plate_name,
        "rows": [{"name": name} for name in row_names],
        "columns": [{"name": str(column)} for column in range(1, columns + 1)],
        "wells": [{"path": _well_path(plan), "rowIndex": plan.row - 1, "columnIndex": plan.column - 1} for plan in plans],
        "acquisitions": [{"id": 0, "name": "simulation", "maximumfieldcount": settings.fields}],
        "field_count": settings.fields,
    }
    own = {
        "simulated": True,
        "channels": [
            {"name": stain.name, "emission_nm": stain.emission_nm, "excitation_nm": stain.excitation_nm}
            for stain in settings.screen.assay.stains
        ],
    }
    root = folder / ZARR
    _write_group(root, {"plate": _versioned(plate, settings)}, settings, own)
    for row in sorted({plan.row for plan in plans}):
        _write_group(root / _row_name(row), {}, settings)
    fields = [{"path": str(field), "acquisition": 0} for field in range(1, settings.fields + 1)]
    for plan in plans:
        _write_group(root / _well_path(plan), {"well": _versioned({"images": fields}, settings)}, settings)


def is_simulated(folder: Path) -> bool:
    """Whether `folder` holds a plate that this module wrote."""
    for name in ("zarr.json", ".zattrs"):
        try:
            document = json.loads((folder / ZARR / name).read_bytes())
            attributes = document["attributes"] if name == "zarr.json" else document
            return attributes[OWN_KEY]["simulated"] is True
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return False


def _is_v3(settings: SimulationSettings) -> bool:
    return settings.layout == "ome-zarr"


def _row_name(row: int) -> str:
    return chr(ord("A") + row - 1)


def _well_path(plan: WellPlan) -> str:
    return f"{_row_name(plan.row)}/{plan.column}"


def _versioned(content: dict[str, Any], settings: SimulationSettings) -> dict[str, Any]:
    """Up to 0.4 each entry has its version, from 0.5 on it stands once in each group."""
    return content if _is_v3(settings) else {**content, "version": "0.4"}


def _write_group(folder: Path, ome: dict[str, Any], settings: SimulationSettings, own: dict[str, Any] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    beside = {} if own is None else {OWN_KEY: own}
    if _is_v3(settings):
        attributes = {"ome": {"version": "0.5", **ome}, **beside} if ome else {}
        write_json(folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})
        return
    write_json(folder / ".zgroup", {"zarr_format": 2})
    if ome:
        write_json(folder / ".zattrs", {**ome, **beside})


def _image(plan: WellPlan, field: int, levels: Sequence[NDArray[np.uint16]], settings: SimulationSettings) -> dict[str, Any]:
    pixel = settings.pixel_size_um
    y_up, x = field_position_m(field, settings.fields, settings.field_px * pixel * 1e-6)
    # the place of the first pixel's centre; y grows downwards here and upwards on the stage
    inset = (settings.field_px - 1) / 2 * pixel
    top, left = -y_up * 1e6 - inset, x * 1e6 - inset
    datasets = []
    for level in range(len(levels)):
        edge = pixel * 2**level
        # the first pixel of a coarse level is the mean of several, and its centre theirs
        shift = (edge - pixel) / 2
        transforms = [
            {"type": "scale", "scale": [1.0, edge, edge]},
            {"type": "translation", "translation": [0.0, round(top + shift, 6), round(left + shift, 6)]},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    axes = [{"name": "c", "type": "channel"}] + [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    image = {"name": f"{plan.well} field {field}", "axes": axes, "datasets": datasets, "type": "mean"}
    return {"multiscales": [_versioned(image, settings)], "omero": {"channels": _omero_channels(settings)}}


def _omero_channels(settings: SimulationSettings) -> list[dict[str, Any]]:
    channels = [Channel(stain.name, stain.role, stain.emission_nm, stain.excitation_nm) for stain in settings.screen.assay.stains]
    return [
        {
            "label": stain.name,
            "color": colour.removeprefix("#").upper(),
            "active": True,
            "window": {"min": 0, "max": 65535, "start": round(OFFSET), "end": round(OFFSET + stain.background + stain.counts)},
        }
        for stain, colour in zip(settings.screen.assay.stains, channel_colours(channels), strict=True)
    ]
