"""One well, from files to result: read, locate nuclei, cut slices, encode once, score sets."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.device import AUTO, device_label, pick_device
from napari_mid.cells.from_tables import inside_image
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.slices import slice_batches, touches_border
from napari_mid.errors import ImageReadError, WellError
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.field import Field
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps, finish
from napari_mid.workflow.contract import PlateFit, fit
from napari_mid.workflow.well_result import well_result


def score_well(
    well: Well,
    model: MidModel,
    *,
    intensity: IntensityRange | None = None,
    nuclei: Mapping[int, Nuclei] | None = None,
    settings: ScoringSettings | None = None,
    detection: DetectionSettings | None = None,
    device: str = AUTO,
) -> WellResult:
    """Score one well of a plate: ``score_well(plate["B03"], model)``.

    Parameters
    ----------
    well
        Taken as ``plate["B03"]``, so that it knows its plate.
    model
        From `load_model`.
    intensity
        The plate's intensity range; estimated from a sample of its fields where None. Pass it when scoring several wells.
    nuclei
        By field; located where None.
    settings, detection
        Of the sets and of the detector; `detection` is the model's own where None.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.

    Raises
    ------
    MidError
        If the plate lacks a channel of the model, or no field can be read.
    """
    if well.parent is None:
        raise WellError(f'Well {well.name} does not know its plate; take it as plate["{well.name}"].')
    return finish(
        score_well_steps(
            well.parent,
            well.name,
            model,
            intensity=intensity,
            nuclei=nuclei,
            settings=settings,
            detection=detection,
            device=device,
        )
    )


def score_well_steps(
    plate: Plate,
    well: str,
    model: MidModel,
    *,
    intensity: IntensityRange | None = None,
    images: WellImages | None = None,
    nuclei: Mapping[int, Nuclei] | None = None,
    settings: ScoringSettings | None = None,
    detection: DetectionSettings | None = None,
    device: str = AUTO,
) -> Steps[WellResult]:
    """Like `score_well`, as a generator of progress; `images` are the well's pixels where they are in memory already."""
    settings = settings or ScoringSettings()
    detection = detection or model_detection(model)
    fitted = fit(plate, model)
    if intensity is None:
        intensity = yield from estimate_intensity_range(plate)
    place = pick_device(device)
    model.to(place).eval()
    clock = _Clock()
    cells = yield from _encode_well(fitted, well, model, intensity, images, nuclei, detection, settings, place, clock)
    yield Progress(f"scoring {well}", 1, 1, f"{len(cells.embeddings)} cells")
    with clock.time("score"):
        result = well_result(fitted, well, model, cells.table, cells.embeddings, settings, cells.warnings)
    names = [plate.channels[channel].name for channel in fitted.channels if intensity.is_flat(channel)]
    flat = tuple(f"channel {name} is equally bright everywhere on the plate, so this score means little" for name in names)
    return dataclasses.replace(
        result,
        warnings=(*result.warnings, *flat),
        settings={
            "scoring": dataclasses.asdict(settings),
            "detection": "given nuclei" if nuclei is not None else dataclasses.asdict(detection),
            "intensity_low": [intensity.low[channel] for channel in fitted.channels],
            "intensity_high": [intensity.high[channel] for channel in fitted.channels],
            "channels": [plate.channels[channel].name for channel in fitted.channels],
            "slice_px": model.config.slice_px,
            "reading": plate.reading.facts(),
            "normalisation": model.config.normalisation,
        },
        seconds=dict(clock.seconds),
        device=device_label(place),
    )


def model_detection(model: MidModel) -> DetectionSettings:
    """The detection settings that the model was trained with."""
    known = {field.name for field in dataclasses.fields(DetectionSettings)}
    return DetectionSettings(**{name: value for name, value in model.config.detection.items() if name in known})


@dataclasses.dataclass(frozen=True)
class _Cells:
    """The cells of a well: a table row and an embedding each."""

    table: pd.DataFrame
    embeddings: NDArray[np.float32]
    warnings: tuple[str, ...]


