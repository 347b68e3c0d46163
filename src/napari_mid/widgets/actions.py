"""What the user can do in the window: the buttons call these, and these call the workflow in the background."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_mid.cells.kept import WellKey, well_key
from napari_mid.cells.nuclei import Nuclei
from napari_mid.errors import MidError
from napari_mid.images.intensity import IntensityRange
from napari_mid.inference.controls import control_wells
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.session import Session
from napari_mid.viewer.compat import spare_collections
from napari_mid.viewer.export import export_screenshot, export_tables
from napari_mid.viewer.gallery_export import export_gallery
from napari_mid.viewer.layer_nuclei import nuclei_from_layer
from napari_mid.viewer.presenter import Presenter
from napari_mid.widgets.cell_explainer import CellExplainer
from napari_mid.widgets.control_cells import ControlCells
from napari_mid.widgets.evidence_job import EvidenceJob
from napari_mid.widgets.excluder import Excluder
from napari_mid.widgets.exporter import Exporter
from napari_mid.widgets.looker import Looker
from napari_mid.widgets.marker import Marker, Measurer
from napari_mid.widgets.outliner import Outliner
from napari_mid.widgets.plate_actions import PlateActions
from napari_mid.widgets.steps import (
    Begun,
    Located,
    WellFailure,
    detection_settings,
    load_model_steps,
    locate_steps,
    run_steps,
    score_all_steps,
    table_steps,
)
from napari_mid.widgets.work import Jobs

#: Lanes whose work can be cancelled, the first that runs.
CANCELLED = ("run", "plate", "model", "overview", "export")


class Actions(PlateActions):
    """The verbs of one window."""

    #: show more slices in the galleries
    grow = Signal()
    #: show how a screenshot would look
    screenshot = Signal()
    #: show another well beside the open one, or do not any more
    compare = Signal(bool)

    def __init__(self, session: Session, jobs: Jobs, presenter: Presenter) -> None:
        super().__init__(session, jobs)
        self.presenter = presenter
        self.outliner = Outliner(session, jobs)
        self.excluder = Excluder(session, jobs)
        self.looker = Looker(session, jobs)
        self.evidence = EvidenceJob(session, jobs)
        self.cell_explainer = CellExplainer(session, jobs)
        self.marker = Marker(session)
        self.measurer = Measurer(session, jobs)
        self.controls = ControlCells(session, jobs, self.cache)
        self.exporter = Exporter(session, jobs, presenter, self.controls)
        #: what was done last in each well, for undo
        self._done: dict[WellKey, list[str]] = {}
        #: score every well as soon as its images are there
        self.auto_run = False
        #: another well is shown beside the open one
        self.comparing = False
        self.compare.connect(self._comparing)
        session.events.images_changed.connect(self._maybe_run)
        session.events.plate_changed.connect(self._take_fitting_demo)
        session.events.model_changed.connect(self._take_fitting_demo)

    # -- model ---------------------------------------------------------------------------------------------------------------

    def _can_show(self) -> bool:
        return self.presenter.ready

    def load_model(self, path: str | Path | None = None) -> None:
        """Open the model folder at `path`, or the demo model."""
        key = self.session.model_key()
        steps = load_model_steps(path, self.session.device)
        self.jobs.start("model", "loading the model", steps, lambda loaded: self._take_model(key, loaded))

    def _take_model(self, key: int, loaded: tuple[Any, str]) -> None:
        if key != self.session.model_key():
            return  # another model was chosen meanwhile
        model, device = loaded
        if self.presenter.alone:
            spare_collections("model")  # torch is there now
        self.session.device_label = device
        self.session.model = model
        self._maybe_run()

    def _take_fitting_demo(self) -> None:
        """Where the demo model does not fit the plate, but another demo model does, take that."""
        plate, model, contract = self.session.plate, self.session.model, self.session.contract
        if plate is None or model is None or contract is None or not contract.problem:
            return
        from napari_mid.model.folder import CONFIG, DEMO_MODELS, read_config

        if model.path not in DEMO_MODELS.values():
            return
        roles = {channel.role for channel in plate.channels}
        for name, path in DEMO_MODELS.items():
            if path != model.path and {channel.role for channel in read_config(path / CONFIG).channels} <= roles:
                self.load_model(name)
                return

    def reopen_last(self) -> None:
        """Open what was open last: the model, too."""
        folder = self.keeper.last().get("model")
        model = self.session.model
        if folder and Path(folder).is_dir() and (model is None or str(model.path) != folder):
            self.load_model(folder)
        super().reopen_last()

    # -- nuclei and scores ---------------------------------------------------------------------------------------------------

    def detect(self) -> None:
        """Locate the nuclei of the open well."""
        session = self.session
        plate = self._ready_plate(for_model=False)
        if plate is None or session.well is None:
            return
        self.finish_edits()
        session.nuclei_table = None
        well, key = session.well, session.image_key(session.well)
        outlines = bool(session.outlines_on)
        steps = locate_steps(plate, well, session.images, detection_settings(session), session.device, outlines=outlines)
        self.jobs.start("run", f"detecting nuclei in {well}", steps, lambda located: self._take_nuclei(key, located))

    def edit_nuclei(self) -> None:
        """Let the nuclei of the open well be added, deleted and moved by hand, until `finish_edits`."""
        if self.session.images is None:
            self.session.tell("Open a well first, then edit its nuclei.", "warning")
            return
        if self.jobs.running("run"):
            self.session.tell("Wait until the nuclei are located and scored, or press Cancel, then edit them.", "warning")
            return
        self.presenter.show_preview(None)
        self.presenter.editor.start()

    def show_field(self, number: int) -> None:
        """Bring a field of the open well into view."""
        self.presenter.show_field(number)

    def finish_edits(self) -> None:
        """Take the nuclei as they were edited, if they are being edited."""
        self.presenter.editor.finish()

    def use_nuclei(self, nuclei: Mapping[int, Nuclei], warnings: tuple[str, ...] = ()) -> None:
        """Take the nuclei of the open well from elsewhere: a Labels or Points layer."""
        if self.session.well is not None:
            self.finish_edits()
            self._take_nuclei(self.session.image_key(self.session.well), Located(dict(nuclei), warnings))

    def use_table(self, path: Path) -> None:
        """Take the nuclei of this plate from a table of another program, now for the open well and for each one that is run."""
        session = self.session
        if session.plate is None or session.well is None or session.images is None:
            session.tell("Open a well first, then the table of its nuclei.", "warning")
            return
        self.finish_edits()
        well, key = session.well, session.image_key(session.well)

        def take(located: Located) -> None:
            session.nuclei_table = path
            self._take_nuclei(key, located)

        steps = table_steps(path, session.plate, well, session.images)
        self.jobs.start("run", f"reading {path.name}", steps, take)

    def use_selected_layer(self) -> None:
        """Take the nuclei of the open well from the layer that is selected in the layer list."""
        try:
            self.use_nuclei(*nuclei_from_layer(self.presenter, self.presenter.viewer.layers.selection.active))
        except MidError as error:
            self.session.tell(str(error), "warning")

    def _take_nuclei(self, key: tuple[object, ...], located: Located) -> None:
        session = self.session
        if session.offer_nuclei(key, located.nuclei, located.warnings):
            count = sum(len(found) for found in located.nuclei.values())
            if count == 0:
                session.tell(f"No nuclei were found in {session.well}; see Settings, under Nuclei.", "warning")

    def run(self) -> None:
        """Locate the nuclei of the open well, unless they are known, and score it."""
        session = self.session
        plate = self._ready_plate()
        if plate is None or session.well is None or session.model is None:
            return
        self.finish_edits()
        well, key = session.well, session.image_key(session.well)
        steps = run_steps(session, plate, well)
        expected, held = session.result_key(well), session.result is not None
        located: list[Located] = []

        def take(part: object) -> None:
            if isinstance(part, IntensityRange):
                session.offer_intensity(key[:1], part)
            elif isinstance(part, Located):
                located.append(part)
                if not held:  # else the earlier result, which goes with other nuclei, stays until there is another
                    take_nuclei()

        def take_nuclei() -> None:
            nonlocal expected
            while located and session.result_key(well) == expected:
                self._take_nuclei(key, located.pop())
                expected = session.result_key(well)  # our own nuclei do not make our result outdated

        def end(error: MidError | None = None) -> None:
            session.progress.running = ""
            if error is not None:
                session.progress.fail(well, str(error))

        def done(result: WellResult) -> None:
            end()
            take_nuclei()
            self._take_result(expected, result)

        self._stop_measuring()
        self.jobs.start("run", f"scoring {well}", steps, done, partial=take, failed=end, on_cancel=end)
        session.progress.running = well

    def _take_result(self, expected: tuple[object, ...], result: WellResult) -> None:
        if self.session.offer_result(expected, result):
            self.excluder.tell_lost(result)
        else:
            self.session.tell(f"Model, channels or nuclei changed while {result.well} was scored; press Run again.", "warning")

    def score_all(self) -> None:
        """Score every well with images; each result is kept as it comes, also when the rest is cancelled."""
        plate = self._ready_plate(for_well=False)
        if plate is None or self.session.model is None:
            return
        wells = [well.name for well in plate.wells.values() if well.has_images and well.name not in self.session.results]
        if not wells:
            self.session.tell("Every well with images is scored already.")
            return
        self._score_wells(plate, wells)

    def controls_to_score(self) -> list[str]:
        """Negative-control wells that are neither open nor scored."""
        session = self.session
        return [well for well in control_wells(session.plate) if well not in session.results and well != session.well]

    def score_controls(self) -> None:
        """Score a negative-control well, to compare the open one with it."""
        plate, wells = self._ready_plate(for_well=False), self.controls_to_score()
        if plate is not None and wells:
            self._score_wells(plate, wells[:1])

    def _score_wells(self, plate: Plate, wells: list[str]) -> None:
        session = self.session
        self.finish_edits()
        keys = {well: session.result_key(well) for well in wells}
        plate_key = session.plate_key()
        steps = score_all_steps(session, plate, wells)
        failures: list[str] = []

        def take(part: object) -> None:
            if isinstance(part, IntensityRange):
                session.offer_intensity(plate_key, part)
            elif isinstance(part, WellResult):
                # the user may have opened or left the well meanwhile: what counts is that plate and model are the same
                if session.result_key(part.well)[:2] == keys[part.well][:2]:
                    session.offer_result(session.result_key(part.well), part)
            elif isinstance(part, Begun):
                session.progress.running = part.well
            elif isinstance(part, WellFailure):
                failures.append(str(part.error))
                session.progress.fail(part.well, str(part.error))

        def end(_: object = None) -> None:
            self._scoring_all = False
            session.progress.running = ""
            if failures:
                what = failures[0] if len(failures) == 1 else f"{len(failures)} wells could not be scored, first: {failures[0]}"
                session.tell(what, "warning")

        self._stop_measuring()
        what = f"{len(wells)} wells" if len(wells) > 1 else wells[0]
        self.jobs.start("run", f"scoring {what}", steps, end, partial=take, failed=end, on_cancel=end)
        self._scoring_all = True

    def toggle_compare(self) -> None:
        """Show a negative-control well beside the open one, or do not any more."""
        self.comparing = not self.comparing
        self.compare.emit(self.comparing)

    def cancel(self) -> None:
        """Stop what runs: the score, the detection, the plate that is being opened, a report that is being written."""
        for lane in CANCELLED:
            if self.jobs.running(lane):
                self.jobs.cancel(lane)
                self.session.tell("Stopped.")
                return

    def leave_out(self) -> None:
        """Leave the selected cells out of the score, or take them back."""
        before = len(self.excluder.wish.places)
        self.excluder.toggle()
        if len(self.excluder.wish.places) != before:
            self._done.setdefault(self._key, []).append("left out")

    def mark(self, number: int) -> None:
        """Put the selected cells into class `number`, or out of it where they are in it."""
        if self.marker.mark(number):
            self._done.setdefault(self._key, []).append("marked")

    def undo(self) -> None:
        """Take back the last edit of the nuclei while they are edited, else the last class or the last cells left out."""
        if self.session.editing is not None:
            self.presenter.editor.undo()
            return
        done = self._done.get(self._key, [])
        while done:
            if done.pop() == "marked":
                if self.marker.undo():
                    return
            elif self.excluder.can_undo:
                break
        self.excluder.undo()

    def _comparing(self, on: bool) -> None:
        self.comparing = on

    @property
    def _key(self) -> WellKey:
        return well_key(self.session.plate, self.session.well)

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

    def _ready_plate(self, *, for_model: bool = True, for_well: bool = True) -> Plate | None:
        """The plate as the model knows it, or None after telling the user what is lacking.

        Locating nuclei does not need the model: where it does not fit, the plate is given as it is.
        """
        session = self.session
        if session.plate is None:
            session.tell("Open a plate first: drop its folder on the window, or press Open plate.", "warning")
            return None
        if for_well and session.well is None:
            session.tell("Open a well first: click it on the plate map.", "warning")
            return None
        contract = session.contract
        if contract is None or (contract.plate is None and not for_model):
            return session.plate
        if contract.plate is None:
            session.tell(contract.problem, "error")
            return None
        return contract.plate
