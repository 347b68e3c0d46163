"""Slices of scored cells, for baselines that are networks: cut as the model saw them, a sample of every well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.slices import slice_batches
from napari_mid.errors import ImageReadError
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import IntensityRange
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.contract import PlateFit, fit
from napari_mid.workflow.resampling import resampled
from napari_mid.workflow.scored_plates import ScoredPlate


def slices_steps(
    scored: ScoredPlate,
    plate: Plate,
    intensity: IntensityRange,
    wells: Sequence[str],
    model: MidModel,
    most: int,
    seed: int,
) -> Steps[dict[str, NDArray[np.uint8]]]:
    """Cut cells of `wells` as `model` sees them, at most `most` of each, drawn at random but always the same ones.

    Returns
    -------
    dict
        Well to (N, C, S, S) uint8, 255 where a slice has 1: as the paper keeps them, and a quarter of float32.
    """
    fitted = fit(plate, model, rescale=scored.scoring.rescale)
    found = {}
    for done, well in enumerate(wells):
        yield Progress("cutting cells for the baselines", done, len(wells), f"{scored.name} {well}")
        found[well] = _cut(fitted, well, _sample(scored.nuclei_of(well), most, seed), intensity, model)
    return found


def _sample(nuclei: dict[int, Nuclei], most: int, seed: int) -> dict[int, NDArray[np.float64]]:
    """Field to the centres of the nuclei that are drawn, at most `most` over all fields."""
    fields = np.repeat(np.array(list(nuclei), dtype=np.int64), [len(each) for each in nuclei.values()])
    centres = np.concatenate([each.centroids for each in nuclei.values()]) if nuclei else np.empty((0, 2))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(fields))[:most])
    return {number: centres[drawn[fields[drawn] == number]] for number in nuclei}


def _cut(
    fitted: PlateFit, well: str, centres: dict[int, NDArray[np.float64]], intensity: IntensityRange, model: MidModel
) -> NDArray[np.uint8]:
    config = model.config
    low, high = zip(*(intensity.limits(channel) for channel in fitted.channels), strict=True)
    parts = [torch.empty((0, len(fitted.channels), config.slice_px, config.slice_px), dtype=torch.uint8)]
    for number, places in sorted(centres.items()):
        try:
            pixels = load_field(fitted.plate[well].fields[number], list(fitted.channels))
        except ImageReadError:
            continue  # it was told when the well was scored
        image, centroids = resampled(torch.from_numpy(pixels), places, fitted.scale)
        for batch in slice_batches(image, centroids, config.slice_px, low, high, config.normalisation):
            parts.append((batch * 255).round().to(torch.uint8))
    cut: NDArray[np.uint8] = torch.cat(parts).numpy()
    return cut
