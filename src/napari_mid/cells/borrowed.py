"""What the detectors of other packages share: the package or a word on how to get it, and nuclei from their label images."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.diameter import TYPICAL_DIAMETER_PX, clip_diameter
from napari_mid.cells.label_map import LabelMap
from napari_mid.cells.regions import Regions
from napari_mid.errors import ModelError, SettingsError

#: Gives a label image (Y, X) of a (Y, X) float32 image, and how sure each label is, (N,) for the labels 1 to N, where it tells.
Segment = Callable[[NDArray[np.float32]], tuple[NDArray[Any], NDArray[np.float64] | None]]


def package(module: str, extra: str) -> ModuleType:
    """Import `module` of a package that is installed with ``napari-mid[extra]``.

    Raises
    ------
    SettingsError
        If it, or something that it needs, is not installed.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:  # StarDist raises a RuntimeError where Keras is absent or too old
        reason = " ".join(str(error).split())
        raise SettingsError(
            f"The detector {extra!r} needs a package that is not installed ({reason[:200]}); run: pip install "
            f'"napari-mid[{extra}]", or take another detector.'
        ) from error


@contextlib.contextmanager
def loading(name: str, place: str) -> Iterator[None]:
    """Load the weights of `name` in this block; they are downloaded once and then kept in `place`.

    Whatever the package prints goes to stderr, since stdout belongs to the command.

    Raises
    ------
    ModelError
        If they are not on this machine and cannot be downloaded, or cannot be read.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except Exception as error:  # what packages raise here is of any kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(
            f"The weights of {name} cannot be loaded ({reason[:200]}); they are downloaded at the first use: connect this "
            f"machine to the internet once, or copy {place} from one that has them, or take another detector."
        ) from error


def located(image: torch.Tensor, diameter_px: float | None, segment: Segment) -> tuple[Regions, float]:
    """Run `segment` on (Y, X) float32 `image`; gives its nuclei, and `diameter_px` or how wide they typically are."""
    if not float(image.max()) > float(image.min()):
        return Regions.none(), diameter_px or TYPICAL_DIAMETER_PX
    labels, confidence = segment(image.cpu().numpy())
    regions = regions_of(labels, image.cpu(), confidence)
    if diameter_px is None:
        diameter_px = clip_diameter(regions.typical_diameter_px()) if len(regions) else TYPICAL_DIAMETER_PX
    return regions, diameter_px


def regions_of(labels: NDArray[Any], image: torch.Tensor, confidence: NDArray[np.float64] | None = None) -> Regions:
    """Measure the nuclei of a label image.

    Parameters
    ----------
    labels
        (Y, X) whole numbers, 0 is background; numbers may be missing, since one nucleus can hide another.
    image
        (Y, X), for the mean intensities, on the CPU.
    confidence
        (N,), of the labels 1 to N.
    """
    numbers = torch.from_numpy(np.asarray(labels).astype(np.int64))
    n = int(numbers.max()) + 1 if numbers.numel() else 1
    flat = numbers.flatten()
    area = torch.bincount(flat, minlength=n)[1:].double()
    rows, columns = (torch.arange(size, dtype=torch.float64) for size in numbers.shape)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return torch.bincount(flat, weights=values.expand(numbers.shape).flatten().double(), minlength=n)[1:] / area

    centroids = torch.stack([mean(rows[:, None]), mean(columns[None, :])], dim=1)
    regions = Regions(
        centroids.numpy(),
        area.numpy(),
        mean(image).numpy(),
        None if confidence is None else np.asarray(confidence, dtype=np.float64)[: n - 1],
        LabelMap.numbered(numbers, n - 1),
    )
    return regions[area.numpy() > 0]
