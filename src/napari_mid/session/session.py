"""What the user is looking at. No Qt, no napari: panels write their intent here and redraw on the events.

Setting something upstream clears what depends on it: a new plate clears the well, a new well clears its images, nuclei, result
and the selected cell. Whoever computes something remembers the `key` it started from and hands the result to `offer_*`, which
drops it when the user has moved on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_mid.cells.edits import EditCount
from napari_mid.cells.kept import KeptNuclei, WellKey, well_key
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.outlined import have_outlines
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.overview import Thumbnail
from napari_mid.images.well_images import WellImages
from napari_mid.inference.exclusions import Exclusions
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.session.events import Message, OutlinesOn, SessionEvents, Work
from napari_mid.session.marks import Marks
from napari_mid.session.well_progress import WellProgress
from napari_mid.workflow.plate_contract import Contract, check_contract

if TYPE_CHECKING:
    from napari_mid.cells.settings import DetectionSettings
    from napari_mid.model.network import MidModel


class Session:
    """The state of one viewer."""

    def __init__(self) -> None:
        self.events = SessionEvents()
        self._plate: Plate | None = None
        self._intensity: IntensityRange | None = None
        self._model: MidModel | None = None
        self._well: str | None = None
        self._images: WellImages | None = None
        self._preview: WellImages | None = None
        self._overview: Mapping[str, Thumbnail] | None = None
        self._nuclei: dict[int, Nuclei] | None = None
        self._nuclei_warnings: tuple[str, ...] = ()
        self._outlined: dict[int, Nuclei] | None = None
        self._outlines_on: frozenset[OutlinesOn] = frozenset()
        self._editing: EditCount | None = None
        self._results: dict[str, WellResult] = {}
        self._chosen: frozenset[int] = frozenset()
        self._last_rank = 0
        self._work: Work | None = None
        self._contract: Contract | None = None
        self._images_generation = 0
        self._plate_generation = 0
        self._model_generation = 0
        self._nuclei_generation = 0
        #: nuclei that hold the user's work, whichever well is open
        self.kept = KeptNuclei()
        #: cells that are left out of scores, whichever well is open; say `exclusions_changed` after a change
        self.exclusions = Exclusions()
        #: classes that cells were sorted into, whichever well is open; say `marks_changed` after a change
        self.marks = Marks()
        #: wells that are being scored, and those that could not be
        self.progress = WellProgress(self.events.progress_changed.emit)
        self.device = "auto"
        #: what `device` comes to on this machine, for a person; known once a model is loaded
        self.device_label = ""
        #: how nuclei are located; None means as the model was trained
        self.detection: DetectionSettings | None = None
        #: a table that nuclei are taken from instead of locating them
        self.nuclei_table: Path | None = None

    @property
    def plate(self) -> Plate | None:
        """The open plate; setting it clears everything that belonged to the one before."""
        return self._plate

    @plate.setter
    def plate(self, plate: Plate | None) -> None:
        self._plate = plate
        self._plate_generation += 1
        self._images_generation += 1
        self._intensity = None
        self._contract = None
        self.well = None
        self.overview = None
        self.nuclei_table = None
        self._forget_results()
        self.events.plate_changed.emit()

    def update_plate(self, plate: Plate) -> None:
        """Put another view of the *same* images in place (new roles or plate map): the well stays open, results go."""
        self._plate = plate
        self._plate_generation += 1
        self._contract = None
        self._forget_results()
        self.events.plate_changed.emit()

    @property
    def intensity(self) -> IntensityRange | None:
        """The plate-wide intensity range, once it is measured."""
        return self._intensity

    @intensity.setter
    def intensity(self, intensity: IntensityRange | None) -> None:
        self._intensity = intensity
        self.events.intensity_changed.emit()

    @property
    def model(self) -> MidModel | None:
        """The chosen model; setting it clears all results."""
        return self._model

    @model.setter
    def model(self, model: MidModel | None) -> None:
        self._model = model
        self._model_generation += 1
        self._contract = None
        self._forget_results()
        self.events.model_changed.emit()

    @property
    def contract(self) -> Contract | None:
        """How the model fits the plate; None while one of the two is lacking."""
        if self._contract is None and self._plate is not None and self._model is not None:
            self._contract = check_contract(self._plate, self._model)
        return self._contract

    @property
    def well(self) -> str | None:
        """Name of the open well; setting it clears the images, nuclei and selected cell of the one before."""
        return self._well

    @well.setter
    def well(self, well: str | None) -> None:
        if well == self._well:
            return
        self.cell = None
        self._well = well
        if well is not None:
            self.overview = None
        self._images = self._preview = None
        self._nuclei = self.kept.get(well_key(self._plate, well))
        self._nuclei_warnings = ()
        self._outlined = None
        self._nuclei_generation += 1
        self.events.well_changed.emit()
        self.events.images_changed.emit()
        self.events.nuclei_changed.emit()
        self.events.result_changed.emit()

    @property
    def images(self) -> WellImages | None:
        """Pixels of the open well, once they are read."""
        return self._images

    @property
    def preview(self) -> WellImages | None:
        """The open well at a coarse resolution, where its plate stores one and the images are not there yet."""
        return self._preview

    @property
    def overview(self) -> Mapping[str, Thumbnail] | None:
        """A thumbnail of each well read so far while the whole plate is shown, else None; opening a well ends it."""
        return self._overview

    @overview.setter
    def overview(self, overview: Mapping[str, Thumbnail] | None) -> None:
        if overview is None and self._overview is None:
            return
        self._overview = overview
        self.events.overview_changed.emit()

    @property
    def nuclei(self) -> Mapping[int, Nuclei] | None:
        """Nuclei of the open well by field, once they are located or taken from a layer."""
        return self._nuclei

    @property
    def nuclei_warnings(self) -> tuple[str, ...]:
        """What is odd about the nuclei of the open well, one sentence each."""
        return self._nuclei_warnings

    @property
    def outlined(self) -> Mapping[int, Nuclei] | None:
        """Nuclei of the open well whose outlines are known, by field: `nuclei`, or those that were outlined later."""
        return self._nuclei if have_outlines(self._nuclei) else self._outlined

    @property
    def outlines_on(self) -> frozenset[OutlinesOn]:
        """Where outlines of nuclei are wanted."""
        return self._outlines_on

    @outlines_on.setter
    def outlines_on(self, places: Iterable[OutlinesOn]) -> None:
        self._outlines_on = frozenset(places)
        self.events.outlines_changed.emit()

    @property
    def editing(self) -> EditCount | None:
        """What was done so far while the nuclei are edited by hand; None while they are not."""
        return self._editing

    @editing.setter
    def editing(self, editing: EditCount | None) -> None:
        self._editing = editing
        self.events.editing_changed.emit()

    @property
    def result(self) -> WellResult | None:
        """Result of the open well, if it was scored with the current model."""
        return None if self._well is None else self._results.get(self._well)

    @property
    def results(self) -> Mapping[str, WellResult]:
        """Results of all wells scored with the current model."""
        return self._results

    @property
    def cell(self) -> int | None:
        """Row number of the selected cell in ``result.cells``; None where none is selected, or several."""
        return next(iter(self._chosen)) if len(self._chosen) == 1 else None

    @cell.setter
    def cell(self, cell: int | None) -> None:
        self.chosen = () if cell is None else (cell,)

    @property
    def chosen(self) -> frozenset[int]:
        """Row numbers of all selected cells."""
        return self._chosen

    @chosen.setter
    def chosen(self, cells: Iterable[int]) -> None:
        chosen = frozenset(cells)
        if chosen == self._chosen:
            return
        self._chosen = chosen
        if self.cell is not None and self.result is not None and self.cell < self.result.n_cells:
            rank = int(self.result.cells["rank"].iloc[self.cell])
            self._last_rank = rank or self._last_rank
        self.events.cell_changed.emit()

    @property
    def last_rank(self) -> int:
        """Rank of the cell that was selected last and has one: the next one has its place when it is left out."""
        return self._last_rank

    @property
    def work(self) -> Work | None:
        """What runs in the background."""
        return self._work

    @work.setter
    def work(self, work: Work | None) -> None:
        self._work = work
        self.events.work_changed.emit()

    def tell(self, text: str, level: Literal["info", "warning", "error"] = "info") -> None:
        """Tell the user something; the window shows a notification."""
        self.events.told.emit(Message(text, level))

    # -- results of background work: dropped where the user has moved on ------------------------------------------------------

    def plate_key(self) -> tuple[object, ...]:
        """What belongs to the images of the open plate as a whole: its intensity range."""
        return (self._images_generation,)

    def model_key(self) -> int:
        """Changes whenever a model is chosen; compare before and after loading one."""
        return self._model_generation

    def image_key(self, well: str) -> tuple[object, ...]:
        """What the images of `well` depend on; compare before and after the work."""
        return (*self.plate_key(), well)

    def result_key(self, well: str) -> tuple[object, ...]:
        """What the result of `well` depends on: the plate with its roles, the model and, for the open well, its nuclei."""
        nuclei = self._nuclei_generation if well == self._well else None
        return (self._plate_generation, self._model_generation, well, nuclei)

    def offer_intensity(self, key: tuple[object, ...], intensity: IntensityRange) -> bool:
        """Take the intensity range of the plate if `key` is still its `plate_key`."""
        if key != self.plate_key():
            return False
        self.intensity = intensity
        return True

    def offer_images(self, key: tuple[object, ...], images: WellImages) -> bool:
        """Take `images` if `key` is still current; say whether they were taken."""
        if self._well is None or key != self.image_key(self._well):
            return False
        self._images, self._preview = images, None
        self.events.images_changed.emit()
        return True

    def offer_preview(self, key: tuple[object, ...], preview: WellImages) -> bool:
        """Take a coarse view of the open well if `key` is still its `image_key` and its images are not there yet."""
        if self._well is None or key != self.image_key(self._well) or self._images is not None:
            return False
        self._preview = preview
        self.events.preview_changed.emit()
        return True

    def offer_nuclei(self, key: tuple[object, ...], nuclei: Mapping[int, Nuclei], warnings: Iterable[str] = ()) -> bool:
        """Take the nuclei of the open well if `key` is still its `image_key`; its earlier result goes.

        Edits that they take the place of are kept for `restore_nuclei`.
        """
        if self._well is None or key != self.image_key(self._well):
            return False
        if self.kept.put(well_key(self._plate, self._well), nuclei):
            self.tell(f"The nuclei of {self._well} that you edited were replaced; Restore edits, under Nuclei, brings them back.")
        self._outlined = None
        self._set_nuclei(nuclei, warnings)
        return True

    def offer_outlines(self, key: tuple[object, ...], outlined: Mapping[int, Nuclei]) -> bool:
        """Take nuclei with outlines if `key` is still the `image_key` of the open well; nothing else changes."""
        if self._well is None or key != self.image_key(self._well):
            return False
        self._outlined = dict(outlined)
        self.events.outlines_changed.emit()
        return True

    def offer_look(self, nuclei: Mapping[int, Nuclei], measured: Mapping[int, Nuclei], warnings: Iterable[str]) -> bool:
        """Take what was found out about `nuclei`, in the same places, if they are still those of the open well."""
        if self._nuclei is None or nuclei is not self._nuclei:
            return False
        self._nuclei.update(measured)  # the same nuclei: rings and results stay
        self._nuclei_warnings = tuple(warnings)
        self.kept.put(well_key(self._plate, self._well), self._nuclei, further=True)
        self.events.nuclei_changed.emit()
        return True

    def keep_edited(self, key: WellKey, nuclei: Mapping[int, Nuclei]) -> None:
        """Take nuclei that were edited further; `key` is the `well_key` when the edit began, perhaps of a well left since."""
        self.kept.put(key, nuclei, further=True)
        if key == well_key(self._plate, self._well):
            self._set_nuclei(nuclei, self._nuclei_warnings)
        elif key == well_key(self._plate, key.well) and self._results.pop(key.well, None) is not None:
            self.events.results_changed.emit()

    @property
    def can_restore(self) -> bool:
        """Whether edited nuclei of the open well were replaced by others."""
        return self.kept.replaced(well_key(self._plate, self._well)) is not None

    def restore_nuclei(self) -> None:
        """Bring back the edited nuclei of the open well that others took the place of."""
        nuclei = self.kept.restore(well_key(self._plate, self._well))
        if nuclei is not None:
            self._set_nuclei(nuclei, ())

    def _set_nuclei(self, nuclei: Mapping[int, Nuclei], warnings: Iterable[str]) -> None:
        assert self._well is not None
        self._nuclei, self._nuclei_warnings = dict(nuclei), tuple(warnings)
        self._nuclei_generation += 1
        self.cell = None
        if self._results.pop(self._well, None) is not None:
            self.events.results_changed.emit()
        self.events.nuclei_changed.emit()
        self.events.result_changed.emit()

    def offer_result(self, key: tuple[object, ...], result: WellResult) -> bool:
        """Take `result` if `key` is still current; a result of another well than the open one is kept for the plate map."""
        if key != self.result_key(result.well):
            return False
        self._results[result.well] = result
        if result.well == self._well:
            self.cell = None
            self.events.result_changed.emit()
        self.events.results_changed.emit()
        return True

    def offer_rescored(self, result: WellResult) -> bool:
        """Take the score of a well without some of its cells, if its result is still of the same cells; say whether it was taken.

        It goes to its own well, whichever is open; the selected cell stays.
        """
        before = self._results.get(result.well)
        if before is None or before.embeddings is not result.embeddings:
            return False
        self._results[result.well] = result
        if result.well == self._well:
            self.events.result_changed.emit()
        self.events.results_changed.emit()
        return True

    def _forget_results(self) -> None:
        self.cell = None
        self._results = {}
        self.progress.clear()
        self.events.result_changed.emit()
        self.events.results_changed.emit()
