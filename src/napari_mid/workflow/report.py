"""Figures and a report of chosen wells, without a window."""

from __future__ import annotations

import contextlib
import datetime
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.slices import cut_slices
from napari_mid.errors import WellError
from napari_mid.files import atomic_path
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.roles import channel_colours
from napari_mid.progress import Progress, Steps
from napari_mid.reports.annotated import AnnotatedView, annotated_figure, dot_diameter
from napari_mid.reports.caption import Caption, caption_of, reading_text, words
from napari_mid.reports.colours import relevance_limits
from napari_mid.reports.composite import composite
from napari_mid.reports.gallery import GalleryColumn, gallery_figure, most_and_least
from napari_mid.reports.plate_map import plate_map_figure
from napari_mid.reports.report import Report, WellSection, flattened, shortened, well_section, write_report
from napari_mid.reports.score_card import control_scores, score_card_figure
from napari_mid.reports.settings import ReportSettings
from napari_mid.workflow.contract import PlateFit, fit
from napari_mid.workflow.resampling import resampled
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


@dataclass(frozen=True)
class PictureSource:
    """Where the pictures of all wells come from.

    Parameters
    ----------
    fitted, model
        The plate as it serves the model.
    limits
        Raw intensities that become black and full colour, per channel of the plate.
    colours
        Hex colour per channel of the plate.
    """

    fitted: PlateFit
    model: MidModel
    limits: tuple[tuple[float, float], ...]
    colours: tuple[str, ...]
    settings: ReportSettings

    @classmethod
    def of(cls, fitted: PlateFit, model: MidModel, intensity: IntensityRange, settings: ReportSettings) -> PictureSource:
        """Pictures with the plate-wide intensity range and the colours of the stains."""
        limits = tuple(zip(intensity.low, intensity.high, strict=True))
        return cls(fitted, model, limits, channel_colours(fitted.plate.channels), settings)

    @property
    def shown(self) -> list[int]:
        """The channels in the pictures: the model's, and the one that shows the nuclei."""
        extra = [] if self.fitted.nucleus in self.fitted.channels else [self.fitted.nucleus]
        return [*self.fitted.channels, *extra]

    def legend(self, channels: Sequence[int]) -> tuple[tuple[str, str], ...]:
        """(name, colour) of `channels`."""
        return tuple((self.fitted.plate.channels[channel].name, self.colours[channel]) for channel in channels)

    def caption(self, result: WellResult) -> Caption:
        """What is said about a scored well."""
        config = self.model.config
        plate = self.fitted.plate
        return caption_of(
            result,
            task=config.task,
            threshold=config.threshold,
            plate_simulated=plate.simulated,
            reading=reading_text(plate.reading_columns()),
        )


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
    """Score `wells`, draw them, and write figures, tables and the report into the folder `out`.

    A well that cannot be read is named in the report; the others go on. `nuclei` are those of `score_plate_steps`.

    Raises
    ------
    MidError
        If the plate does not fit the model.
    WellError
        If no well could be scored.
    """
    fitted = fit(plate, model, rescale=scoring is not None and scoring.rescale)
    scored = yield from score_plate_steps(fitted.plate, wells, model, settings=scoring, nuclei=nuclei, device=device)
    return (yield from written_steps(scored, fitted, model, out, settings=settings))


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

    plate_map = _plate_map(source, scored)
    sections: list[WellSection] = []
    files: list[Path] = [_write(out / "plate_scores.png", plate_map_png := _png(plate_map))]
    with contextlib.ExitStack() as stack:
        # the pages go into a temporary file, which becomes report.pdf when the last one is drawn
        pdf: Any = PdfPages(stack.enter_context(atomic_path(out / "report.pdf"))) if settings.pdf else None
        if pdf is not None:
            stack.enter_context(pdf)
        _add_page(pdf, plate_map)
        for done, result in enumerate(drawn):
            yield Progress("drawing wells", done, len(drawn), result.well)
            images = yield from load_well(fitted.plate[result.well])
            annotated = annotated_figure(well_view(source, result, images), settings.width_px)
            gallery = well_gallery(source, result, images)
            pictures = {"annotated": annotated, "card": well_card(source, result, scored), "gallery": gallery}
            pngs = {name: _png(figure) for name, figure in pictures.items()}
            files += [_write(out / f"{result.well}_{name}.png", png) for name, png in pngs.items()]
            sections.append(well_section(result, **pngs))
            for figure in pictures.values():
                _add_page(pdf, figure)
    yield Progress("drawing wells", len(drawn), len(drawn))
    if settings.pdf:
        files.append(out / "report.pdf")
    with atomic_path(out / "wells.csv") as path:
        wells_table(scored).to_csv(path, index=False)
    html = write_report(_report(source, scored, sections, plate_map_png), out / "report.html")
    return WrittenReport((html, out / "wells.csv", *files), scored)


