"""From labelled wells to a model folder: cut slices once, split, train, validate, write the card; stopped and gone on with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.device import AUTO, memory_told, pick_device
from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import TrainingError
from napari_mid.inference.encoder import Encoder
from napari_mid.model.config import MIXED, ModelConfig
from napari_mid.model.ensemble import Ensemble
from napari_mid.model.folder import check_model_path, save_model
from napari_mid.model.network import MidModel
from napari_mid.model.reference import fit_reference
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.training.bags import LabelledBags
from napari_mid.training.calibration import FEWEST_BAGS
from napari_mid.training.card import write_card
from napari_mid.training.keeping import Work
from napari_mid.training.leaks import SPLIT, check_split, split_record
from napari_mid.training.loop import History, joined_histories, train_steps
from napari_mid.training.pretrained import load_pretrained
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.splits import check_sides, folds_of, held_out_bags
from napari_mid.workflow.train_figure import calibration_figure
from napari_mid.workflow.train_slices import CutCells, cut_steps
from napari_mid.workflow.train_validate import HeldOut, Judged, embeddings_of, held_out_steps, joined, judge
from napari_mid.workflow.train_wells import ChosenWells, choose_wells

#: Cells from which the cloud of training embeddings is worked out, at most.
MOST_DESCRIBED = 20_000
#: A model trained on fewer groups (compounds or wells) of a class gets a note on its card.
FEW_GROUPS = 10
#: Files of the model folder beside those that every model has.
FIGURE, TRAINING_LOG = "calibration.png", "training_log.csv"
#: Folder of the slices in the work folder, and the stage that makes the weights.
CUT, FINAL = "slices", "training"


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training gave: the model folder, the validation metrics, and what a person should know."""

    path: Path
    metrics: dict[str, Any]
    warnings: tuple[str, ...]
    seconds: float


def train_model_steps(
    plates: Sequence[Plate],
    out: Path,
    *,
    label: str,
    classes: Sequence[str] | None = None,
    settings: TrainingSettings | None = None,
    detection: DetectionSettings | None = None,
    channels: Sequence[str] | None = None,
    name: str | None = None,
    task: str | None = None,
    device: str = AUTO,
    resume: bool = False,
    keep_work: bool = False,
    slice_cache: Path | None = None,
) -> Steps[Trained]:
    """Train a model on the wells of `plates` whose column `label` is among `classes`, and write it to the folder `out`.

    While it runs, slices, checkpoints and a log are in the folder ``<out>.training``. Closing the generator keeps a checkpoint.

    Parameters
    ----------
    plates
        With plate maps and channel roles; all must have the channels of the first.
    classes
        The last one is the positive one; the sorted values of the column where None.
    channels
        Names of the channels the model sees, in order; all of the first plate's where None.
    name
        Of the model; the name of `out` where None.
    task
        What it predicts, for people; the column where None.
    resume
        Go on with an unfinished training.
    keep_work
        Leave the work folder, with slices and log, there when the model is written.
    slice_cache
        Where slices are kept instead, for several trainings; not deleted.

    Raises
    ------
    PlateMapError
        If the plate map has no such column.
    TrainingError
        If there is no plate map, there are fewer than two classes, a class has no cells, the split would leak, or an unfinished
        training is there that was not to be gone on with.
    ChannelError
        If no channel shows the nucleus, or a plate lacks a channel.
    """
    settings = settings or TrainingSettings()
    detection = detection or DetectionSettings()
    place = pick_device(device)
    chosen = choose_wells(plates, label, classes, channels, settings)
    out = Path(out)
    check_model_path(out)  # not after hours of training
    work = Work(out.with_name(f"{out.name}.training"))
    facts = {
        **dataclasses.asdict(settings),
        "label": chosen.label,
        "classes": chosen.classes,
        "plates": [plate.name for plate in plates],
        "channels": [channel.name for channel in chosen.channels],
        "detection": dataclasses.asdict(detection),
    }
    work.begin(facts, resume)
    cut = yield from cut_steps(chosen, plates, settings, detection, place, slice_cache or work.folder / CUT)
    work.same_cells(cut.digest)
    config = _config(plates, chosen, cut, settings, detection, name or out.name, task or chosen.label)
    run = _Training(config, cut.bags, settings, place, work)
    with memory_told(place):
        found = yield from run.cross_validated() if settings.folds else run.held_out()
        yield Progress("describing the cells", 0, 1)
        found.model.reference = run.reference(found)
    warnings = (*cut.warnings, *work.warnings)
    notes = (*chosen.doubts, *cut.confounded, *found.notes)
    trained = _written(out, plates, chosen.classes, run, found, notes, warnings)
    work.finish(keep_work)
    return trained


