"""Settings of figures and reports."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.inference.controls import MOST_WELLS
from napari_mid.reports.plate_columns import SCORE
from napari_mid.settings import setting


@dataclass(frozen=True)
class ReportSettings:
    """How the figures of a report look."""

    width_px: int = setting(1600, "width of every figure in pixels", low=200, high=20000)
    gallery_rows: int = setting(8, "cells shown on each side of a gallery", low=1, high=100)
    stained: bool = setting(True, "galleries in the colours of the stains, else in grey")
    controls: bool = setting(
        True, f"compare with up to {MOST_WELLS} negative-control wells; napari-mid report scores them beside the chosen ones"
    )
    plate_maps: tuple[str, ...] = setting(
        (SCORE,), "what plate maps are coloured by: score, role, compound, dose, call or a column of the plate map", expert=True
    )
    pdf: bool = setting(True, "write report.pdf beside report.html")
