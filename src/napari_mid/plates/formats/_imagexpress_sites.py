"""Pixel size, emission wavelengths and the places of the sites, from as few image headers as can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_mid.plates.formats._imagexpress_header import Header, read_header
from napari_mid.plates.formats._imagexpress_missing import Key

#: Headers tried for each wavelength before it is left without an emission.
_TRIES = 3

#: Part of an image by which a site may lie elsewhere in another well, before the wells count as laid out differently.
_TOLERANCE = 0.05

#: Gap between sites whose stage positions are unknown, in pixels, so that nobody takes them for neighbours.
_GAP_PX = 8

Offsets = dict[int, tuple[float, float]]


@dataclass
class Stage:
    """What the headers tell.

    Parameters
    ----------
    pixel_size_um
        Edge of a pixel.
    wavelengths
        Emission in nm by wavelength number.
    positions_um
        Centre (y, x) of each site in µm, the same in all wells, y growing downwards; empty where unknown.
    warnings
        What does not fit.
    """

    pixel_size_um: float | None = None
    wavelengths: dict[int, float | None] = field(default_factory=dict)
    positions_um: Offsets = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_stage(on_disk: Mapping[Key, Path], wavelengths: Sequence[int], grid: Mapping[int, tuple[int, int]]) -> Stage:
    """Read the headers of an image of each wavelength and of the sites of two wells.

    Parameters
    ----------
    on_disk
        The images.
    wavelengths
        Numbers of those that become channels.
    grid
        (row, column) of each site as the HTD plans it; the sites stand that way where no stage position is known.
    """
    stage = Stage()
    shape: tuple[int, int] | None = None
    files: dict[int, list[Path]] = defaultdict(list)
    for key, path in on_disk.items():
        if len(files[key.wavelength]) < _TRIES:
            files[key.wavelength].append(path)
    for number in wavelengths:
        header = next(filter(None, map(read_header, files[number])), None)
        if header is not None:
            shape = shape or header.shape
            stage.pixel_size_um = stage.pixel_size_um or header.pixel_size_um
            stage.wavelengths[number] = header.wavelength_nm
    if stage.pixel_size_um is not None and shape is not None and len({key.site for key in on_disk}) > 1:
        _add_positions(stage, on_disk, shape, stage.pixel_size_um, grid)
    return stage


def _add_positions(
    stage: Stage,
    on_disk: Mapping[Key, Path],
    shape: tuple[int, int],
    pixel_size_um: float,
    grid: Mapping[int, tuple[int, int]],
) -> None:
    by_well: dict[str, dict[int, Path]] = defaultdict(dict)
    for key, path in on_disk.items():
        by_well[key.well].setdefault(key.site, path)
    sites = {site for files in by_well.values() for site in files}
    whole = [well for well, files in by_well.items() if set(files) == sites]
    offsets = _offsets(by_well[whole[0]]) if whole else {}
    if not offsets:
        if sites <= set(grid):
            pitch = [(pixels + _GAP_PX) * pixel_size_um for pixels in shape]
            stage.positions_um = {site: (grid[site][0] * pitch[0], grid[site][1] * pitch[1]) for site in sorted(sites)}
        return
    others = _offsets(by_well[whole[-1]])
    tolerance_um = _TOLERANCE * min(shape) * pixel_size_um
    if any(abs(a - b) > tolerance_um for site in others for a, b in zip(others[site], offsets[site], strict=True)):
        # the header of every image would tell, but asking thousands of files takes minutes on a network drive
        stage.warnings.append(
            f"The sites of {whole[0]} and {whole[-1]} lie at different places in the well, so they are shown as a grid by number."
        )
        return
    stage.positions_um = offsets


def _offsets(files: Mapping[int, Path]) -> Offsets:
    """Stage positions of the sites of a well relative to their middle; empty where one is unknown."""
    stage: Offsets = {}
    for site, path in sorted(files.items()):
        header: Header | None = read_header(path)
        if header is None or header.stage_um is None:
            return {}
        stage[site] = header.stage_um
    middle = [sum(position[axis] for position in stage.values()) / len(stage) for axis in (0, 1)]
    # to a hundredth of a micrometre, finer than any stage
    return {site: (round(y - middle[0], 2), round(x - middle[1], 2)) for site, (y, x) in stage.items()}
