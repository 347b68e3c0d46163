"""What the user can do in the window: the buttons call these, and these call the workflow in the background."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import MidError, WellError
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.images.well_images import WellImages, load_well
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.session import Session
from napari_mid.viewer.export import export_gallery, export_screenshot, export_tables
from napari_mid.viewer.layer_nuclei import nuclei_from_layer
from napari_mid.viewer.presenter import Presenter
from napari_mid.viewer.sample_data import sample_plate_steps
from napari_mid.widgets.work import Jobs, Partial

if TYPE_CHECKING:
    from napari_mid.cells.settings import DetectionSettings


class Actions:
    """The verbs of one window."""

    def __init__(self, session: Session, jobs: Jobs, presenter: Presenter) -> None:
        self.session = session
        self.jobs = jobs
        self.presenter = presenter
        #: score every well as soon as its images are there
        self.auto_run = False
        session.events.plate_changed.connect(self._take_roles)
        session.events.model_changed.connect(self._take_roles)
        session.events.well_changed.connect(self._read_well)
        session.events.images_changed.connect(self._maybe_run)

    # -- plate ---------------------------------------------------------------------------------------------------------------

    def open_plate(self, path: str | Path) -> None:
        """Open the plate at `path`, then its first well with images, and measure its intensities."""
        self.jobs.start("plate", f"opening {Path(path).name}", _open(Path(path)), self.show_plate)

    def show_plate(self, plate: Plate) -> None:
        """Make `plate` the open one."""
        session = self.session
        self.jobs.cancel("run", quiet=True)
        session.plate = plate
        for warning in plate.warnings:
            session.tell(warning, "warning")
        first = next((well.name for well in plate.wells.values() if well.has_images), None)
        if first is None:
            session.tell(f"No well of plate {plate.name} has an image on disk.", "error")
            return
        key = session.plate_key()
        self.jobs.start(
            "intensity",
            "measuring intensities",
            estimate_intensity_range(plate),
            lambda intensity: session.offer_intensity(key, intensity),
        )
        session.well = first

    def load_plate_map(self, path: str | Path) -> None:
        """Join the plate map at `path` to the open plate."""
        from napari_mid.plates.plate_map import read_plate_map

        plate = self.session.plate
        if plate is None:
            self.session.tell("Open a plate first, then its plate map.", "warning")
            return
        try:
            plate_map = read_plate_map(Path(path))
            self.session.update_plate(plate.with_plate_map(plate_map))
        except MidError as error:
            self.session.tell(str(error), "error")
            return
        for warning in plate_map.warnings:
            self.session.tell(warning, "warning")

    def set_roles(self, roles: Mapping[str, str]) -> None:
        """Say what channels of the open plate show, for example ``{"Channel2": "nucleus"}``."""
        if self.session.plate is not None:
            self.session.update_plate(self.session.plate.with_roles(roles))

    def _take_roles(self) -> None:
        """Show the roles that the model remembers, for channels that had none."""
        plate, contract = self.session.plate, self.session.contract
        if (
            plate is not None
            and contract is not None
            and contract.plate is not None
            and contract.plate.channels != plate.channels
        ):
            self.session.update_plate(contract.plate)

    def open_sample(self, preset: str) -> None:
        """Draw the simulated plate `preset`, unless it was drawn before, and open it."""
        self.jobs.start("plate", "drawing a simulated plate", sample_plate_steps(preset), self.show_plate)

    def open_well(self, name: str) -> None:
        """Open the well `name`, unless it has no images."""
        plate = self.session.plate
        if plate is None:
            return
        try:
            well = plate[name]
        except WellError as error:
            self.session.tell(str(error), "warning")
            return
        if not well.has_images:
            self.session.tell(f"Well {well.name} has no images on disk.", "warning")
            return
        self.session.well = well.name

    def step_well(self, step: int) -> None:
        """Open the next (1) or the previous (-1) well with images."""
        plate = self.session.plate
        if plate is None:
            return
        names = [well.name for well in plate.wells.values() if well.has_images]
        if self.session.well in names:
            index = names.index(self.session.well) + step
            if 0 <= index < len(names):
                self.session.well = names[index]

    def _read_well(self) -> None:
        session = self.session
        self.jobs.cancel("images", quiet=True)
        if self.jobs.running("run") and not self._scoring_all:
            self.jobs.cancel("run", quiet=True)
        if session.plate is None or session.well is None:
            return
        key = session.image_key(session.well)

        def show(images: WellImages) -> None:
            if session.offer_images(key, images):
                for warning in images.warnings:
                    session.tell(warning, "warning")

        self.jobs.start("images", f"reading {session.well}", load_well(session.plate[session.well]), show)

    # -- model ---------------------------------------------------------------------------------------------------------------

    def load_model(self, path: str | Path | None = None) -> None:
        """Open the model folder at `path`, or the demo model."""
        key = self.session.model_key()
        steps = _load_model(path, self.session.device)
        self.jobs.start("model", "loading the model", steps, lambda loaded: self._take_model(key, loaded))

    def _take_model(self, key: int, loaded: tuple[Any, str]) -> None:
        if key != self.session.model_key():
            return  # another model was chosen meanwhile
        model, device = loaded
        self.session.device_label = device
        self.session.model = model
        self._maybe_run()

    # -- nuclei and scores ---------------------------------------------------------------------------------------------------

    _scoring_all = False

    def detect(self) -> None:
        """Locate the nuclei of the open well."""
        from napari_mid.workflow.detect import detect_well_steps

        session = self.session
        plate = self._ready_plate(for_model=False)
        if plate is None or session.well is None:
            return
        well, key = session.well, session.image_key(session.well)
        steps = detect_well_steps(plate, well, images=session.images, settings=detection_settings(session), device=session.device)
        self.jobs.start("run", f"detecting nuclei in {well}", steps, lambda nuclei: self._take_nuclei(key, nuclei))

    def use_nuclei(self, nuclei: Mapping[int, Nuclei]) -> None:
        """Take the nuclei of the open well from elsewhere: a Labels or Points layer."""
        if self.session.well is not None:
            self._take_nuclei(self.session.image_key(self.session.well), nuclei)

    def use_selected_layer(self) -> None:
        """Take the nuclei of the open well from the layer that is selected in the layer list."""
        try:
            self.use_nuclei(nuclei_from_layer(self.presenter, self.presenter.viewer.layers.selection.active))
        except MidError as error:
            self.session.tell(str(error), "warning")

    def _take_nuclei(self, key: tuple[object, ...], nuclei: Mapping[int, Nuclei]) -> None:
        session = self.session
        if session.offer_nuclei(key, nuclei):
            count = sum(len(found) for found in nuclei.values())
            if count == 0:
                session.tell(f"No nuclei were found in {session.well}; see Detection for its settings.", "warning")

    def run(self) -> None:
        """Locate the nuclei of the open well, unless they are known, and score it."""
        session = self.session
        plate = self._ready_plate()
        if plate is None or session.well is None or session.model is None:
            return
        well, key = session.well, session.image_key(session.well)
        steps = _run_steps(session, plate, well)
        expected = session.result_key(well)

        def take(part: object) -> None:
            nonlocal expected
            if isinstance(part, IntensityRange):
                session.offer_intensity(key[:1], part)
            elif isinstance(part, Mapping) and session.result_key(well) == expected:
                self._take_nuclei(key, part)
                expected = session.result_key(well)  # our own nuclei do not make our result outdated

        def show(result: WellResult) -> None:
            if not session.offer_result(expected, result):
                session.tell(f"Model, channels or nuclei changed while {well} was scored; press Run again.", "warning")

        self._stop_measuring()
        self.jobs.start("run", f"scoring {well}", steps, show, partial=take)

    def score_all(self) -> None:
        """Score every well with images; each result is kept as it comes, also when the rest is cancelled."""
        session = self.session
        plate = self._ready_plate()
        if plate is None or session.model is None:
            return
        wells = [well.name for well in plate.wells.values() if well.has_images and well.name not in session.results]
        if not wells:
            session.tell("Every well with images is scored already.")
            return
        keys = {well: session.result_key(well) for well in wells}
        plate_key = session.plate_key()
        steps = _score_all_steps(session, plate, wells)

        def take(part: object) -> None:
            if isinstance(part, IntensityRange):
                session.offer_intensity(plate_key, part)
            elif isinstance(part, WellResult):
                # the user may have opened or left the well meanwhile: what counts is that plate and model are the same
                if session.result_key(part.well)[:2] == keys[part.well][:2]:
                    session.offer_result(session.result_key(part.well), part)
            elif isinstance(part, MidError):
                session.tell(str(part), "warning")

        def end(_: object = None) -> None:
            self._scoring_all = False

        self._stop_measuring()
        self.jobs.start("run", f"scoring {len(wells)} wells", steps, end, partial=take, failed=end, on_cancel=end)
        self._scoring_all = True

    def cancel(self) -> None:
        """Stop what runs: the score, the detection, the plate that is being opened."""
        for lane in ("run", "plate", "model"):
            if self.jobs.running(lane):
                self.jobs.cancel(lane)
                self.session.tell("Stopped.")
                return

    # -- export --------------------------------------------------------------------------------------------------------------

    def export_screenshot(self, path: Path, width_px: int, whole_well: bool = False) -> None:
        """Write the annotated picture of what the canvas shows, or of the whole well."""
        self._export(lambda: export_screenshot(self.presenter, path, width_px=width_px, whole_well=whole_well))

    def export_gallery(self, path: Path, width_px: int) -> None:
        """Write the galleries of the open well."""
        self._export(lambda: export_gallery(self.session, path, width_px=width_px))

    def export_tables(self, folder: Path) -> None:
        """Write the tables of all scored wells."""
        self._export(lambda: export_tables(self.session, folder))

    def _export(self, write: Callable[[], Path]) -> None:
        try:
            path = write()
        except MidError as error:
            self.session.tell(str(error), "error")
        except OSError as error:
            self.session.tell(f"The file could not be written: {error}. Choose another folder.", "error")
        else:
            self.session.tell(f"Saved {path}.")

    def _maybe_run(self) -> None:
        session = self.session
        ready = session.images is not None and session.contract is not None and session.contract.plate is not None
        if self.auto_run and ready and session.result is None and not self.jobs.running("run"):
            self.run()

    def _stop_measuring(self) -> None:
        """Scoring measures the intensities itself where they are not known: two at once would only slow each other."""
        if self.session.intensity is None:
            self.jobs.cancel("intensity", quiet=True)

    def _ready_plate(self, *, for_model: bool = True) -> Plate | None:
        """The plate as the model knows it, or None after telling the user what is lacking.

        Locating nuclei does not need the model: where it does not fit, the plate is given as it is.
        """
        session = self.session
        if session.plate is None or session.well is None:
            session.tell("Open a plate first: drop its folder on the window, or press Open plate.", "warning")
            return None
        contract = session.contract
        if contract is None or (contract.plate is None and not for_model):
            return session.plate
        if contract.plate is None:
            session.tell(contract.problem, "error")
            return None
        return contract.plate


def detection_settings(session: Session) -> DetectionSettings:
    """How nuclei are located: as the user said, else as in the model's training."""
    from napari_mid.cells.settings import DetectionSettings

    if session.detection is not None:
        return session.detection
    if session.model is None:
        return DetectionSettings()
    from napari_mid.workflow.score_well import model_detection

    return model_detection(session.model)


