"""Which columns of a LoadData table mean what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from napari_mid.plates.folder import is_image
from napari_mid.plates.roles import guess_role
from napari_mid.plates.table_files import WELL, metadata_column

#: Illumination functions and drawings of outlines, which are no channels.
_NO_CHANNEL = re.compile(r"illum.*|.*outlines?|.*overlay", re.IGNORECASE)
_OBJECT_TABLE = "location_center_"
_ABOUT_IMAGES = ("Metadata_", "Image_", "PathName", "FileName")


@dataclass(frozen=True)
class ImageColumns:
    """The columns of one channel; None where the table has none.

    Parameters
    ----------
    name
        The channel.
    file, folder, url
        Name of the file, its folder, and both as a URL.
    page
        Number of the page in a multi-page file, from 0.
    """

    name: str
    file: str | None = None
    folder: str | None = None
    url: str | None = None
    page: str | None = None


def image_columns(columns: Sequence[str], first_row: Sequence[str] = ()) -> list[ImageColumns]:
    """The channels of a table, in the order of its columns; empty where it is no LoadData table and no DeepProfiler index.

    Parameters
    ----------
    columns
        The header.
    first_row
        The cells below it: a DeepProfiler index has the channels' names as headers, so that its cells must tell.
    """
    if any(_OBJECT_TABLE in column.casefold() for column in columns):
        return []  # a table of objects, which may repeat the names of the images
    there = set(columns)
    names = [column.partition("_")[2] for column in columns if column.startswith(("FileName_", "URL_"))]
    channels = [name for name in dict.fromkeys(names) if name and not _NO_CHANNEL.fullmatch(name)]
    if channels:

        def column(prefix: str, name: str) -> str | None:
            return f"{prefix}_{name}" if f"{prefix}_{name}" in there else None

        return [
            ImageColumns(name, column("FileName", name), column("PathName", name), column("URL", name), column("Frame", name))
            for name in channels
        ]
    if metadata_column(columns, WELL) is None:
        return []
    return [
        ImageColumns(name, file=name)
        for name, cell in zip(columns, first_row, strict=False)
        if is_image(cell) and not name.startswith(_ABOUT_IMAGES) and not _NO_CHANNEL.fullmatch(name)
    ]


def role_of(name: str, stain: str, wavelength_nm: float | None) -> str:
    """The role of a channel from its column (``OrigDNA``), the name of its stain where the table has it, and its wavelength."""
    # columns are written in camel case: "OrigDNA" is "Orig DNA"
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    for words in (name, apart, stain):
        role = guess_role(words)
        if role != "other":
            return role
    return guess_role(stain or apart, wavelength_nm)
