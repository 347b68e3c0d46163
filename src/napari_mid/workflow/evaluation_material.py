"""What baselines learn from and the shortcut audit looks at: one pass over the images of the wells that are judged."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO, pick_device
from napari_mid.errors import ImageReadError
from napari_mid.evaluation.audit import neighbours
from napari_mid.evaluation.baselines import CELL_FEATURES, EMBEDDINGS, INTENSITY, SLICES, Material
from napari_mid.evaluation.settings import EvaluationSettings
from napari_mid.evaluation.units import PLATE, WELL, EvaluationError
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import IntensityRange
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate
from napari_mid.plates.well_names import STANDARD_PLATES, well_position
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.contract import fit
from napari_mid.workflow.encode_well import Clock, Encoding, WellCells, encode_well_steps
from napari_mid.workflow.evaluation_features import Measuring, measuring
from napari_mid.workflow.evaluation_slices import slices_steps
from napari_mid.workflow.score_well import model_detection
from napari_mid.workflow.scored_plates import AREA, CENTRE, SITE, ScoredPlate

#: Wells that wait until their cells are measured: as many as there are cores keep all of them busy, and memory bounded.
WAITING = 1 + (os.cpu_count() or 1)
#: Cells within so many nuclear diameters count as neighbours.
NEIGHBOUR_DIAMETERS = 3.0


@dataclass(frozen=True)
class Images:
    """What the images of one well say.

    Parameters
    ----------
    intensity
        (2 C,) mean intensity of every channel in the nuclei, then in the whole fields.
    nucleus
        (N,) intensity of the nucleus channel at every cell of `ScoredPlate.cells_of`.
    features
        (M, F) of the cells that were segmented anew; (0, 0) where nobody needs them.
    """

    intensity: NDArray[np.float64]
    nucleus: NDArray[np.float64]
    features: NDArray[np.float64]


def images_steps(
    scored: ScoredPlate, wells: Sequence[str], model: MidModel | None, measure: Measuring | None
) -> Steps[dict[str, Images]]:
    """Read the images of `wells` once; a field that cannot be read is passed over, as it was when the well was scored.

    `measure` is None where nobody needs features of cells.
    """
    plate = _plate(scored)
    plate = plate if model is None else fit(plate, model).plate
    nucleus = plate.role_index("nucleus")
    read: list[Callable[[], Images]] = []
    found = {}
    for done, well in enumerate(wells):
        yield Progress("reading images for the baselines", done, len(wells), f"{scored.name} {well}")
        read.append(_images(scored, plate, well, nucleus, measure))
        while read and (len(read) > WAITING or done == len(wells) - 1):
            number = done - len(read) + 1
            yield Progress("reading images for the baselines", number, len(wells), f"{scored.name} {wells[number]}")
            found[wells[number]] = read.pop(0)()
    return found


def _images(scored: ScoredPlate, plate: Plate, well: str, nucleus: int, measure: Measuring | None) -> Callable[[], Images]:
    """Read a well, begin to measure its cells, and give what waits for that."""
    from scipy.ndimage import uniform_filter

    cells = scored.cells_of(well)
    at_cells = np.full((len(cells), len(plate.channels)), np.nan)
    fields, measured = [], []
    size = max(3, round(diameter_of(cells)))
    for number, field in sorted(plate.wells[well].fields.items()):
        try:
            pixels = load_field(field)
        except ImageReadError:
            continue
        rows = np.flatnonzero(cells[SITE].to_numpy() == number)
        places = np.rint(cells[CENTRE].to_numpy(dtype=float)[rows]).astype(int)
        places = np.clip(places, 0, np.array(pixels.shape[-2:]) - 1)
        for channel, image in enumerate(pixels):
            # the mean of a square as wide as a nucleus: no outline is known, and none is needed
            at_cells[rows, channel] = uniform_filter(image.astype(np.float32), size)[places[:, 0], places[:, 1]]
        fields.append(pixels.reshape(len(pixels), -1).mean(axis=1))
        if measure is not None:
            measured.append(measure(pixels, nucleus, diameter_of(cells)))
    whole = np.mean(fields, axis=0) if fields else np.full(len(plate.channels), np.nan)
    there = at_cells[np.isfinite(at_cells).all(axis=1)]
    in_nuclei = there.mean(axis=0) if len(there) else np.full(len(plate.channels), np.nan)
    intensity = np.concatenate([in_nuclei, whole])
    return lambda: Images(intensity, at_cells[:, nucleus], _together([each.result() for each in measured]))


def _together(fields: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(M, F) of all cells of a well; a field without cells does not know how many features there are."""
    some = [each for each in fields if len(each)]
    return np.concatenate(some) if some else np.empty((0, 0))


def diameter_of(cells: pd.DataFrame) -> float:
    """Median diameter in pixels of the nuclei, as discs; 16 where their areas are not known."""
    area = cells[AREA].to_numpy(dtype=float)
    area = area[np.isfinite(area) & (area > 0)]
    return 2 * math.sqrt(float(np.median(area)) / math.pi) if len(area) else 16.0