def _open(path: Path) -> Steps[Plate]:
    from napari_mid.plates import open_plate

    yield Progress("reading the index", 0, 0, path.name)
    return open_plate(path)


def _load_model(path: str | Path | None, device: str) -> Steps[tuple[Any, str]]:
    yield Progress("loading the model", 0, 0)
    from napari_mid.cells.device import device_label, pick_device
    from napari_mid.model.folder import demo_model_path, load_model

    model = load_model(demo_model_path() if path is None else path)
    return model, device_label(pick_device(device))


def _known_intensity(session: Session, plate: Plate) -> Generator[Progress | Partial[Any], None, IntensityRange]:
    if session.intensity is not None:
        return session.intensity
    intensity = yield from estimate_intensity_range(plate)
    yield Partial(intensity)
    return intensity


def _run_steps(session: Session, plate: Plate, well: str) -> Generator[Progress | Partial[Any], None, WellResult]:
    """What `Actions.run` does, in order; the session's state is taken when it starts."""
    from napari_mid.workflow.detect import detect_well_steps
    from napari_mid.workflow.score_well import score_well_steps

    images, nuclei, model, device = session.images, session.nuclei, session.model, session.device
    detection = detection_settings(session)
    assert model is not None
    intensity = yield from _known_intensity(session, plate)
    if images is None:
        images = yield from load_well(plate[well])
    if nuclei is None:
        nuclei = yield from detect_well_steps(plate, well, images=images, settings=detection, device=device)
        yield Partial(nuclei)
    return (
        yield from score_well_steps(
            plate, well, model, intensity=intensity, images=images, nuclei=nuclei, detection=detection, device=device
        )
    )


def _score_all_steps(session: Session, plate: Plate, wells: list[str]) -> Generator[Progress | Partial[Any], None, None]:
    from napari_mid.workflow.score_well import score_well_steps

    model, device, detection = session.model, session.device, detection_settings(session)
    nuclei = {session.well: session.nuclei} if session.well is not None else {}
    assert model is not None
    intensity = yield from _known_intensity(session, plate)
    for done, well in enumerate(wells):
        steps = score_well_steps(
            plate, well, model, intensity=intensity, nuclei=nuclei.get(well), detection=detection, device=device
        )
        try:
            while True:
                try:
                    step = next(steps)
                except StopIteration as stop:
                    yield Partial(stop.value)
                    break
                yield Progress("scoring wells", done, len(wells), f"{well}: {step.step}")
        except MidError as error:
            yield Partial(error)
    yield Progress("scoring wells", len(wells), len(wells))
