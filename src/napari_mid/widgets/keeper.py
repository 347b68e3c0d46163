"""What was open and what was found out comes back: the last plate on request, results of a plate whenever it is open again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_mid import preferences
from napari_mid.errors import MidError
from napari_mid.files import write_json
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.session import Session
from napari_mid.viewer.export import session_results
from napari_mid.viewer.one_shot import one_shot
from napari_mid.widgets.work import Jobs
from napari_mid.workflow.stored_results import StoredResults, is_results, read_results

if TYPE_CHECKING:
    from napari_mid.workflow.score_plate import PlateResult

#: Its lane of work, whose progress is not shown.
LANE = "keep"
#: What is written waits so long for further changes, in milliseconds.
WAIT_MS = 1500
#: While wells are being scored results are written this often, in seconds.
RUNNING_S = 60.0
#: File and folder in that of the preferences.
STATE, FOLDER = "session.json", "results"


class Keeper(QObject):
    """Writes the state of a session a moment after it changes, and brings results back."""

    def __init__(self, session: Session, jobs: Jobs) -> None:
        super().__init__()
        self.session = session
        self.jobs = jobs
        self._restoring = False
        self._written = time.monotonic()
        self._timer = one_shot(self, self.keep, WAIT_MS)
        #: the results that are on disk already
        self._kept: dict[str, WellResult] = {}
        events = session.events
        for changed in (events.plate_changed, events.model_changed, events.well_changed, events.results_changed):
            changed.connect(self._wait)
        events.marks_changed.connect(self._wait)
        events.plate_changed.connect(self._bring_back)
        events.model_changed.connect(self._bring_back)

    @staticmethod
    def last() -> dict[str, Any]:
        """The plate, plate map, well and model that were open last; empty where none is known."""
        with contextlib.suppress(OSError, ValueError):
            state = json.loads((preferences.config_folder() / STATE).read_text(encoding="utf-8"))
            if isinstance(state, dict) and isinstance(state.get("plate"), str):
                return state
        return {}

    def keep(self) -> None:
        """Write what is open, and results that are not written yet."""
        session, plate, model = self.session, self.session.plate, self.session.model
        self._timer.stop()
        if plate is None:
            return
        state = {
            "plate": str(plate.path),
            "name": plate.name,
            "plate_map": str(plate.plate_map.path) if plate.plate_map is not None else None,
            "well": session.well,
            "model": str(model.path) if model is not None and model.path is not None else None,
        }
        with contextlib.suppress(OSError):
            write_json(preferences.config_folder() / STATE, state)
        results = dict(session.results)
        if (
            not results
            or model is None
            or not model.hash
            or self._is_kept(results)
            or any(each.preliminary for each in results.values())
        ):
            return
        now = time.monotonic()
        if self.jobs.running("run") and now - self._written < RUNNING_S:
            self._timer.start()  # of many wells that are scored each would write those before it again
            return
        self._written = now
        try:
            tables = session_results(session)
        except MidError:
            return  # the model does not fit the plate any more
        steps = _kept_steps(tables, self._folder(plate, model.hash))
        self.jobs.start(LANE, "keeping results", steps, lambda _: self._remember(results))

    def _is_kept(self, results: dict[str, WellResult]) -> bool:
        return results.keys() == self._kept.keys() and all(results[well] is self._kept[well] for well in results)

    def stop(self) -> None:
        """Write nothing more."""
        with contextlib.suppress(RuntimeError):  # Qt may have deleted it before us
            self._timer.stop()

    def _remember(self, results: dict[str, WellResult]) -> None:
        self._kept = results

    def _wait(self) -> None:
        if not self._restoring:
            self._timer.start()

    @staticmethod
    def _folder(plate: Plate, model_hash: str) -> Path:
        known = f"{plate.path}\n{json.dumps(plate.reading.facts(), sort_keys=True, default=str)}\n{model_hash}"
        return preferences.config_folder() / FOLDER / hashlib.sha256(known.encode()).hexdigest()[:24]

    def _bring_back(self) -> None:
        """Results of this plate with this model from another day, where its channels are read as they were then."""
        session, contract, model = self.session, self.session.contract, self.session.model
        if session.results or contract is None or contract.plate is None or model is None or session.plate is None:
            return
        folder, plate = self._folder(session.plate, model.hash), contract.plate
        if not is_results(folder):
            return
        key = session.result_key("")[:2]

        def take(stored: StoredResults | None) -> None:
            if stored is not None and key == session.result_key("")[:2]:
                self.offer(stored, plate)

        self.jobs.start("stored", "bringing results back", _read_steps(folder, quiet=True), take)

    def offer(self, stored: StoredResults, plate: Plate) -> int:
        """Take stored results of `plate`; wells that are scored meanwhile stay as they are. Gives the number taken."""
        session, model = self.session, self.session.model
        roles = {channel.name: channel.role for channel in plate.channels}
        if model is None or stored.model_hash != model.hash or (stored.roles and stored.roles != roles):
            return 0
        taken = 0
        self._restoring = True
        try:
            for result in stored.results(plate):
                if result.well not in session.results:
                    taken += session.offer_result(session.result_key(result.well), result)
        finally:
            self._restoring = False
        if taken:
            self._kept = dict(session.results)
        return taken


def _read_steps(folder: Path, *, quiet: bool = False) -> Steps[StoredResults | None]:
    yield Progress("reading results", 0, 0, folder.name)
    try:
        return read_results(folder)
    except MidError:
        if quiet:
            return None  # our own copy is damaged: it is written again
        raise


def _kept_steps(tables: PlateResult, folder: Path) -> Steps[None]:
    from napari_mid.workflow.score_plate import write_results

    yield Progress("keeping results", 0, 0)
    with contextlib.suppress(OSError):  # a folder that cannot be written keeps nothing
        write_results(tables, folder)


def results_steps(folder: Path) -> Steps[StoredResults]:
    """Read the folder of results that a person chose."""
    stored = yield from _read_steps(folder)
    assert stored is not None
    return stored
