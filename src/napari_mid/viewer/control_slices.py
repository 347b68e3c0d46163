"""Slices of cells of the plate's negative-control wells, at random, to look at beside those of the open well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.inference.controls import compared_cells, compared_wells
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.session import Session
from napari_mid.viewer.thumbnails import cell_slices, scale_of


@dataclass(frozen=True)
class ControlCell:
    """A cell of a negative-control well.

    Parameters
    ----------
    well, row
        Which one: its row in the well's `WellResult.cells`.
    relevance
        In its own well.
    planes
        (C, S, S) from 0 to 1, as the model sees it.
    """

    well: str
    row: int
    relevance: float
    planes: NDArray[np.float32]


def control_rows(session: Session, n: int) -> dict[str, list[int]]:
    """Rows of `n` cells by their well, of scored negative-control wells other than the open one; none where nothing is ready."""
    contract = session.contract
    ready = contract is not None and contract.plate is not None and session.intensity is not None and session.model is not None
    return compared_cells(session.results, compared_wells(session.plate, session.well), n) if ready and n else {}


def control_slices_steps(
    session: Session, n: int, known: Callable[[str], WellImages | None], have: Sequence[ControlCell] = ()
) -> Steps[tuple[ControlCell, ...]]:
    """Cut the slices of `n` cells of negative controls; the session's state is taken now, and those of `have` are not cut again.

    Parameters
    ----------
    known
        The images of a well that are in memory.
    """
    chosen = control_rows(session, n)
    cut = {(cell.well, cell.row): cell for cell in have}
    results = {well: session.results[well] for well in chosen}
    lacking = {well: [row for row in rows if (well, row) not in cut] for well, rows in chosen.items()}
    wanted = {well: (results[well], rows, known(well)) for well, rows in lacking.items() if rows}
    contract, intensity, model = session.contract, session.intensity, session.model
    if contract is None or intensity is None or model is None or session.plate is None:
        return _none()
    how = model.config.slice_px, contract.channels, intensity, model.config.normalisation
    return _slices_steps(session.plate, chosen, wanted, cut, how)


def _none() -> Steps[tuple[ControlCell, ...]]:
    yield from ()
    return ()


def _slices_steps(
    plate: Plate,
    chosen: Mapping[str, list[int]],
    wanted: Mapping[str, tuple[WellResult, list[int], WellImages | None]],
    cut: Mapping[tuple[str, int], ControlCell],
    how: tuple[int, Sequence[int], IntensityRange, str],
) -> Steps[tuple[ControlCell, ...]]:
    size_px, channels, intensity, normalisation = how
    found = dict(cut)
    for done, (well, (result, rows, images)) in enumerate(wanted.items()):
        yield Progress("reading negative controls", done, len(wanted), well)
        if images is None:
            images = yield from load_well(plate[well])
        cells = result.cells.iloc[rows]
        slices = cell_slices(images, cells, size_px, channels, intensity, normalisation, scale_of(result))
        relevance = cells["relevance"].to_numpy(dtype=float).tolist()
        for row, value, planes in zip(rows, relevance, slices, strict=True):
            found[well, row] = ControlCell(well, row, value, planes)
    return tuple(found[well, row] for well, rows in chosen.items() for row in rows)
