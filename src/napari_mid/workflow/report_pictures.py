"""The pictures of a report: plate maps, wells with their cells, score cards, galleries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_mid.cells.slices import cut_slices
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.inference.controls import compared_cells, compared_wells
from napari_mid.inference.result import WellResult
from napari_mid.model.network import MidModel
from napari_mid.plates.roles import channel_colours
from napari_mid.progress import Progress, Steps, said_as
from napari_mid.reports.annotated import AnnotatedView, dot_diameter
from napari_mid.reports.caption import Caption, caption_of, reading_text
from napari_mid.reports.colours import relevance_limits
from napari_mid.reports.composite import composite
from napari_mid.reports.gallery import CONTROLS, GalleryColumn, gallery_figure, most_and_least
from napari_mid.reports.plate_map import plate_map_figure
from napari_mid.reports.score_card import control_scores, score_card_figure
from napari_mid.reports.settings import ReportSettings
from napari_mid.workflow.contract import PlateFit
from napari_mid.workflow.resampling import resampled
from napari_mid.workflow.score_plate import PlateResult


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


def well_gallery(source: PictureSource, result: WellResult, images: WellImages, controls: GalleryColumn | None = None) -> Figure:
    """The most and the least relevant cells of the well, as the model saw them, and beside them those of `controls`."""
    cells = result.cells
    most, least = most_and_least(cells["rank"].to_numpy(), source.settings.gallery_rows)
    columns = [_column(source, result, images, title, rows) for title, rows in (("RELEVANT", most), ("IRRELEVANT", least))]
    return gallery_figure(
        [*columns, *([controls] if controls is not None else [])],
        source.legend(source.fitted.channels),
        source.caption(result),
        pixel_size_um=source.fitted.slice_pixel_um,
        limits=relevance_limits(cells["relevance"].to_numpy(dtype=float)),
        width_px=source.settings.width_px,
        stained=source.settings.stained,
    )


def _column(
    source: PictureSource, result: WellResult, images: WellImages, title: str, rows: list[int] | NDArray[np.int64]
) -> GalleryColumn:
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


class Controls:
    """Cells of negative-control wells, which stand in the third column of every gallery of a report.

    Parameters
    ----------
    source
        Where pictures come from.
    scored
        All that is scored.
    wells
        Those that are drawn.
    """

    def __init__(self, source: PictureSource, scored: PlateResult, wells: Sequence[str]) -> None:
        results = {result.well: result for result in scored.results}
        plate, n = source.fitted.plate, source.settings.gallery_rows
        self._source, self._results = source, results
        self._rows = {well: compared_cells(results, compared_wells(plate, well), n) for well in wells}
        self._columns: dict[str, GalleryColumn] = {}

    def cut_steps(self) -> Steps[None]:
        """Read the wells and cut their slices: of each the most that any gallery shows, which begin with those of all others."""
        most: dict[str, list[int]] = {}
        for chosen in self._rows.values():
            for well, rows in chosen.items():
                most[well] = max(most.get(well, []), rows, key=len)
        for done, (well, rows) in enumerate(most.items()):
            now = Progress("reading negative controls", done, len(most), well)
            images = yield from said_as(now, load_well(self._source.fitted.plate[well]))
            self._columns[well] = _column(self._source, self._results[well], images, CONTROLS, rows)

    def beside(self, well: str) -> GalleryColumn | None:
        """The column beside those of `well`; None where no other negative control is scored."""
        rows = self._rows[well]
        parts = [(name, self._columns[name], len(some)) for name, some in rows.items() if some]
        if not parts:
            return None
        return GalleryColumn(
            CONTROLS,
            np.concatenate([column.slices[:n] for _, column, n in parts]),
            np.concatenate([column.ranks[:n] for _, column, n in parts]),
            np.concatenate([column.relevance[:n] for _, column, n in parts]),
            names=tuple(name for name, _, n in parts for _ in range(n)),
        )


def plate_maps(source: PictureSource, scored: PlateResult) -> Mapping[str, Figure]:
    """The plate by each column that the settings name."""
    config, results = source.model.config, {result.well: result for result in scored.results}
    return {
        column: plate_map_figure(
            source.fitted.plate,
            results,
            column,
            task=config.task,
            threshold=config.threshold,
            width_px=source.settings.width_px,
        )
        for column in source.settings.plate_maps
    }
