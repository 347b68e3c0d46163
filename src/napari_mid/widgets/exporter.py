"""Draws pictures and writes tables in the background: what is exported is what was there when it was asked for."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_mid.errors import MidError
from napari_mid.files import atomic_path
from napari_mid.progress import Progress, Steps
from napari_mid.reports.plate_columns import FROM_SCORES, SCORE
from napari_mid.reports.settings import ReportSettings
from napari_mid.session import Session
from napari_mid.viewer.anndata_export import check_anndata, write_anndata
from napari_mid.viewer.compat import spare_collections
from napari_mid.viewer.export import captured_plate_map, captured_score_card, captured_view, session_results
from napari_mid.viewer.gallery_export import Drawing, captured_gallery
from napari_mid.viewer.presenter import Presenter
from napari_mid.widgets.control_cells import ControlCells
from napari_mid.widgets.options import ExportOptions
from napari_mid.widgets.work import Jobs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_mid.model.network import MidModel
    from napari_mid.workflow.score_plate import PlateResult

#: Lanes of work.
LANE, PREVIEW_LANE = "export", "export preview"
#: Width of a preview in pixels.
PREVIEW_PX = 760
#: What can be drawn.
SCREENSHOT, GALLERY, PLATE_MAP, SCORE_CARD = "screenshot", "gallery", "plate map", "score card"


class Exporter:
    """Writes what the window shows."""

    #: the wells of the plate map are coloured by something else
    column_changed = Signal()

    def __init__(self, session: Session, jobs: Jobs, presenter: Presenter, controls: ControlCells) -> None:
        self.session = session
        self.jobs = jobs
        self.presenter = presenter
        self.controls = controls
        self._column = SCORE

    @property
    def column(self) -> str:
        """What the plate map is coloured by, one of `plate_columns.modes`."""
        return self._column

    @column.setter
    def column(self, column: str) -> None:
        if column != self._column:
            self._column = column
            self.column_changed.emit()

    @property
    def has_plate_map(self) -> bool:
        """Whether the wells have what the plate map is coloured by."""
        return self.session.plate is not None and (self.column not in FROM_SCORES or bool(self.session.results))

    def capture(self, what: str, options: ExportOptions) -> Drawing:
        """What there is to draw now; the function that is given draws it once, so many pixels wide, in any thread.

        Raises
        ------
        WellError
            If there is nothing to draw.
        """
        if what == GALLERY:
            rows = options.gallery_rows
            controls = self.controls.slices_steps(rows) if options.controls else None
            return captured_gallery(self.session, rows=rows, stained=options.stained, controls=controls)
        if what == PLATE_MAP:
            return _drawing(captured_plate_map(self.session, self.column))
        if what == SCORE_CARD:
            return _drawing(captured_score_card(self.session))
        from napari_mid.reports.annotated import annotated_figure

        self.presenter.look = dataclasses.replace(self.presenter.look, colours=options.relevance_colours)
        view = captured_view(self.presenter, whole_well=options.whole_well)
        return _drawing(lambda width_px: annotated_figure(view(), width_px))

    def preview(self, what: str, options: ExportOptions, show: Callable[[bytes], object]) -> None:
        """Draw it small, and `show` the PNG."""
        try:
            drawn = self.capture(what, options)
        except MidError as error:
            self.session.tell(str(error), "warning")
            return
        self.jobs.start(PREVIEW_LANE, f"drawing the {what}", _png_steps(drawn), show)

    def save(self, what: str, options: ExportOptions, path: Path) -> None:
        """Write it as PNG, PDF or SVG, as the suffix of `path` says."""
        self._start(what, lambda: _save_steps(self.capture(what, options), options.width_px, path))

    def save_tables(self, options: ExportOptions, folder: Path) -> None:
        """Write the tables of all scored wells into `folder`."""

        def prepared() -> Steps[Path]:
            if options.anndata:
                check_anndata()
            places = self.presenter.places if options.napari_points and self.session.result is not None else None
            return _tables_steps(session_results(self.session), options, folder, (self.session.well or "", places))

        self._start("tables", prepared)

    def save_report(self, wells: Sequence[str], settings: ReportSettings, folder: Path) -> None:
        """Write the report of scored `wells` into `folder`, as ``napari-mid report`` does."""

        def prepared() -> Steps[Path]:
            session = self.session
            scored = session_results(session)  # it says so where there are none
            assert session.model is not None
            shown = () if self.column in settings.plate_maps else (self.column,)
            wanted = dataclasses.replace(settings, plate_maps=(*settings.plate_maps, *shown))
            return _report_steps(scored, session.model, wanted, tuple(wells), folder)

        self._start("report", prepared)

    def _start(self, what: str, prepared: Callable[[], Steps[Path]]) -> None:
        session = self.session
        try:
            steps = prepared()
        except MidError as error:
            session.tell(str(error), "error")
            return

        def done(path: Path) -> None:
            session.tell(f"Saved {path}.")
            if self.presenter.alone:
                spare_collections(what)  # fonts and what else figures and tables need is there now

        self.jobs.start(LANE, f"writing the {what}", steps, done)


def _drawing(draw: Callable[[int], Figure]) -> Drawing:
    """What is drawn in one go."""

    def steps(width_px: int) -> Steps[Figure]:
        yield Progress("drawing", 0, 0)
        return draw(width_px)

    return steps


def _png_steps(drawing: Drawing) -> Steps[bytes]:
    figure, buffer = (yield from drawing(PREVIEW_PX)), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor=figure.get_facecolor())
    return buffer.getvalue()


def _save_steps(drawing: Drawing, width_px: int, path: Path) -> Steps[Path]:
    from napari_mid.reports.page import save_figure

    figure = yield from drawing(width_px)
    yield Progress("writing", 0, 0, path.name)
    return _written(lambda: save_figure(figure, path))


def _tables_steps(
    scored: PlateResult, options: ExportOptions, folder: Path, open_well: tuple[str, NDArray[np.float64] | None]
) -> Steps[Path]:
    from napari_mid.workflow.score_plate import write_results

    yield Progress("writing tables", 0, 2, folder.name)
    _written(lambda: write_results(scored, folder, both_formats=options.both_formats))
    if options.anndata:
        yield Progress("writing tables", 1, 2, "cells.h5ad")
        _written(lambda: write_anndata(scored, folder))
    well, places = open_well
    if places is not None:
        _written(lambda: write_points(places, folder / f"{well}_points.csv"))
    return folder


def _report_steps(
    scored: PlateResult, model: MidModel, settings: ReportSettings, wells: tuple[str, ...], folder: Path
) -> Steps[Path]:
    from napari_mid.viewer.thumbnails import scale_of
    from napari_mid.workflow.contract import fit
    from napari_mid.workflow.report import written_steps

    rescale = any(scale_of(result) != 1.0 for result in scored.results)
    steps = written_steps(scored, fit(scored.plate, model, rescale=rescale), model, folder, settings=settings, wells=wells)
    try:
        return (yield from steps).files[0]
    except OSError as error:
        raise MidError(f"The report could not be written: {error}. Choose another folder.") from error


def write_points(places: NDArray[np.float64], path: Path) -> Path:
    """Write (N, 2) `places`, (y, x) in pixels of the well, as napari saves a Points layer: it opens as one."""
    import pandas as pd

    table = pd.DataFrame(places, columns=["axis-0", "axis-1"])
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index_label="index")
    return path


def _written(write: Callable[[], Path | None]) -> Path:
    try:
        return write() or Path()
    except OSError as error:
        raise MidError(f"The file could not be written: {error}. Choose another folder.") from error
