"""Annotated pictures of what the canvas shows, the plate map, and the tables of the session."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from napari_mid.cells.kept import well_key
from napari_mid.errors import WellError
from napari_mid.images.layout import WellLayout
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.reports.annotated import DOT_PART, AnnotatedView, annotated_figure, dot_diameter
from napari_mid.reports.caption import Caption, caption_of, reading_text
from napari_mid.reports.colours import RELEVANCE_COLORMAPS, rgb_to_hex
from napari_mid.reports.composite import composite
from napari_mid.reports.dots import MEASURES, DotLook, dot_sizes
from napari_mid.reports.page import save_figure
from napari_mid.reports.plate_columns import FROM_SCORES, SCORE
from napari_mid.reports.plate_map import plate_map_figure
from napari_mid.reports.score_card import control_scores, score_card_figure
from napari_mid.session import Session
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.presenter import Presenter
from napari_mid.viewer.region import region_in_view

if TYPE_CHECKING:
    from napari_mid.workflow.score_plate import PlateResult

#: Width of exported pictures in pixels, unless the user chooses another.
WIDTH_PX = 2000


def export_screenshot(presenter: Presenter, path: Path, *, width_px: int = WIDTH_PX, whole_well: bool = False) -> Path:
    """Write the annotated picture of what the canvas shows, or of the whole well, as PNG, PDF or SVG.

    It has the visible channels with their colours and contrast limits, and the points if they are visible.

    Raises
    ------
    WellError
        If no well is open, or no channel is visible.
    """
    return save_figure(annotated_figure(canvas_view(presenter, whole_well=whole_well), width_px), Path(path))


def canvas_view(presenter: Presenter, *, whole_well: bool = False) -> AnnotatedView:
    """What the canvas shows, for `annotated_figure`."""
    return captured_view(presenter, whole_well=whole_well)()


def captured_view(presenter: Presenter, *, whole_well: bool = False) -> Callable[[], AnnotatedView]:
    """What the canvas shows now; the function that is given draws it, in any thread.

    Raises
    ------
    WellError
        If no well is open, or no channel is visible.
    """
    session = presenter.session
    plate, images = session.plate, session.images
    shown = [layer for layer in presenter.image_layers if layer.visible]
    if plate is None or images is None:
        raise WellError("No well is open, so there is nothing to export; open a plate and click a well.")
    if not shown:
        raise WellError("No channel is visible; switch one on in the layer list, then export.")
    height, width = images.layout.shape
    region = (0, height, 0, width) if whole_well else visible_region(presenter.viewer, shown[0], (height, width))
    top, bottom, left, right = region
    part = region != (0, height, 0, width)
    colours = [rgb_to_hex(layer.colormap.colors[-1]) for layer in shown]
    planes = [np.asarray(layer.data)[top:bottom, left:right] for layer in shown]
    contrast = [tuple(layer.contrast_limits) for layer in shown]
    channels = tuple((layer.name, colour) for layer, colour in zip(shown, colours, strict=True))
    result, points, look = session.result, presenter.points_layer, presenter.look
    dots: dict[str, Any] = {}
    if result is not None and result.n_cells and points is not None and points.visible:
        dots = dots_of(result, images.layout, look, plate.pixel_size_um, (top, left))
    caption = session_caption(session, plate, result, "part of the well" if part else "")
    return lambda: AnnotatedView(
        rgb=composite(planes, colours, contrast),
        caption=caption,
        pixel_size_um=plate.pixel_size_um,
        channels=channels,
        colours=RELEVANCE_COLORMAPS[look.colours],
        **dots,
    )


def dots_of(
    result: WellResult, layout: WellLayout, look: DotLook, pixel_size_um: float | None, corner: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """The dots of a scored well as fields of an `AnnotatedView` whose image begins at `corner`, (y, x) in pixels of the well."""
    positions, areas = cell_positions(result.cells, layout), result.cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float)
    shown = np.isfinite(positions).all(axis=1) & ~result.excluded & look.shown(result.cells)
    values, usual = look.values(result.cells), dot_diameter(areas, pixel_size_um)
    measure = MEASURES[look.measure]
    return {
        "points": positions[shown] - corner,
        "relevance": values[shown],
        "limits": look.limits(values),
        "dot_px": dot_sizes(areas, usual, DOT_PART)[shown] if look.by_size else usual,
        "label": measure.label,
        "even": measure.even,
        "note": look.said(),
    }


def visible_region(viewer: Any, layer: Any, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) in pixels of `layer` that the canvas shows; all of it where none of it is in view."""
    return region_in_view(viewer, layer.scale, shape) or (0, shape[0], 0, shape[1])


