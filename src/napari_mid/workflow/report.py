"""Figures and a report of chosen wells, without a window."""

from __future__ import annotations

import contextlib
import datetime
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from napari_mid.cells.device import AUTO
from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import WellError
from napari_mid.files import atomic_path, file_part
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import load_well
from napari_mid.inference.controls import MOST_WELLS, compared_wells
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps, said_as
from napari_mid.reports.annotated import annotated_figure
from napari_mid.reports.caption import model_text, threshold_text, words
from napari_mid.reports.plate_columns import SCORE, check_columns
from napari_mid.reports.report import Report, WellSection, flattened, shortened, well_section, write_report
from napari_mid.reports.settings import ReportSettings
from napari_mid.reports.text_pages import text_pages
from napari_mid.workflow.contract import PlateFit, fit
from napari_mid.workflow.report_pictures import Controls, PictureSource, plate_maps, well_card, well_gallery, well_view
from napari_mid.workflow.score_plate import PlateResult, score_plate_steps, wells_table


@dataclass(frozen=True)
class WrittenReport:
    """A report on disk.

    Parameters
    ----------
    files
        What was written; the HTML file comes first.
    plate_result
        Scores of the wells, and why others have none.
    """

    files: tuple[Path, ...]
    plate_result: PlateResult


def report_steps(
    plate: Plate,
    wells: Sequence[Well],
    model: MidModel,
    out: Path,
    *,
    settings: ReportSettings | None = None,
    scoring: ScoringSettings | None = None,
    nuclei: Mapping[str, Mapping[int, Nuclei]] | None = None,
    device: str = AUTO,
) -> Steps[WrittenReport]:
    """Score `wells` and a few negative controls, draw them, and write figures, tables and the report into the folder `out`.

    A well that cannot be read is named in the report; the others go on. `nuclei` are those of `score_plate_steps`.

    Raises
    ------
    MidError
        If the plate does not fit the model, or plate maps are to be coloured by what is not known of its wells.
    WellError
        If no well could be scored.
    """
    settings = settings or ReportSettings()
    fitted = fit(plate, model, rescale=scoring is not None and scoring.rescale)
    check_columns(fitted.plate, settings.plate_maps)
    names = [well.name for well in wells]
    known = [name for name in compared_wells(plate) if nuclei is None or any(map(len, nuclei.get(name, {}).values()))]
    extra = [name for name in known if name not in names][:MOST_WELLS] if settings.controls else []
    asked = [*wells, *(plate[name] for name in extra)]
    scored = yield from score_plate_steps(fitted.plate, asked, model, settings=scoring, nuclei=nuclei, device=device)
    return (yield from written_steps(scored, fitted, model, out, settings=settings, wells=names))


def written_steps(
    scored: PlateResult,
    fitted: PlateFit,
    model: MidModel,
    out: Path,
    *,
    settings: ReportSettings | None = None,
    wells: Collection[str] | None = None,
) -> Steps[WrittenReport]:
    """Draw wells that are scored, and write figures, tables and the report into the folder `out`.

    Parameters
    ----------
    scored
        With the ``intensity_range`` in its run record.
    wells
        Those that are drawn; all of `scored` where None. The plate map and the controls are those of all.

    Raises
    ------
    WellError
        If none of the wells is scored.
    """
    settings = settings or ReportSettings()
    out = Path(out)
    drawn = [result for result in scored.results if wells is None or result.well in wells]
    if not drawn:
        raise WellError(f"None of the wells could be scored: {next(iter(scored.failed.values()), 'no wells were given.')}")
    ranges = scored.run["intensity_range"]
    low, high = zip(*(ranges[name] for name in fitted.plate.channel_names), strict=True)
    source = PictureSource.of(fitted, model, IntensityRange(low, high), settings)

    maps = plate_maps(source, scored)
    maps_png = {column: _png(figure) for column, figure in maps.items()}
    sections: list[WellSection] = []
    files: list[Path] = [_write(out / plate_map_name(column), png) for column, png in maps_png.items()]
    controls = Controls(source, scored, [result.well for result in drawn]) if settings.controls else None
    if controls is not None:
        yield from controls.cut_steps()
    with contextlib.ExitStack() as stack:
        # the pages go into a temporary file, which becomes report.pdf when the last one is drawn
        pdf: Any = PdfPages(stack.enter_context(atomic_path(out / "report.pdf"))) if settings.pdf else None
        if pdf is not None:
            stack.enter_context(pdf)
        for figure in maps.values():
            _add_page(pdf, figure)
        for done, result in enumerate(drawn):
            now = Progress("drawing wells", done, len(drawn), f"{result.well} ({done + 1} of {len(drawn)})")
            yield now
            images = yield from said_as(now, load_well(fitted.plate[result.well]))
            annotated = annotated_figure(well_view(source, result, images), settings.width_px)
            gallery = well_gallery(source, result, images, controls.beside(result.well) if controls is not None else None)
            pictures = {"annotated": annotated, "card": well_card(source, result, scored), "gallery": gallery}
            pngs = {name: _png(figure) for name, figure in pictures.items()}
            files += [_write(out / f"{result.well}_{name}.png", png) for name, png in pngs.items()]
            sections.append(well_section(result, **pngs))
            for figure in pictures.values():
                _add_page(pdf, figure)
        report = _report(source, scored, sections, maps_png)
        for figure in text_pages(report, settings.width_px) if settings.pdf else ():
            _add_page(pdf, figure)
    yield Progress("drawing wells", len(drawn), len(drawn))
    if settings.pdf:
        files.append(out / "report.pdf")
    with atomic_path(out / "wells.csv") as path:
        wells_table(scored).to_csv(path, index=False)
    html = write_report(report, out / "report.html")
    return WrittenReport((html, out / "wells.csv", *files), scored)


