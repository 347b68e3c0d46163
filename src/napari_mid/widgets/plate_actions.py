"""What the user can do with the plate: open it, say how it is read and what it shows, walk through its wells."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer

from napari_mid.errors import MidError, WellError
from napari_mid.images.cache import WellCache
from napari_mid.images.flat_field import estimate_flat_fields
from napari_mid.images.intensity import estimate_intensity_range
from napari_mid.images.overview import Thumbnail
from napari_mid.images.well_images import WellImages
from napari_mid.plates.plate import Plate
from napari_mid.plates.remembered import corrected_roles, with_remembered_roles
from napari_mid.preferences import remember_options, remember_roles
from napari_mid.reports.caption import model_text
from napari_mid.session import Session
from napari_mid.viewer.sample_data import sample_plate_steps
from napari_mid.widgets.keeper import Keeper, results_steps
from napari_mid.widgets.options import WINDOW, WindowOptions, kept_options
from napari_mid.widgets.shelf import Shelf
from napari_mid.widgets.steps import load_model_steps, open_steps, overview_steps, plate_label, read_well_steps
from napari_mid.widgets.work import Jobs
from napari_mid.workflow.stored_results import StoredResults

#: How often it is looked whether the canvas is ready for images, in milliseconds.
WAIT_MS = 5
#: What to do where an index came without its images.
NO_IMAGES = "open the folder that holds the images together with their index."


class PlateActions:
    """The verbs about the plate and its wells."""

    #: a run over all wells is under way, which another open well does not end
    _scoring_all = False

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self.session = session
        self.jobs = jobs
        self._options = kept_options(WindowOptions)
        self.cache = WellCache(self._options.cache_bytes)
        #: the state that comes back another day
        self.keeper = Keeper(session, jobs)
        #: plates that were opened before
        self.shelf = Shelf(session, self._show_plate)
        self._thumbnails: dict[str, Thumbnail] = {}
        self._thumbnails_of: tuple[object, ...] = ()
        session.events.plate_changed.connect(self._take_roles)
        session.events.model_changed.connect(self._take_roles)
        session.events.well_changed.connect(self._read_well)

    def open_plate(self, path: str | Path) -> None:
        """Open the plate at `path`, then its first well with images, and measure its intensities."""
        self.jobs.start("plate", f"opening {plate_label(path)}", open_steps(path), self.show_plate)

    def show_plate(self, plate: Plate) -> None:
        """Make `plate` the open one, with the roles that were chosen for it before."""
        plate = with_remembered_roles(plate)
        for warning in plate.warnings:
            self.session.tell(warning, "warning")
        self._show_plate(plate, None)

    def _show_plate(self, plate: Plate, well: str | None) -> None:
        session = self.session
        for lane in ("run", "overview", "images"):
            self.jobs.cancel(lane, quiet=True)
        self.cache.clear()
        self.shelf.keep()
        known = self.shelf.intensity_of(plate)
        session.plate = plate
        self.shelf.keep()
        first = well or next((well.name for well in plate.wells.values() if well.has_images), None)
        if first is None:
            session.tell(f"No well of plate {plate.name} has an image on disk: {NO_IMAGES}", "error")
            return
        key = session.plate_key()
        if known is not None:
            self.jobs.cancel("intensity", quiet=True)
            session.intensity = known
        else:
            self.jobs.start(
                "intensity",
                "measuring intensities",
                estimate_intensity_range(plate),
                lambda intensity: session.offer_intensity(key, intensity),
            )
        session.well = first

    def open_results(self, folder: Path) -> None:
        """Show the results that ``napari-mid score``, or this window, wrote into `folder`, on their plate."""
        self.jobs.start("plate", f"reading {folder.name}", results_steps(folder), self._open_stored)

    def _open_stored(self, stored: StoredResults, *, model_loaded: bool = False) -> None:
        session = self.session
        if session.model is None or session.model.hash != stored.model_hash:
            if stored.model_path is not None and not model_loaded:
                self._load_model_of(stored, stored.model_path)
                return
            name = stored.run["model"]["name"]
            of = model_text(name, stored.model_hash)
            session.tell(f"These results are of the {of}: choose it above, then open them.", "error")
            return
        if session.plate is not None and str(session.plate.path) == stored.plate_path:
            self._show_stored(stored, session.plate)
            return

        def show(plate: Plate) -> None:
            self._show_stored(stored, plate)

        path = stored.plate_path
        self.jobs.start("plate", f"opening {plate_label(path)}", open_steps(path), show)

    def _load_model_of(self, stored: StoredResults, path: Path) -> None:
        """Load the model that results are of, then show them."""
        session = self.session

        def take(loaded: tuple[Any, str]) -> None:
            model, session.device_label = loaded
            if model.hash == stored.model_hash:
                session.model = model
            self._open_stored(stored, model_loaded=True)

        self.jobs.start("model", "loading the model", load_model_steps(path, session.device), take)

    def _show_stored(self, stored: StoredResults, plate: Plate) -> None:
        session, plate_map = self.session, stored.plate_map()
        if plate_map is not None and plate.plate_map is None:
            plate = plate.with_plate_map(plate_map)
        known = {name: role for name, role in stored.roles.items() if name in plate.channel_names}
        first = next((str(name) for name in stored.wells["Metadata_Well"] if name in plate.wells), None)
        if session.plate is None or str(session.plate.path) != str(plate.path):
            self._show_plate(plate.with_roles(known), first)
        contract = session.contract
        taken = self.keeper.offer(stored, contract.plate) if contract is not None and contract.plate is not None else 0
        session.tell(f"{taken} scored wells of {plate.name} were read from {stored.folder.name}.")

    def reopen_last(self) -> None:
        """Open the plate that was open last, with its plate map, model and well."""
        last = self.keeper.last()
        if not last:
            self.session.tell("No plate was open before.")
            return

        def show(plate: Plate) -> None:
            self._reopened(plate, last)

        self.jobs.start("plate", f"opening {last['name']}", open_steps(last["plate"]), show)

    def _reopened(self, plate: Plate, last: Mapping[str, Any]) -> None:
        from napari_mid.plates.plate_map import read_plate_map

        plate = with_remembered_roles(plate)
        if last.get("plate_map") and Path(last["plate_map"]).is_file():
            try:
                plate = plate.with_plate_map(read_plate_map(Path(last["plate_map"])))
            except MidError as error:
                self.session.tell(str(error), "warning")
        well = last.get("well")
        known = isinstance(well, str) and well in plate.wells and plate.wells[well].has_images
        self._show_plate(plate, well if known else None)

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
        """Say what channels of the open plate show, for example ``{"Channel2": "nucleus"}``; it is kept for this plate."""
        if self.session.plate is not None:
            plate = self.session.plate.with_roles(roles)
            self.session.update_plate(plate)
            remember_roles(plate.path, corrected_roles(plate))

    def set_reading(self, **choice: Any) -> None:
        """Read the plate at another ``time``, ``z`` or ``flat_field``; nuclei and scores go, the well stays open."""
        plate = self.session.plate
        if plate is None:
            return
        reading = dataclasses.replace(plate.reading, **choice)
        if choice.get("flat_field") == "estimated":
            well = self.session.well
            steps = estimate_flat_fields(plate)
            self.jobs.start(
                "plate",
                "estimating the flat field",
                steps,
                lambda estimated: self._show_plate(estimated, well),
                failed=lambda _: self.session.events.plate_changed.emit(),  # the panel shows again what is
                on_cancel=self.session.events.plate_changed.emit,
            )
            return
        if "flat_field" in choice:
            reading = dataclasses.replace(reading, flat_fields=())
        try:
            self._show_plate(plate.with_reading(reading), self.session.well)
        except MidError as error:
            self.session.tell(str(error), "warning")
            self.session.events.plate_changed.emit()

    def show_overview(self) -> None:
        """Show a thumbnail of every well with images; those that were drawn before are not read again."""
        session, plate = self.session, self.session.plate
        if plate is None:
            return
        key = session.plate_key()
        if key != self._thumbnails_of:
            self._thumbnails, self._thumbnails_of = {}, key
        session.well = None
        session.overview = dict(self._thumbnails)
        wells = [well for well in plate.wells.values() if well.has_images and well.name not in self._thumbnails]
        if not wells:
            return

        problems: list[str] = []

        def take(drawn: list[Thumbnail]) -> None:
            problems.extend(thumbnail.problem for thumbnail in drawn if thumbnail.problem)
            if key == session.plate_key():
                # one that could not be read is tried again the next time
                self._thumbnails |= {thumbnail.well: thumbnail for thumbnail in drawn if not thumbnail.problem}
                if session.overview is not None:
                    session.overview = dict(self._thumbnails)

        def end(_: object) -> None:
            if problems:
                session.tell(f"{len(problems)} of {len(wells)} wells could not be drawn, first: {problems[0]}", "warning")

        self.jobs.start("overview", "drawing the overview", overview_steps(wells), end, partial=take)

    @property
    def options(self) -> WindowOptions:
        """Options of the window; they are kept for the next time."""
        return self._options

    @options.setter
    def options(self, options: WindowOptions) -> None:
        self._options = options
        self.cache.max_bytes = options.cache_bytes
        remember_options(WINDOW, dataclasses.asdict(options))

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
        if well.name == self.session.well and self.session.images is None and not self.jobs.running("images"):
            self._read_well()  # it could not be read before, and may be there again
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
        self.jobs.cancel("overview", quiet=True)
        key = session.image_key(session.well)

        def offer(images: WellImages) -> None:
            if session.offer_images(key, images):
                for warning in images.warnings:
                    session.tell(warning, "warning")

        def show(images: WellImages) -> None:
            self.cache.put(key, images)
            self._when_ready(functools.partial(offer, images))

        known = self.cache.get(key)
        if known is not None:
            session.offer_images(key, known)
            return
        steps = read_well_steps(session.plate[session.well])

        def preview(coarse: WellImages) -> None:
            self._when_ready(functools.partial(session.offer_preview, key, coarse))

        self.jobs.start("images", f"reading {session.well}", steps, show, partial=preview)

    def _can_show(self) -> bool:
        """Whether the canvas is ready for images."""
        return True

    def _when_ready(self, show: Callable[[], object]) -> None:
        """Call `show` once the canvas is ready: the layers of a new plate are made one by one, in turns of the event loop."""
        if not self.jobs.open:
            return
        if self._can_show():
            show()
        else:
            QTimer.singleShot(WAIT_MS, functools.partial(self._when_ready, show))
