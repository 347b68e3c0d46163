"""Small ImageXpress plates written for a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile


def htd_text(
    *,
    wells: Iterable[str] = ("A01",),
    size: tuple[int, int] = (8, 12),
    sites: Sequence[str] = ("T",),
    waves: Sequence[str] = ("DAPI",),
    not_collected: Sequence[int] = (),
    times: int = 1,
    steps: int = 0,
    without: Sequence[str] = (),
) -> str:
    """An HTD; `sites` has a text such as ``"TFT"`` for each row of the grid."""
    flags = {True: "TRUE", False: "FALSE"}
    lines = ['"HTSInfoFile", Version 1.0', '"Description", "a plate"', f'"TimePoints", {times}']
    lines += [f'"ZSeries", {flags[steps > 0]}', f'"ZSteps", {steps}', f'"XWells", {size[1]}', f'"YWells", {size[0]}']
    for row in range(size[0]):
        selected = [flags[f"{chr(65 + row)}{column:02d}" in wells] for column in range(1, size[1] + 1)]
        lines.append(f'"WellsSelection{row + 1}", {", ".join(selected)}')
    lines += [f'"Sites", {flags[len("".join(sites)) > 1]}', f'"XSites", {len(sites[0])}', f'"YSites", {len(sites)}']
    lines += [f'"SiteSelection{n}", {", ".join(flags[c == "T"] for c in row)}' for n, row in enumerate(sites, 1)]
    lines += [f'"Waves", {flags[len(waves) > 1]}', f'"NWavelengths", {len(waves)}']
    lines += [f'"WaveName{n}", "{name}"' for n, name in enumerate(waves, 1)]
    lines += [f'"WaveCollect{n}", {int(n not in not_collected)}' for n in range(1, len(waves) + 1)]
    lines.append('"EndFile"')
    return "\r\n".join(line for line in lines if not any(line.startswith(f'"{key}') for key in without)) + "\r\n"


def header_text(wavelength: float, stage: tuple[float, float] | None, pixel_size: object = 0.65, unit: str = "um") -> str:
    y, x = stage or (0.0, 0.0)
    place = f'<prop id="stage-position-y" type="float" value="{y}"/><prop id="stage-position-x" type="float" value="{x}"/>'
    return (
        '<MetaData>\n<prop id="ApplicationName" type="string" value="MetaMorph"/>\n<PlaneInfo>'
        f'<prop id="spatial-calibration-x" type="float" value="{pixel_size}"/>'
        f'<prop id="spatial-calibration-units" type="string" value="{unit}"/>'
        f'<prop id="wavelength" type="float" value="{wavelength}"/>{place if stage else ""}</PlaneInfo></MetaData>'
    )


def write_imagexpress(
    tmp_path: Path, names: Sequence[str], *, folder: str = "plate", htd: str = "p.HTD", about: str = "", **facts: Any
) -> Path:
    """Write an HTD and 6 x 8 px images, the first of value 0, the next of 1, ...; gives the plate's folder."""
    home = tmp_path / folder
    (home / htd).parent.mkdir(parents=True, exist_ok=True)
    (home / htd).write_text(htd_text(**facts), encoding="cp1252", newline="")
    for number, name in enumerate(names):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(home / name, np.full((6, 8), number, np.uint16), description=about or None, metadata=None)
    return home
