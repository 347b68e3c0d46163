"""Label images of located nuclei, which CellProfiler, napari and ImageJ open."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath

from napari_mid.cells.nuclei import Nuclei
from napari_mid.files import atomic_path

#: What follows the name of the image, so that no image is overwritten where the masks go beside them.
ENDING = "_nuclei.tif"


class MaskNames:
    """The name of the label image of every field: that of the nucleus channel's file, and more where several have that name.

    Parameters
    ----------
    files
        Name of the nucleus channel's file by well (empty for a loose image) and field.
    """

    def __init__(self, files: Mapping[tuple[str, int], str]) -> None:
        self.files = files
        # file systems that take Dapi.tif and DAPI.tif for the same file are common
        self._counts = Counter(PurePath(file).stem.casefold() for file in files.values())

    def __getitem__(self, key: tuple[str, int]) -> str:
        file = self.files[key]
        stem = PurePath(file).stem
        if self._counts[stem.casefold()] == 1:
            return stem + ENDING
        well, number = key
        return f"{well}_s{number}_{stem}{ENDING}" if well else f"{number}_{stem}{ENDING}"


def write_masks(nuclei: Nuclei, path: Path) -> Nuclei:
    """Write the masks of `nuclei` into the TIFF file `path`, zlib-compressed; gives the nuclei without them, to save memory."""
    import tifffile

    assert nuclei.masks is not None
    with atomic_path(path) as temporary:
        tifffile.imwrite(temporary, nuclei.masks, compression="zlib")
    return dataclasses.replace(nuclei, masks=None)
