"""One well, from files to result: read, locate nuclei, cut slices, encode once, score sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from napari_mid.cells.device import AUTO, device_label, memory_told, pick_device
from napari_mid.cells.edits import edits_of, source_of
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import WellError
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.images.well_images import WellImages
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps, finish
from napari_mid.workflow.contract import fit
from napari_mid.workflow.encode_well import Clock, Encoding, encode_well_steps
from napari_mid.workflow.field_store import FieldStore
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
    cache: EmbeddingCache | None = None,
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
    cache
        Where the embeddings of wells are kept, so that no well is encoded twice.

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
            cache=cache,
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
    cache: EmbeddingCache | None = None,
    store: FieldStore | None = None,
    images_read: Callable[[], object] | None = None,
) -> Steps[WellResult]:
    """Like `score_well`, as a generator of progress.

    `images` are the well's pixels where they are in memory already, `store` its fields where they are being read already, see
    `encode_well.fields_of`. `images_read` is called when the images are not needed any more and the sets are about to be read.
    """
    settings = settings or ScoringSettings()
    detection = detection or model_detection(model)
    fitted = fit(plate, model, rescale=settings.rescale)
    if intensity is None:
        intensity = yield from estimate_intensity_range(plate)
    place = pick_device(device)
    clock = Clock()
    with memory_told(place):
        model.to(place).eval()
        encoding = Encoding(fitted, model, intensity, detection, settings, place, cache)
        cells = yield from encode_well_steps(encoding, well, images, nuclei, clock, store)
        if images_read is not None:
            images_read()
        yield Progress(f"scoring {well}", 1, 1, f"{len(cells.embeddings)} cells")
        with clock.time("score"):
            result = well_result(fitted, well, model, cells.table, cells.embeddings, settings, cells.warnings)
    names = [plate.channels[channel].name for channel in fitted.channels if intensity.is_flat(channel)]
    flat = tuple(f"channel {name} is equally bright everywhere on the plate, so this score means little" for name in names)
    edits = edits_of(nuclei or {})
    edited = (f"the nuclei of {well} were edited by hand: {edits}",) if edits else ()
    return dataclasses.replace(
        result,
        warnings=(*result.warnings, *edited, *flat),
        settings={
            "scoring": dataclasses.asdict(settings),
            "detection": source_of(nuclei) if nuclei is not None else dataclasses.asdict(detection),
            "intensity_low": [intensity.low[channel] for channel in fitted.channels],
            "intensity_high": [intensity.high[channel] for channel in fitted.channels],
            "channels": [plate.channels[channel].name for channel in fitted.channels],
            "slice_px": model.config.slice_px,
            "scale": fitted.scale,
            "reading": plate.reading.facts(),
            "normalisation": model.config.normalisation,
            "precision": cells.precision or "as kept",
        },
        seconds=dict(clock.seconds),
        device=device_label(place),
    )


def model_detection(model: MidModel) -> DetectionSettings:
    """The detection settings that the model was trained with."""
    known = {field.name for field in dataclasses.fields(DetectionSettings)}
    return DetectionSettings(**{name: value for name, value in model.config.detection.items() if name in known})
