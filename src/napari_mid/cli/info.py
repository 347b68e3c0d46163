"""``napari-mid info``: what is on a plate, from its index alone."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from napari_mid.cli.common import add_plate_options, opened_plate, print_facts, warn
from napari_mid.plates.urls import path_or_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_mid.plates.field import Channel
    from napari_mid.plates.flat_field import FlatField
    from napari_mid.plates.plate import Plate, Well

EXAMPLE = "napari-mid info Images/Index.idx.xml --json"

#: Names spelled out in the summary before it says how many more there are.
SHOWN = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``info``."""
    parser.add_argument("plate", type=path_or_url, metavar="PLATE", help="folder, index file or URL of the plate")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    add_plate_options(parser)


def run(options: argparse.Namespace) -> None:
    """Print what is on the plate."""
    plate = opened_plate(options.plate, options, pixels=False)
    if options.json:
        print_facts(plate_facts(plate), as_json=True)
        return
    print("\n".join(summary(plate)))
    warn(plate.warnings)


def plate_facts(plate: Plate) -> dict[str, Any]:
    """Everything the index says, ready for JSON."""
    return {
        "name": plate.name,
        "format": plate.format,
        "rows": plate.rows,
        "columns": plate.columns,
        "pixel_size_um": plate.pixel_size_um,
        "channels": [
            {
                "name": channel.name,
                "role": channel.role,
                "wavelength_nm": channel.wavelength_nm,
                "excitation_nm": channel.excitation_nm,
            }
            for channel in plate.channels
        ],
        "wells": {name: {**well.condition, "fields": sorted(well.fields)} for name, well in plate.wells.items()},
        "n_images": plate.n_images,
        "time_points": list(plate.time_points),
        "focal_planes": list(plate.focal_planes),
        "flat_field": {"index": _corrected(plate.channels, plate.index_flat_fields), "used": plate.reading.flat_field},
        "missing_files": list(plate.missing_files),
        "warnings": list(plate.warnings),
        "simulated": plate.simulated,
    }


def summary(plate: Plate) -> list[str]:
    """A readable summary, a line per fact."""
    wells = list(plate.wells.values())
    with_images = [well for well in wells if well.has_images]
    lines = [f"{plate.name} ({plate.format}, {plate.rows} x {plate.columns} wells)"]
    if plate.simulated:
        lines.append("  simulated images, not a real plate")
    facts = {
        "wells": f"{len(with_images)} with images{': ' + well_ranges(with_images) if with_images else ''}",
        "fields": _series(wells),
        "channels": "; ".join(_channel(channel) for channel in plate.channels) or "none",
        "pixel size": f"{plate.pixel_size_um:.4g} µm" if plate.pixel_size_um else "not recorded",
        "images": f"{plate.n_images}" + (f", {len(plate.missing_files)} of them missing" if plate.missing_files else ""),
        "plate map": _conditions(plate),
    }
    reading = _reading(plate)
    if reading:
        facts["read as"] = reading
    if len(wells) > len(with_images):
        facts["wells"] += f"; {len(wells) - len(with_images)} without"
    return lines + [f"  {name:<11}{text}" for name, text in facts.items()]


def _channel(channel: Channel) -> str:
    about = [channel.role] if channel.role != "other" else []
    if channel.wavelength_nm:
        about.append(f"{channel.wavelength_nm:g} nm")
    return f"{channel.name} ({', '.join(about)})" if about else channel.name


def _series(wells: list[Well]) -> str:
    """Fields a well, time points and focal planes."""
    counts = sorted({len(well.fields) for well in wells if well.fields})
    if not counts:
        return "none"
    planes = [plane for well in wells for field in well.fields.values() for plane in field.planes]
    text = f"{counts[0]} per well" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} per well"
    times, depths = {plane.time for plane in planes}, {plane.z for plane in planes}
    if len(times) > 1:
        text += f", {len(times)} time points"
    if len(depths) > 1:
        text += f", {len(depths)} focal planes"
    return text


def _corrected(channels: Sequence[Channel], flat_fields: Sequence[FlatField | None]) -> list[str]:
    """Names of the channels that have a profile."""
    return [channel.name for channel, flat_field in zip(channels, flat_fields, strict=False) if flat_field is not None]


def _reading(plate: Plate) -> str:
    """What the plate leaves a choice about: time point, focal plane, flat-field correction."""
    times, depths, reading = plate.time_points, plate.focal_planes, plate.reading
    parts = []
    if len(times) > 1:
        parts.append(f"time point {times[0] if reading.time is None else reading.time} of {_numbers(times)}")
    if len(depths) > 1:
        parts.append(
            f"maximum of the focal planes {_numbers(depths)}"
            if reading.z is None
            else f"focal plane {reading.z} of {_numbers(depths)}"
        )
    corrected = _corrected(plate.channels, plate.index_flat_fields)
    if reading.flat_field == "estimated":
        parts.append("flat-field correction estimated when images are read")
    elif reading.flat_field == "index":
        parts.append(f"flat-field corrected as the index says ({_listed(corrected)})")
    elif corrected:
        parts.append(f"without the flat-field correction of the index ({_listed(corrected)})")
    return "; ".join(parts)


def _numbers(numbers: Sequence[int]) -> str:
    """``"1 to 4"`` without gaps, else the numbers."""
    first, last = numbers[0], numbers[-1]
    return f"{first} to {last}" if last - first + 1 == len(numbers) else _listed([str(number) for number in numbers])


def _conditions(plate: Plate) -> str:
    if plate.plate_map is None:
        return "none"
    roles = Counter(str(well.condition["role"]) for well in plate.wells.values() if well.condition.get("role"))
    compounds = list(
        dict.fromkeys(str(well.condition["compound"]) for well in plate.wells.values() if well.condition.get("compound"))
    )
    parts = [plate.plate_map.path.name]
    if compounds:
        parts.append("compounds " + _listed(compounds))
    if roles:
        parts.append(", ".join(f"{count} {role.replace('_', ' ')}" for role, count in roles.items()))
    if not compounds and not roles:
        parts.append("columns " + _listed(list(plate.plate_map.columns)))
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def well_ranges(wells: list[Well]) -> str:
    """``"A01-D12"`` where the wells fill a block, else the runs along the rows: ``"A01-A03, B07"``."""
    rows, columns = {well.row for well in wells}, {well.column for well in wells}
    block = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)
    by_place = sorted(wells, key=lambda well: (well.row, well.column))
    if len(wells) == block and len(wells) > 1:
        return f"{by_place[0].name}-{by_place[-1].name}"
    runs: list[list[Well]] = []
    for well in by_place:
        if runs and runs[-1][-1].row == well.row and runs[-1][-1].column == well.column - 1:
            runs[-1].append(well)
        else:
            runs.append([well])
    return _listed([run[0].name if len(run) == 1 else f"{run[0].name}-{run[-1].name}" for run in runs])