@dataclasses.dataclass(frozen=True)
class _Found:
    """The model, how it was trained, what is known about it, and (bags,) what was held out of its validation."""

    model: MidModel
    history: History
    judged: Judged
    held_out: NDArray[np.bool_]
    refitted: bool
    seconds: float
    notes: tuple[str, ...] = ()
    files: dict[str, bytes | Path] = dataclasses.field(default_factory=dict)


class _Training:
    """The trainings that make a model: one, one more on everything, or one for each fold."""

    def __init__(
        self, config: ModelConfig, bags: LabelledBags, settings: TrainingSettings, place: torch.device, work: Work
    ) -> None:
        self.config, self.bags, self.settings, self.place, self.work = config, bags, settings, place, work

    def held_out(self) -> Steps[_Found]:
        """One share of the groups is held out; the network may then be trained once more on everything."""
        settings, bags = self.settings, self.bags
        held_out = held_out_bags(bags, settings.validation, settings.seed)
        check_split(bags.groups, held_out, bags.split_unit)
        check_sides(bags, ~held_out)
        model, history = yield from self._trained(~held_out, held_out, FINAL)
        found = yield from held_out_steps(model, bags, held_out, self.place)
        refitted = bool(held_out.any()) and settings.refits(bags.split_unit)
        judged = self._judged(found, calibrate=not refitted)
        seconds = history.seconds
        if refitted:
            model, history = yield from self._trained(np.ones_like(held_out), None, "refit", history.kept_step)
            seconds += history.seconds
        notes = self._notes(judged, refitted)
        if settings.patience and held_out.any():
            notes.append(
                "Training was stopped by the validation bags, so the metrics on them are somewhat better than on new ones."
            )
        return self._found(model, history, judged, held_out, refitted, seconds, notes)

    def cross_validated(self) -> Steps[_Found]:
        """Every group is held out once; the model that is kept is trained on all of them."""
        settings, bags = self.settings, self.bags
        fold_of = folds_of(bags, settings.folds, settings.seed)
        parts: list[HeldOut] = []
        steps: list[int] = []
        files: dict[str, bytes | Path] = {}
        seconds = 0.0
        for fold in range(settings.folds):
            asked = fold_of == fold
            check_split(bags.groups, asked, bags.split_unit)
            train, watched = ~asked, asked
            if settings.patience:  # what stops the training must not judge it as well
                watched = train & held_out_bags(bags, settings.validation, settings.seed + 1 + fold)
                train = train & ~watched
            check_sides(bags, train)
            stage = f"fold {fold + 1} of {settings.folds}"
            model, history = yield from self._trained(train, watched, stage)
            parts.append((yield from held_out_steps(model, bags, asked, self.place, fold, f"validating {stage}")))
            seconds += history.seconds
            steps.append(history.kept_step)
            files |= self._fold_files(model, fold, train, asked)
        judged = self._judged(joined(parts), calibrate=True)
        every = np.ones_like(fold_of, dtype=bool)
        model, history = yield from self._trained(every, None, FINAL, round(float(np.median(steps))))
        seconds += history.seconds
        notes = [
            f"The metrics are those of {settings.folds} models, each on {bags.split_unit}s that it had not seen; the weights "
            f"kept here were trained on all {bags.split_unit}s in the same way.",
            *self._notes(judged, refitted=True),
        ]
        return self._found(model, history, judged, every, True, seconds, notes, files)

    def reference(self, found: _Found) -> Any:
        """What the embeddings of the cells look like, and those of cells that were not trained on."""
        unseen = np.zeros_like(found.held_out) if found.refitted else found.held_out
        encoder = Encoder(found.model, self.place)
        return fit_reference(*(self._some_embeddings(encoder, of_bags) for of_bags in (~unseen, unseen)))

    def _trained(
        self, train: NDArray[np.bool_], watched: NDArray[np.bool_] | None, stage: str, last_step: int | None = None
    ) -> Steps[tuple[MidModel, History]]:
        """Train a fresh network on the bags where `train` is true, or as many as asked for, each from a seed of its own."""
        settings, models, histories = self.settings, [], []
        for number in range(settings.ensemble):
            seed = settings.seed + number
            torch.manual_seed(seed)
            model = MidModel(self.config)
            if settings.pretrained:
                load_pretrained(model)
            part = stage if settings.ensemble == 1 else f"{stage}, network {number + 1} of {settings.ensemble}"
            history = yield from train_steps(
                model,
                self.bags,
                train,
                dataclasses.replace(settings, seed=seed, patience=settings.patience if watched is not None else 0),
                self.place,
                watched=watched,
                keeper=self.work.keeper(part),
                stage=part,
                last_step=last_step,
            )
            models.append(model)
            histories.append(history)
        return (models[0] if len(models) == 1 else Ensemble(models)), joined_histories(histories)

    def _judged(self, held_out: HeldOut, *, calibrate: bool) -> Judged:
        calibrate = calibrate and self.settings.calibrate
        return judge(self.bags, held_out, self.config.threshold, calibrate=calibrate, seed=self.settings.seed)

    def _fold_files(
        self, model: MidModel, fold: int, train: NDArray[np.bool_], asked: NDArray[np.bool_]
    ) -> dict[str, bytes | Path]:
        """Write the model of a fold to the work folder; its files, by their path in the model folder."""
        name = f"folds/{fold + 1}"
        split = split_record(self.bags, ~train, refitted=False)
        card = (
            f"# {self.config.name}, fold {fold + 1} of {self.settings.folds}\n\nTrained without "
            f"{', '.join(sorted({self.bags.groups[bag] for bag in np.flatnonzero(asked)}))}. The card of the whole training is "
            "two folders up.\n"
        )
        folder = save_model(model, self.work.folder / name, card=card, metrics={SPLIT: split})
        return {f"{name}/{path.name}": path for path in folder.iterdir()}

    def _found(
        self,
        model: MidModel,
        history: History,
        judged: Judged,
        held_out: NDArray[np.bool_],
        refitted: bool,
        seconds: float,
        notes: Sequence[str],
        files: dict[str, bytes | Path] | None = None,
    ) -> _Found:
        model.config = dataclasses.replace(model.config, temperature=judged.temperature)
        judged.metrics["refitted"] = refitted
        return _Found(model, history, judged, held_out, refitted, seconds, tuple(notes), files or {})

    def _some_embeddings(self, encoder: Encoder, of_bags: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Embeddings of a random sample of the cells of the bags where `of_bags` is true."""
        cells = np.flatnonzero(of_bags[self.bags.bag_of_cell])
        rng = np.random.default_rng(0)
        return embeddings_of(encoder, self.bags, np.sort(rng.permutation(cells)[:MOST_DESCRIBED]), self.place)

    def _notes(self, judged: Judged, refitted: bool) -> list[str]:
        bags, n = self.bags, judged.metrics["n"]
        notes = []
        if bags.split_unit == "well":
            notes.append(
                "Split by well, not by compound: the metrics say how well controls are told apart, not unseen compounds."
            )
            if not self.settings.dilution:
                notes.append(
                    "In controls mostly every cell reacts, so the score asks for what most cells are, and relevance may point "
                    "elsewhere than at the cells that reacted; a dilution of 0.5 makes both ask for the cells that reacted."
                )
        if bags.split_unit == "plate":
            notes.append("Split by plate: the metrics say how well the wells of other plates are told apart.")
        for number, name in enumerate(bags.classes):
            groups = {group for group, label in zip(bags.groups, bags.labels, strict=True) if label == number}
            if len(groups) < FEW_GROUPS and bags.split_unit != "plate":
                notes.append(f"Class {name} has only {len(groups)} {bags.split_unit}s.")
        if not n:
            notes.append("Nothing was held out, for want of compounds or as asked: this model was not validated.")
        elif "after" not in judged.metrics["calibration"]:
            reason = (
                f"fewer than {FEWEST_BAGS} held-out bags, or one class only"
                if self.settings.calibrate and not (refitted and not self.settings.folds)
                else "the network was trained once more on everything"
                if self.settings.calibrate
                else "not asked for"
            )
            notes.append(f"No temperature was fitted ({reason}): a score of 0.8 need not be right in 80 % of cases.")
        return notes


def _config(
    plates: Sequence[Plate],
    chosen: ChosenWells,
    cut: CutCells,
    settings: TrainingSettings,
    detection: DetectionSettings,
    name: str,
    task: str,
) -> ModelConfig:
    sources = {plate.reading.flat_field for plate in plates}
    return ModelConfig(
        name=name,
        task=task,
        classes=chosen.classes,
        channels=chosen.channels,
        slice_px=settings.slice_size,
        pixel_size_um=plates[0].pixel_size_um,
        normalisation=settings.normalisation,
        flat_field=sources.pop() if len(sources) == 1 else MIXED,
        bit_depth=cut.bits,
        nucleus_px=cut.nucleus_px,
        nucleus_channel=plates[0].channels[plates[0].role_index("nucleus")].name,
        backbone=settings.backbone,
        width=settings.width,
        heads=settings.heads,
        set_size=settings.set_size,
        bag="well" if chosen.split_unit == "well" else settings.bag,
        detection=dataclasses.asdict(detection),
        simulated=all(plate.simulated for plate in plates),
    )


def _written(
    out: Path,
    plates: Sequence[Plate],
    classes: Sequence[str],
    run: _Training,
    found: _Found,
    notes: Sequence[str],
    warnings: Sequence[str],
) -> Trained:
    """Write the model folder."""
    if found.model.config.flat_field == MIXED:
        notes = (*notes, "Some of the plates were read with a flat-field correction, others without or with another.")
    judged, files = found.judged, dict(found.files)
    figure = calibration_figure(judged.labels, judged.probabilities, classes[-1])
    if figure is not None:
        files[FIGURE] = figure
    if run.work.log.is_file():
        files[TRAINING_LOG] = run.work.log
    held_out = np.zeros_like(found.held_out) if run.settings.folds else found.held_out
    card = write_card(
        found.model.config,
        run.settings,
        run.bags,
        plates,
        [run.bags.names[bag] for bag in np.flatnonzero(held_out)],
        found.history,
        judged.metrics,
        notes,
        figure=FIGURE if figure is not None else None,
        seconds=found.seconds,
    )
    metrics = {
        "validation": judged.metrics,
        SPLIT: split_record(run.bags, held_out, found.refitted),
        "losses": [round(loss, 5) for loss in found.history.losses],
        "looks": [dataclasses.asdict(look) | {"auroc": _json_number(look.auroc)} for look in found.history.looks],
    }
    try:
        save_model(found.model, out, card=card, metrics=metrics, files=files)
    except OSError as error:
        reason = error.strerror or error
        raise TrainingError(f"The model cannot be written to {out}: {reason}. {run.work.what_is_kept()}") from error
    return Trained(out, judged.metrics, (*warnings, *notes), found.seconds)


def _json_number(value: float) -> float | None:
    return value if np.isfinite(value) else None
