"""What the window runs in the background, as generators: the session's state is taken when they start."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mid.cells.kept import well_key
from napari_mid.errors import MidError
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.images.overview import Thumbnail, thumbnails
from napari_mid.images.well_images import WellImages, load_well, preview_well
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps
from napari_mid.session import Session
from napari_mid.widgets.work import Partial

if TYPE_CHECKING:
    from napari_mid.cells.nuclei import Nuclei
    from napari_mid.cells.settings import DetectionSettings


#: Seconds between two redraws of a growing overview.
REDRAW_S = 0.4


def plate_label(path: str | Path) -> str:
    """The last part of `path`, for a message."""
    return str(path).rstrip("/").rpartition("/")[2] or str(path)


def detection_settings(session: Session) -> DetectionSettings:
    """How nuclei are located: as the user said, else as in the model's training."""
    from napari_mid.cells.settings import DetectionSettings

    if session.detection is not None:
        return session.detection
    if session.model is None:
        return DetectionSettings()
    from napari_mid.workflow.score_well import model_detection

    return model_detection(session.model)


def open_steps(path: str | Path) -> Steps[Plate]:
    """Open the plate at `path`, a folder, an index or a URL."""
    from napari_mid.plates import open_plate

    yield Progress("reading the index", 0, 0, plate_label(path))
    return open_plate(path)


def read_well_steps(well: Well) -> Generator[Progress | Partial[WellImages], None, WellImages]:
    """Read `well`; where the plate stores coarse resolutions one of them comes first, as a `Partial`."""
    preview = preview_well(well)
    if preview is not None:
        yield Partial(preview)
    return (yield from load_well(well))


def overview_steps(wells: list[Well]) -> Generator[Progress | Partial[list[Thumbnail]], None, None]:
    """Draw a thumbnail of each of `wells`; they come in handfuls, since showing each would take longer than drawing it."""
    drawn: list[Thumbnail] = []
    shown = time.monotonic()
    with closing(thumbnails(wells)) as drawing:
        for done, thumbnail in enumerate(drawing, start=1):
            drawn.append(thumbnail)
            if time.monotonic() - shown > REDRAW_S:
                yield Partial(drawn)
                drawn, shown = [], time.monotonic()
            yield Progress("drawing the overview", done, len(wells), thumbnail.well)
    yield Partial(drawn)


def load_model_steps(path: str | Path | None, device: str) -> Steps[tuple[Any, str]]:
    """Load the model folder at `path`, or the demo model of that name, and say what `device` comes to here."""
    yield Progress("loading the model", 0, 0)
    from napari_mid.cells.device import device_label, pick_device
    from napari_mid.model.folder import load_model, model_path

    model = load_model(model_path("demo" if path is None else path))
    return model, device_label(pick_device(device))


def _known_intensity(session: Session, plate: Plate) -> Generator[Progress | Partial[Any], None, IntensityRange]:
    if session.intensity is not None:
        return session.intensity
    intensity = yield from estimate_intensity_range(plate)
    yield Partial(intensity)
    return intensity


@dataclass(frozen=True)
class Located:
    """The nuclei of a well by field, and what is odd about them, one sentence each."""

    nuclei: dict[int, Nuclei]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """Of many wells, this one is scored now."""

    well: str


@dataclass(frozen=True)
class WellFailure:
    """Of many wells, this one could not be scored."""

    well: str
    error: MidError


def locate_steps(
    plate: Plate, well: str, images: WellImages | None, settings: DetectionSettings, device: str, *, outlines: bool = False
) -> Steps[Located]:
    """Locate the nuclei of `well`, with their outlines where these are wanted."""
    from napari_mid.workflow.detect import detect_well_steps

    warnings: list[str] = []
    nuclei = yield from detect_well_steps(
        plate, well, images=images, settings=settings, device=device, warnings=warnings, outlines=outlines
    )
    return Located(nuclei, tuple(warnings))


def table_steps(table: Path, plate: Plate, well: str, images: WellImages) -> Steps[Located]:
    """Take the nuclei of `well` from `table`; those outside the images are left out."""
    from napari_mid.cells.from_tables import inside_image, nuclei_of_well

    yield Progress(f"reading {table.name}", 0, 0)
    found = nuclei_of_well(table, plate, well)
    inside = {
        number: inside_image(nuclei, images.fields[number].shape) for number, nuclei in found.items() if number in images.fields
    }
    outside = {number: left_out for number, (_, left_out) in inside.items() if left_out}
    warnings = [f"{table.name}: {count} nuclei of field {number} lie outside its image" for number, count in outside.items()]
    return Located({number: nuclei for number, (nuclei, _) in inside.items()}, tuple(warnings))


def run_steps(session: Session, plate: Plate, well: str) -> Generator[Progress | Partial[Any], None, WellResult]:
    """What `Actions.run` does, in order; the session's state is taken when it starts."""
    from napari_mid.workflow.exclude import left_out_steps
    from napari_mid.workflow.score_well import score_well_steps

    key = well_key(session.plate, well)
    images, nuclei, model, device = session.images, session.nuclei, session.model, session.device
    detection, outlines = detection_settings(session), bool(session.outlines_on)
    assert model is not None
    intensity = yield from _known_intensity(session, plate)
    if images is None:
        images = yield from load_well(plate[well])
    if nuclei is None:
        if session.nuclei_table is not None:
            located = yield from table_steps(session.nuclei_table, plate, well, images)
        else:
            located = yield from locate_steps(plate, well, images, detection, device, outlines=outlines)
        yield Partial(located)
        nuclei = located.nuclei
    result = yield from score_well_steps(
        plate, well, model, intensity=intensity, images=images, nuclei=nuclei, detection=detection, device=device
    )
    return (yield from left_out_steps(result, model, session.exclusions.of(key)))


def score_all_steps(session: Session, plate: Plate, wells: list[str]) -> Generator[Progress | Partial[Any], None, None]:
    """What `Actions.score_all` does: a `Partial` with `Begun`, then one with the result or the `WellFailure`, of each well."""
    from napari_mid.cells.from_tables import nuclei_of_well
    from napari_mid.workflow.exclude import left_out_steps
    from napari_mid.workflow.score_well import score_well_steps

    model, device, detection, table = session.model, session.device, detection_settings(session), session.nuclei_table
    nuclei = session.kept.of_plate(plate)
    keys = {well: well_key(session.plate, well) for well in wells}
    if session.well is not None and session.nuclei is not None:
        nuclei[session.well] = session.nuclei
    assert model is not None
    intensity = yield from _known_intensity(session, plate)
    for done, well in enumerate(wells):
        yield Partial(Begun(well))
        try:
            given = nuclei.get(well)
            if given is None and table is not None:
                given = nuclei_of_well(table, plate, well)
            steps = score_well_steps(plate, well, model, intensity=intensity, nuclei=given, detection=detection, device=device)
            while True:
                try:
                    step = next(steps)
                except StopIteration as stop:
                    yield Partial((yield from left_out_steps(stop.value, model, session.exclusions.of(keys[well]))))
                    break
                now = "" if well in step.step else step.step
                yield Progress(f"{well} ({done + 1} of {len(wells)})", done, len(wells), now)
        except MidError as error:
            yield Partial(WellFailure(well, error))
    yield Progress("scoring wells", len(wells), len(wells))