def plate_map_name(column: str) -> str:
    """The file of the plate map of `column`."""
    return "plate_scores.png" if column == SCORE else f"plate_{file_part(column)}.png"


def _report(
    source: PictureSource, scored: PlateResult, sections: Sequence[WellSection], plate_maps: Mapping[str, bytes]
) -> Report:
    plate, model, config = source.fitted.plate, source.model, source.model.config
    cautions, today = source.caption(scored.results[0]).cautions(), datetime.date.today()
    return Report(
        title=f"Plate {plate.name}",
        subtitle=", ".join(
            (words(config.task), model_text(config.name, model.hash), threshold_text(config.threshold), today.isoformat())
        ),
        score_meaning=f"The score is the model's probability of “{words(config.classes[-1])}”, averaged over random sets of "
        "cells; the interval is that of the cells of the well.",
        wells=tuple(sections),
        plate_maps=plate_maps,
        failed=scored.failed,
        cautions=tuple(cautions),
        facts=_facts(source, scored.run),
        model_card=model.card,
        card_pictures=_card_pictures(model),
        warnings=shortened((*plate.warnings, *source.fitted.warnings)),
    )


def _card_pictures(model: MidModel) -> dict[str, bytes]:
    """The pictures beside the model's card, some of which it shows."""
    return {path.name: path.read_bytes() for path in model.path.glob("*.png")} if model.path is not None else {}


def _facts(source: PictureSource, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Tables of the report: what was looked at, with what."""
    plate, model, config = source.fitted.plate, source.model, source.model.config
    size = f"{plate.pixel_size_um:.4g} µm" if plate.pixel_size_um else "not recorded"
    return {
        "Plate": {
            "name": plate.name,
            "format": plate.format,
            "size": f"{plate.rows} x {plate.columns} wells, {len(plate.wells)} of them known",
            "images": f"{plate.n_images:,}, {len(plate.missing_files):,} missing",
            "channels": ", ".join(f"{channel.name} ({channel.role})" for channel in plate.channels),
            "pixel size": size,
            "plate map": plate.plate_map.path.name if plate.plate_map else "none",
            "intensity range": "; ".join(
                f"{name} {low:.6g} to {high:.6g}" for name, (low, high) in zip(plate.channel_names, source.limits, strict=True)
            ),
        },
        "Model": {
            "name": config.name,
            "version": f"{model.hash} (another one with every training; run.json calls it hash)",
            "threshold": f"{config.threshold:g}",
            "task": config.task,
            "classes": ", ".join(config.classes),
            "channels": ", ".join(channel.name for channel in config.channels),
            "slices": f"{config.slice_px} x {config.slice_px} px",
            "network": config.network_text,
        },
        "Settings": flattened(run["settings"]),
        "Software": {**run["versions"], "device": run["device"]},
    }


def _add_page(pdf: Any, figure: Figure) -> None:
    if pdf is not None:
        pdf.savefig(figure, facecolor=figure.get_facecolor())


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor=figure.get_facecolor())
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> Path:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return path
