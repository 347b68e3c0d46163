"""The galleries of the open well as a figure, beside them cells of negative controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from napari_mid.errors import WellError
from napari_mid.progress import Progress, Steps, finish
from napari_mid.reports.colours import relevance_limits
from napari_mid.reports.gallery import CONTROLS, ROWS, GalleryColumn, gallery_figure, most_and_least
from napari_mid.reports.page import save_figure
from napari_mid.session import Session
from napari_mid.viewer.cells import ranks_shown
from napari_mid.viewer.control_slices import ControlCell, control_slices_steps
from napari_mid.viewer.export import WIDTH_PX, session_caption
from napari_mid.viewer.thumbnails import cell_slices, contours, scale_of

#: Draws what was captured so many pixels wide, in any thread.
Drawing = Callable[[int], Steps[Figure]]


def export_gallery(session: Session, path: Path, *, width_px: int = WIDTH_PX, rows: int = ROWS) -> Path:
    """Write the most and the least relevant cells of the open well, and cells of scored negative controls, as a figure.

    Raises
    ------
    WellError
        If the open well is not scored.
    """
    drawing = captured_gallery(session, rows=rows, controls=control_slices_steps(session, rows, lambda well: None))
    return save_figure(finish(drawing(width_px)), Path(path))


def captured_gallery(
    session: Session, *, rows: int = ROWS, stained: bool = True, controls: Steps[tuple[ControlCell, ...]] | None = None
) -> Drawing:
    """The galleries of the open well as they are now; the function that is given draws them once.

    Parameters
    ----------
    controls
        Gives the cells of the third column; there is none where it is None or gives none.

    Raises
    ------
    WellError
        If the open well is not scored.
    """
    plate, images, result, model = session.plate, session.images, session.result, session.model
    contract, intensity = session.contract, session.intensity
    if plate is None or images is None or result is None or model is None or contract is None or intensity is None:
        raise WellError("The open well is not scored, so there is no gallery; press Run first.")
    from napari_mid.plates.roles import channel_colours

    colours, caption = channel_colours(plate.channels), session_caption(session, plate, result)
    config, cells, scale = model.config, result.cells, scale_of(result)
    outlined = session.outlined if "galleries" in session.outlines_on else None
    drawn, channels = "galleries" in session.outlines_on, contract.channels
    lists = list(zip(("RELEVANT", "IRRELEVANT"), most_and_least(ranks_shown(result), rows), strict=True))
    limits = relevance_limits(cells["relevance"].to_numpy(dtype=float))

    def draw(width_px: int) -> Steps[Figure]:
        beside = (yield from controls) if controls is not None else ()
        yield Progress("drawing", 0, 0)
        columns = []
        for title, chosen in lists:
            picked = cells.iloc[chosen]
            slices = cell_slices(images, picked, config.slice_px, channels, intensity, config.normalisation, scale)
            ranks, relevance = picked["rank"].to_numpy(dtype=np.int64), picked["relevance"].to_numpy(dtype=np.float64)
            outlines = contours(picked, outlined, config.slice_px, scale) if drawn else None
            columns.append(GalleryColumn(title, slices, ranks, relevance, outlines))
        if beside:
            columns.append(control_column(beside))
        return gallery_figure(
            columns,
            [(plate.channels[channel].name, colours[channel]) for channel in channels],
            caption,
            pixel_size_um=plate.pixel_size_um / scale if plate.pixel_size_um else None,
            limits=limits,
            width_px=width_px,
            stained=stained,
        )

    return draw


def control_column(cells: Sequence[ControlCell]) -> GalleryColumn:
    """The third column, of one cell or more."""
    relevance = np.array([cell.relevance for cell in cells])
    ranks = np.zeros(len(cells), dtype=np.int64)
    return GalleryColumn(
        CONTROLS, np.stack([cell.planes for cell in cells]), ranks, relevance, names=tuple(cell.well for cell in cells)
    )