def crowding(cells: pd.DataFrame) -> NDArray[np.float64]:
    """(N,) neighbours of every cell within `NEIGHBOUR_DIAMETERS` in its field."""
    count = np.zeros(len(cells))
    reach = NEIGHBOUR_DIAMETERS * diameter_of(cells)
    for _, rows in cells.groupby(SITE).indices.items():
        count[rows] = neighbours(cells[CENTRE].to_numpy(dtype=float)[rows], reach)
    return count


def embeddings_steps(
    scored: ScoredPlate, wells: Sequence[str], model: MidModel, cache: EmbeddingCache | None, device: str = AUTO
) -> Steps[dict[str, WellCells]]:
    """The cells of `wells` with their embeddings, encoded as they were scored or taken from `cache`."""
    plate, settings = _plate(scored), scored.scoring
    place = pick_device(device)
    model.to(place).eval()
    fitted = fit(plate, model, rescale=settings.rescale)
    encoding = Encoding(fitted, model, _intensity(scored, plate), model_detection(model), settings, place, cache)
    found = {}
    for done, well in enumerate(wells):
        steps = encode_well_steps(encoding, well, None, scored.nuclei_of(well), Clock())
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                found[well] = stop.value
                break
            yield Progress("encoding cells", done, len(wells), f"{scored.name} {well}, {progress.detail}")
    return found


def _plate(scored: ScoredPlate) -> Plate:
    if scored.plate is None:
        raise EvaluationError(f"What was asked for needs images, but {scored.no_plate}")
    return scored.plate


def _intensity(scored: ScoredPlate, plate: Plate) -> IntensityRange:
    """The intensity range that the plate was scored with."""
    known: Mapping[str, Any] = scored.run.get("intensity_range", {})
    pairs = [known.get(channel.name, (math.nan, math.nan)) for channel in plate.channels]
    return IntensityRange(tuple(float(low) for low, _ in pairs), tuple(float(high) for _, high in pairs))


def material_steps(
    plates: Sequence[ScoredPlate],
    wells: pd.DataFrame,
    needs: Sequence[str],
    settings: EvaluationSettings,
    model: MidModel | None,
    cache: EmbeddingCache | None,
    device: str = AUTO,
) -> Steps[tuple[Material, dict[tuple[str, str], Images]]]:
    """What baselines with these `needs` learn from, for the rows of `wells`, and the images' figures by plate and well.

    Raises
    ------
    EvaluationError
        If images are needed that cannot be opened, or embeddings and there is no model.
    """
    keys = list(zip(wells[PLATE], wells[WELL], strict=True))
    images: dict[tuple[str, str], Images] = {}
    cells: dict[tuple[str, str], WellCells] = {}
    slices: dict[tuple[str, str], NDArray[np.uint8]] = {}
    if model is None and {EMBEDDINGS, SLICES} & set(needs):
        raise EvaluationError("A baseline needs cells as the model sees them, or its encoder; give its folder with --model.")
    with measuring(settings.workers) if CELL_FEATURES in needs else nullcontext() as measure:
        for scored in plates:
            chosen = [well for plate, well in keys if plate == scored.name]
            if chosen and (INTENSITY in needs or CELL_FEATURES in needs):
                read = yield from images_steps(scored, chosen, model, measure)
                images |= {(scored.name, well): each for well, each in read.items()}
    for scored in plates:
        chosen = [well for plate, well in keys if plate == scored.name]
        if chosen and model is not None and EMBEDDINGS in needs:
            encoded = yield from embeddings_steps(scored, chosen, model, cache, device)
            cells |= {(scored.name, well): each for well, each in encoded.items()}
        if chosen and model is not None and SLICES in needs:
            plate = _plate(scored)
            cut = yield from slices_steps(
                scored, plate, _intensity(scored, plate), chosen, model, settings.network_cells, settings.seed
            )
            slices |= {(scored.name, well): each for well, each in cut.items()}
    return (
        Material(
            wells,
            np.array([_size(plates, *key) for key in keys], dtype=np.int64).reshape(-1, 2),
            np.array([images[key].intensity for key in keys]) if images else np.empty((0, 0)),
            [cells[key].embeddings for key in keys] if cells else (),
            [images[key].features for key in keys] if images else (),
            [slices[key] for key in keys] if slices else (),
            model.config.backbone if model is not None else "",
        ),
        images,
    )


def _size(plates: Sequence[ScoredPlate], plate: str, well: str) -> tuple[int, int]:
    """Rows and columns of a plate; where it cannot be opened, those of the smallest standard plate with all its wells."""
    scored = next(each for each in plates if each.name == plate)
    if scored.plate is not None:
        return scored.plate.rows, scored.plate.columns
    rows, columns = np.array([well_position(str(name)) for name in scored.wells[WELL]]).max(axis=0)
    return next(((r, c) for r, c in STANDARD_PLATES if r >= rows and c >= columns), (int(rows), int(columns)))