def session_caption(session: Session, plate: Plate, result: WellResult | None, region: str = "") -> Caption:
    """What is said beside a picture of the open well."""
    config = session.model.config if session.model is not None else None
    task = config.task if config is not None else ""
    reading = reading_text(plate.reading_columns())
    if result is not None:
        threshold = config.threshold if config is not None else math.nan
        return caption_of(result, task=task, threshold=threshold, plate_simulated=plate.simulated, region=region, reading=reading)
    well = session.well or ""
    condition = plate.wells[well].condition if well in plate.wells else {}
    return Caption(
        plate=plate.name,
        well=well,
        condition=condition,
        task=task,
        plate_simulated=plate.simulated,
        region=region,
        reading=reading,
    )


def captured_plate_map(session: Session, column: str = SCORE) -> Callable[[int], Figure]:
    """The plate coloured by `column` as it is now; the function that is given draws it so many pixels wide, in any thread.

    Raises
    ------
    WellError
        If no plate is open, or `column` comes from scores and no well is scored.
    """
    plate, model, results = session.plate, session.model, dict(session.results)
    if plate is None:
        raise WellError("No plate is open, so there is no plate map; open one first.")
    if column in FROM_SCORES and not results:
        raise WellError(f"No well is scored, so there is no map of the {column}; press Run or Score all wells first.")
    task, threshold = (model.config.task, model.config.threshold) if model is not None else ("", math.nan)
    return lambda width_px: plate_map_figure(plate, results, column, task=task, threshold=threshold, width_px=width_px)


def captured_score_card(session: Session) -> Callable[[int], Figure]:
    """The score card of the open well as it is now; the function that is given draws it so many pixels wide, in any thread.

    Raises
    ------
    WellError
        If the open well is not scored.
    """
    plate, result, model = session.plate, session.result, session.model
    if plate is None or result is None or model is None:
        raise WellError("The open well is not scored, so there is no score card; press Run first.")
    caption, controls = session_caption(session, plate, result), control_scores(result, session.results.values())
    threshold = model.config.threshold
    return lambda width_px: score_card_figure(result, caption, controls=controls, threshold=threshold, width_px=width_px)


def with_classes(session: Session, result: WellResult) -> WellResult:
    """`result` with a column ``class`` of its cells: what the user sorted them into, ``""`` where nothing."""
    classes = session.marks.names_of(well_key(session.plate, result.well), result.cells)
    return dataclasses.replace(result, cells=result.cells.assign(**{"class": classes}))


def session_results(session: Session) -> PlateResult:
    """Every scored well and the run record, as ``napari-mid score`` makes them; cells have a column ``class``.

    Raises
    ------
    WellError
        If no well is scored.
    """
    plate, model, contract = session.plate, session.model, session.contract
    if plate is None or model is None or contract is None or contract.plate is None or not session.results:
        raise WellError("No well is scored, so there are no tables; press Run or Score all wells first.")
    from napari_mid.inference.settings import ScoringSettings
    from napari_mid.workflow.score_plate import PlateResult, run_record
    from napari_mid.workflow.score_well import model_detection

    seconds: dict[str, float] = {}
    for result in session.results.values():
        for step, spent in result.seconds.items():
            seconds[step] = seconds.get(step, 0.0) + spent
    detection = session.detection or model_detection(model)
    run = run_record(contract.plate, model, ScoringSettings(), detection, session.device, seconds)
    if session.intensity is not None:
        run["intensity_range"] = session.intensity.by_name(plate)
    ordered = [with_classes(session, session.results[name]) for name in plate.wells if name in session.results]
    return PlateResult(contract.plate, tuple(ordered), {}, run)


def export_tables(session: Session, folder: Path) -> Path:
    """Write ``wells.csv``, ``cells.parquet`` and ``run.json`` of every scored well into `folder`, as ``napari-mid score`` does.

    Raises
    ------
    WellError
        If no well is scored.
    """
    from napari_mid.workflow.score_plate import write_results

    write_results(session_results(session), Path(folder))
    return Path(folder)
