"""Images that belong to no plate: a single one, or a folder of them, as the fields of one well A01."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mid.plates.field import Channel, Field, Plane
from napari_mid.plates.formats._imagexpress_header import metaseries_pixel_size, metaseries_properties
from napari_mid.plates.pixels import _quiet_tifffile
from napari_mid.plates.plate import Plate, Well
from napari_mid.plates.roles import guess_role
from napari_mid.plates.well_names import standard_plate_size, well_position

if TYPE_CHECKING:
    import tifffile

#: What such a plate says as its format; `napari-mid detect` leaves the well of its images empty.
LOOSE = "Loose images"

#: The well that holds loose images: they have to be in one.
WELL = "A01"

#: Headers that are read of one folder; images beyond are taken for two-dimensional ones.
MAX_HEADERS = 2000

#: Pages without a meaning are channels up to this many, focal planes beyond.
MAX_PAGE_CHANNELS = 8

#: Powers of ten from the units of OME to micrometres.
_OME_UNITS = {"µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6}
_IMAGEJ_MICROMETRE = ("micron", "um", "µm", "μm", "\\u00b5m")


@dataclass(frozen=True)
class Contents:
    """What is in an image file: (channel, z, time, page) of each plane, names of its channels where told."""

    planes: tuple[tuple[int, int, int, int], ...] = ((0, 1, 1, 0),)
    names: tuple[str, ...] = ()
    pixel_size_um: float | None = None
    n_series: int = 1

    @property
    def n_channels(self) -> int:
        """How many channels it has."""
        return 1 + max(channel for channel, *_ in self.planes)


def loose_plate(path: Path, name: str, files: Sequence[Path], warnings: Sequence[str]) -> Plate:
    """One well with a field for each of `files`, numbered from 1 in the order given; headers are read, no pixels.

    Pages and the channel axis of a TIFF become channels, its z and time axes focal planes and time points.

    Parameters
    ----------
    path, name
        Where the user found the images, and what they are called together.
    files
        The images.
    warnings
        What is to be told anyway.
    """
    warnings = list(warnings)
    contents = [image_contents(file) if number < MAX_HEADERS else Contents() for number, file in enumerate(files)]
    if len(files) > MAX_HEADERS:
        warnings.append(f"Only the first {MAX_HEADERS} images were asked for their pages; of the others the first page is shown.")
    # a field without one of the plate's channels could not be shown, so all have what every image has
    n_channels = min(content.n_channels for content in contents)
    if any(content.n_channels > n_channels for content in contents):
        most = max(content.n_channels for content in contents)
        shown = "the first" if n_channels == 1 else f"the first {n_channels}"
        warnings.append(f"The images have {n_channels} to {most} channels; {shown} of each is shown.")
    if any(content.n_series > 1 for content in contents):
        warnings.append("Some files hold several images; the first of each is shown.")
    sizes = {content.pixel_size_um for content in contents}
    if len(sizes) > 1:
        warnings.append("The images differ in pixel size, or only some record it.")
    channels = contents_channels(contents, n_channels)
    fields = {
        number: Field(
            name,
            WELL,
            number,
            tuple(Plane(file, channel, z, time, page) for channel, z, time, page in content.planes if channel < n_channels),
            channels,
            pixel_size_um=content.pixel_size_um,
        )
        for number, (file, content) in enumerate(zip(files, contents, strict=True), 1)
    }
    rows, columns = standard_plate_size([well_position(WELL)])
    return Plate(
        name=name,
        path=path,
        format=LOOSE,
        rows=rows,
        columns=columns,
        channels=channels,
        wells={WELL: Well(name, WELL, fields)},
        pixel_size_um=sizes.pop() if len(sizes) == 1 else None,
        n_images=len(files),
        warnings=tuple(warnings),
    )


def contents_channels(contents: Sequence[Contents], count: int) -> tuple[Channel, ...]:
    """The first `count` channels of images, by the names that one of them gives."""
    told = next((content.names for content in contents if len(set(content.names)) == len(content.names) >= count), ())
    names = [told[index] if told and told[index] else f"Channel{index + 1}" for index in range(count)]
    return tuple(Channel(name, guess_role(name)) for name in names)


def image_contents(file: Path) -> Contents:
    """What the header of `file` says; one plane where it says nothing, or cannot be read, which is told when it is shown."""
    if file.suffix.lower() not in (".tif", ".tiff"):
        return Contents()
    import tifffile

    try:
        # an OME-TIFF may name other files, which need not be of the folder: they are left alone
        with _quiet_tifffile(), tifffile.TiffFile(file, _multifile=False) as tiff:
            planes = tuple(_planes(tiff))
            names, pixel_size = _ome(tiff.ome_metadata) if tiff.is_ome else ((), _pixel_size(tiff))
            return Contents(planes, names, pixel_size, len(tiff.series)) if planes else Contents()
    except Exception:  # decoders raise whatever they meet in a damaged file
        return Contents()


def _planes(tiff: tifffile.TiffFile) -> Iterator[tuple[int, int, int, int]]:
    """(channel, z, time, page) of the first image of the file."""
    series = tiff.series[0]
    outer = [(axis, length) for axis, length in zip(series.axes, series.shape, strict=True) if axis not in "YXS"]
    pages = [page.index if page is not None else None for page in series.pages]
    for place, page in zip(itertools.product(*(range(length) for _, length in outer)), pages, strict=False):
        channel, z, time = 0, 1, 1
        for index, (axis, length) in zip(place, outer, strict=True):
            if axis == "T":
                time = time + index
            elif axis == "Z" or (axis != "C" and length > MAX_PAGE_CHANNELS):
                z = (z - 1) * length + index + 1
            else:
                channel = channel * length + index
        if page is not None:
            yield channel, z, time, page


def _ome(text: str | None) -> tuple[tuple[str, ...], float | None]:
    """Channel names and pixel size of the first image in OME-XML; taken as text, so that no entity is expanded."""
    image = (text or "").partition("</Image>")[0]
    channels = re.findall(r"<(?:\w+:)?Channel\b([^>]*)", image)
    names = tuple(html.unescape(_attribute(channel, "Name") or "") for channel in channels)
    size = _number(_attribute(image, "PhysicalSizeX"))
    unit = _OME_UNITS.get(html.unescape(_attribute(image, "PhysicalSizeXUnit") or "µm"))
    return names, None if size is None or unit is None else size * unit


def _attribute(text: str, name: str) -> str | None:
    found = re.search(rf'\s{name}="([^"]*)"', text)
    return found[1] if found is not None else None


def _pixel_size(tiff: tifffile.TiffFile) -> float | None:
    page = tiff.pages.first
    if tiff.is_imagej:
        unit = str((tiff.imagej_metadata or {}).get("unit", "")).casefold()
        resolution: Any = page.tags.valueof("XResolution")
        if unit in _IMAGEJ_MICROMETRE and isinstance(resolution, tuple) and len(resolution) == 2 and resolution[0]:
            return _number(resolution[1] / resolution[0])
        return None
    return metaseries_pixel_size(metaseries_properties(page.description or ""))


def _number(text: str | float | None) -> float | None:
    """A positive number below 1000, else None: the text may be damaged."""
    try:
        value = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return value if 0 < value < 1000 else None
