"""Options of the window that a person sets once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

from napari_mid.errors import SettingsError
from napari_mid.preferences import remembered_options
from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.settings import check, setting

S = TypeVar("S")

#: Name under which they are kept.
WINDOW = "window"
#: Looks of the galleries, and numbers of slices that the key G goes through.
LOOKS, SIZES = ("channels", "composite"), (6, 12, 24, 50, 100, 200)
#: Names under which the options of the galleries and of exports are kept.
GALLERIES, EXPORT = "galleries", "export"
#: Names under which it is kept how dots look, and how reports do.
DOTS, REPORT = "dots", "report"
CONTRASTS = ("plate-wide", "per slice")
#: Part of the machine's memory that wells already seen may take at most, whatever the option says.
MEMORY_PART = 0.5


@dataclass(frozen=True)
class WindowOptions:
    """Options of the window."""

    image_cache_mb: int = setting(2048, "memory in MB for wells already seen, which then come back at once", low=0, high=262_144)

    @property
    def cache_bytes(self) -> int:
        """The memory for wells already seen, on this machine."""
        import psutil

        return min(self.image_cache_mb * 2**20, int(MEMORY_PART * psutil.virtual_memory().total))


@dataclass(frozen=True)
class ExportOptions:
    """What exported pictures and tables look like."""

    width_px: int = setting(2000, "width of the picture in pixels", low=400, high=12_000)
    whole_well: bool = setting(False, "the whole well; otherwise the part that the canvas shows")
    gallery_rows: int = setting(8, "slices in each column of the gallery", low=1, high=50)
    relevance_colours: str = setting(
        next(iter(RELEVANCE_COLORMAPS)), "colours of relevance, on the canvas and in pictures", choices=tuple(RELEVANCE_COLORMAPS)
    )
    stained: bool = setting(True, "slices of the gallery in the colours of the stains, otherwise in grey")
    controls: bool = setting(True, "a third column with cells of negative-control wells that are scored")
    both_formats: bool = setting(False, "write the tables of cells and of wells both as CSV and as Parquet", expert=True)
    napari_points: bool = setting(False, "write the cells of the open well as points that napari opens, too", expert=True)
    anndata: bool = setting(False, "write cells.h5ad, too: embeddings and places; needs the package anndata", expert=True)


@dataclass(frozen=True)
class GalleryOptions:
    """How galleries look."""

    shown: int = setting(24, "slices in each column", low=6, high=200)
    look: str = setting(LOOKS[0], "channels side by side, or all of them in one picture", choices=LOOKS)
    contrast: str = setting(CONTRASTS[0], "the same for the whole plate, or that of each slice", choices=CONTRASTS)
    controls: bool = setting(True, "a third column with cells of the plate's negative-control wells")


def kept_options(options_class: type[S], kept_as: str = WINDOW) -> S:
    """The options as they were set before; the defaults where they were not, or make no sense any more."""
    known = {field.name for field in dataclasses.fields(options_class)}  # type: ignore[arg-type]
    try:
        kept = {name: value for name, value in remembered_options(kept_as).items() if name in known}
        # JSON knows no tuples
        options = options_class(**{name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()})
        check(options)
    except (SettingsError, TypeError):
        return options_class()
    return options