class _Clock:
    """Adds up seconds per step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start


def _encode_well(
    fitted: PlateFit,
    well: str,
    model: MidModel,
    intensity: IntensityRange,
    images: WellImages | None,
    nuclei: Mapping[int, Nuclei] | None,
    detection: DetectionSettings,
    settings: ScoringSettings,
    place: torch.device,
    clock: _Clock,
) -> Steps[_Cells]:
    fields = fitted.plate[well].fields
    tables: list[pd.DataFrame] = []
    embeddings: list[NDArray[np.float32]] = [np.empty((0, model.config.width), dtype=np.float32)]
    warnings: list[str] = []
    readable = 0
    for done, (number, field) in enumerate(sorted(fields.items())):
        yield Progress(f"scoring {well}", done, len(fields) + 1, f"field {number}: reading")
        try:
            with clock.time("read"):
                planes, nucleus_plane = _planes(field, fitted, images)
        except ImageReadError as error:
            warnings.append(str(error))
            continue
        readable += 1
        if nuclei is None:
            yield Progress(f"scoring {well}", done, len(fields) + 1, f"field {number}: locating nuclei")
            with clock.time("detect"):
                found = detect_field(
                    nucleus_plane,
                    well=well,
                    field=number,
                    settings=detection,
                    pixel_size_um=fitted.plate.pixel_size_um,
                    device=place,
                )
        elif number in nuclei:
            found = nuclei[number]
        else:
            continue
        if nuclei is not None:
            found, outside = inside_image(found, planes.shape)
            if outside:
                warnings.append(f"{outside} of the nuclei given for {field.key} lie outside its image and are left out")
        tables.append(_table(fitted.plate.name, found, model.config.slice_px, planes.shape))
        low, high = zip(*(intensity.limits(channel) for channel in fitted.channels), strict=True)
        on_device = torch.from_numpy(planes).to(place)
        batches = slice_batches(
            on_device, found.centroids, model.config.slice_px, low, high, model.config.normalisation, settings.batch_size
        )
        encoded = 0
        while True:
            with clock.time("encode"), torch.inference_mode():
                slices = next(batches, None)
                if slices is None:
                    break
                embeddings.append(model.encode(slices.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
            encoded += len(embeddings[-1])
            yield Progress(f"scoring {well}", done, len(fields) + 1, f"field {number}: {encoded} of {len(found)} cells read")
    if not readable:
        reason = warnings[0] if warnings else "the well has no fields."
        raise ImageReadError(f"No field of well {well} of plate {fitted.plate.name} can be read: {reason}")
    table = pd.concat(tables, ignore_index=True) if tables else _table(fitted.plate.name, None, 0, (0, 0))
    return _Cells(table, np.concatenate(embeddings), tuple(warnings))


def _planes(field: Field, fitted: PlateFit, images: WellImages | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The model's channels (C, Y, X) and the nucleus channel (Y, X) of `field`."""
    if images is not None and images.well == field.well:
        pixels = images.pixels(field.number, [*fitted.channels, fitted.nucleus])
        return pixels[:-1], pixels[-1]
    if fitted.nucleus in fitted.channels:
        pixels = load_field(field, fitted.channels)
        return pixels, pixels[fitted.channels.index(fitted.nucleus)]
    pixels = load_field(field, [*fitted.channels, fitted.nucleus])
    return pixels[:-1], pixels[-1]


def _table(plate: str, nuclei: Nuclei | None, size_px: int, shape: tuple[int, ...]) -> pd.DataFrame:
    centroids = nuclei.centroids if nuclei is not None else np.empty((0, 2))
    return pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": nuclei.well if nuclei is not None else "",
            "Metadata_Site": nuclei.field if nuclei is not None else 0,
            "Nuclei_Location_Center_X": centroids[:, 1],
            "Nuclei_Location_Center_Y": centroids[:, 0],
            "Nuclei_AreaShape_Area": nuclei.area_px if nuclei is not None else np.empty(0),
            "touches_border": touches_border(centroids, size_px, shape),
        },
        index=pd.RangeIndex(len(centroids)),
    )