def well_view(source: PictureSource, result: WellResult, images: WellImages) -> AnnotatedView:
    """The whole well with its cells."""
    shown = source.shown
    pixel_size = source.fitted.plate.pixel_size_um
    points, relevance = _points(result, images)
    return AnnotatedView(
        rgb=composite(
            [images.mosaic(channel) for channel in shown],
            [source.colours[channel] for channel in shown],
            [source.limits[channel] for channel in shown],
        ),
        caption=source.caption(result),
        points=points,
        relevance=relevance,
        limits=relevance_limits(result.cells["relevance"].to_numpy(dtype=float)),
        dot_px=dot_diameter(result.cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float), pixel_size),
        pixel_size_um=pixel_size,
        channels=source.legend(shown),
    )


def well_card(source: PictureSource, result: WellResult, scored: PlateResult) -> Figure:
    """The score of the well among the negative controls, and what it rests on."""
    return score_card_figure(
        result,
        source.caption(result),
        controls=control_scores(result, scored.results),
        threshold=source.model.config.threshold,
        width_px=source.settings.width_px,
    )


def _points(result: WellResult, images: WellImages) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroids (N, 2) of the cells in pixels of the well, and their relevance (N,)."""
    points, relevance = [np.zeros((0, 2))], [np.zeros(0)]
    for field, cells in result.cells[~result.excluded].groupby("Metadata_Site"):
        centroids = cells[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
        points.append(images.layout.to_well(int(str(field)), centroids))
        relevance.append(cells["relevance"].to_numpy(dtype=float))
    return np.concatenate(points), np.concatenate(relevance)


def well_gallery(source: PictureSource, result: WellResult, images: WellImages) -> Figure:
    """The most and the least relevant cells of the well, as the model saw them."""
    cells = result.cells
    most, least = most_and_least(cells["rank"].to_numpy(), source.settings.gallery_rows)
    columns = [_column(source, result, images, title, rows) for title, rows in (("RELEVANT", most), ("IRRELEVANT", least))]
    return gallery_figure(
        columns,
        source.legend(source.fitted.channels),
        source.caption(result),
        pixel_size_um=source.fitted.slice_pixel_um,
        limits=relevance_limits(cells["relevance"].to_numpy(dtype=float)),
        width_px=source.settings.width_px,
        stained=source.settings.stained,
    )


def _column(source: PictureSource, result: WellResult, images: WellImages, title: str, rows: NDArray[np.int64]) -> GalleryColumn:
    chosen = result.cells.iloc[rows]
    config, channels = source.model.config, list(source.fitted.channels)
    slices = np.zeros((len(rows), len(channels), config.slice_px, config.slice_px), dtype=np.float32)
    low, high = zip(*(source.limits[channel] for channel in channels), strict=True)
    sites = chosen["Metadata_Site"].to_numpy()
    centroids = chosen[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]].to_numpy(dtype=float)
    for field in np.unique(sites):
        here = sites == field
        pixels, places = resampled(torch.from_numpy(images.fields[int(field)][channels]), centroids[here], source.fitted.scale)
        slices[here] = cut_slices(pixels, places, config.slice_px, low, high, config.normalisation).numpy()
    return GalleryColumn(title, slices, chosen["rank"].to_numpy(dtype=np.int64), chosen["relevance"].to_numpy(dtype=np.float64))


def _plate_map(source: PictureSource, scored: PlateResult) -> Figure:
    config = source.model.config
    return plate_map_figure(
        source.fitted.plate,
        {result.well: result.score for result in scored.results},
        title=f"{config.task}: score for {words(config.classes[-1])}, model {config.name} ({source.model.hash})",
        cautions=source.caption(scored.results[0]).cautions(),
        width_px=source.settings.width_px,
    )


def _report(source: PictureSource, scored: PlateResult, sections: Sequence[WellSection], plate_map: bytes) -> Report:
    plate, model, config = source.fitted.plate, source.model, source.model.config
    cautions = source.caption(scored.results[0]).cautions()
    return Report(
        title=f"Plate {plate.name}",
        subtitle=f"{config.task}, model {config.name} ({model.hash}), {datetime.date.today().isoformat()}",
        score_meaning=f"The score is the model's probability of “{words(config.classes[-1])}”, averaged over random sets of "
        "cells; the interval is that of the cells of the well.",
        wells=tuple(sections),
        plate_map=plate_map,
        failed=scored.failed,
        cautions=tuple(cautions),
        facts=_facts(source, scored.run),
        model_card=model.card,
        warnings=shortened((*plate.warnings, *source.fitted.warnings)),
    )


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
            "hash": model.hash,
            "task": config.task,
            "classes": ", ".join(config.classes),
            "channels": ", ".join(channel.name for channel in config.channels),
            "slices": f"{config.slice_px} x {config.slice_px} px",
            "network": f"{config.backbone}, width {config.width}, {config.heads} heads, {config.blocks} blocks",
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
