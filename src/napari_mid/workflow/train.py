"""From labelled wells to a model folder: locate nuclei, cut slices once, split, train, validate, write the card."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.device import AUTO, pick_device
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.slices import slice_batches
from napari_mid.errors import ImageReadError, TrainingError
from napari_mid.evaluation.metrics import classification_metrics
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.config import MIXED, ModelChannel, ModelConfig
from napari_mid.model.folder import check_model_path, save_model
from napari_mid.model.network import MidModel
from napari_mid.model.reference import fit_reference
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps
from napari_mid.training.bags import Assignment, LabelledBags, assign, classes_of, split_unit_of
from napari_mid.training.card import write_card
from napari_mid.training.leaks import SPLIT, check_compounds, check_labels, check_split, confounders, split_record
from napari_mid.training.loop import History, train_steps
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import Slices, as_float, stored
from napari_mid.training.splits import held_out_bags
from napari_mid.workflow.contract import bits_of, disc_diameter

#: Cells from which the cloud of training embeddings is worked out, at most.
MOST_DESCRIBED = 20_000
#: A model trained on fewer groups (compounds or wells) of a class gets a note on its card.
FEW_GROUPS = 10


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
) -> Steps[Trained]:
    """Train a model on the wells of `plates` whose column `label` is among `classes`, and write it to the folder `out`.

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

    Raises
    ------
    PlateMapError
        If the plate map has no such column.
    TrainingError
        If there is no plate map, there are fewer than two classes, or a class has no cells.
    ChannelError
        If no channel shows the nucleus, or a plate lacks a channel.
    """
    settings = settings or TrainingSettings()
    detection = detection or DetectionSettings()
    place = pick_device(device)
    wells = [well for plate in plates for well in plate.wells.values()]
    if plates[0].plate_map is None:
        raise TrainingError(f"Plate {plates[0].name} has no plate map, which must say the {label} of each well; see --plate-map.")
    label = plates[0].plate_map.find_column(label)
    names = tuple(classes) if classes else classes_of(wells, label)
    if len(set(names)) < 2:
        raise TrainingError(f"Training needs two classes or more; {label} has {', '.join(names) or 'no values'}.")
    doubts = check_labels(wells, label, names)
    split_unit = split_unit_of(wells, label, names)
    chosen = _labelled(plates, label, names, settings, split_unit)
    labels = [assignment.label for _, _, assignment in chosen]
    check_compounds([well for _, well, _ in chosen], labels, names, split_unit, settings.validation)
    wanted = [plates[0].channel_index(channel) for channel in channels] if channels else range(len(plates[0].channels))
    model_channels = tuple(ModelChannel(plates[0].channels[i].name, plates[0].channels[i].role) for i in wanted)
    check_model_path(Path(out))  # not after hours of training
    bags, images, warnings = yield from _cut_bags(plates, chosen, names, split_unit, model_channels, settings, detection, place)
    held_out = held_out_bags(bags, settings.validation, settings.seed)
    check_split(bags.groups, held_out, bags.split_unit)
    config = ModelConfig(
        name=name or Path(out).name,
        task=task or label,
        classes=names,
        channels=model_channels,
        slice_px=settings.slice_size,
        pixel_size_um=plates[0].pixel_size_um,
        normalisation=settings.normalisation,
        flat_field=_flat_field(plates),
        bit_depth=images.bits,
        nucleus_px=images.nucleus_px,
        nucleus_channel=plates[0].channels[plates[0].role_index("nucleus")].name,
        backbone=settings.backbone,
        width=settings.width,
        heads=settings.heads,
        set_size=settings.set_size,
        bag="well" if bags.split_unit == "well" else settings.bag,
        detection=dataclasses.asdict(detection),
        simulated=all(plate.simulated for plate in plates),
    )
    model, history = yield from _trained(config, bags, ~held_out, settings, place)
    metrics = yield from _validate(model, bags, held_out, place)
    metrics["refitted"] = bool(held_out.any()) and settings.refits(bags.split_unit)
    seconds = history.seconds
    if metrics["refitted"]:
        model, history = yield from _trained(config, bags, np.ones_like(held_out), settings, place)
        seconds += history.seconds
    yield Progress("describing the cells", 0, 1)
    unseen = np.zeros_like(held_out) if metrics["refitted"] else held_out
    model.reference = fit_reference(_some_embeddings(model, bags, ~unseen, place), _some_embeddings(model, bags, unseen, place))
    notes = [*doubts, *_notes(bags, metrics)]
    if config.flat_field == MIXED:
        notes.append("Some of the plates were read with a flat-field correction, others without or with another.")
    card = write_card(
        config,
        settings,
        bags,
        plates,
        [bags.names[bag] for bag in np.flatnonzero(held_out)],
        history,
        metrics,
        notes,
    )
    split = split_record(bags, held_out, metrics["refitted"])
    losses = [round(loss, 5) for loss in history.losses]
    save_model(model, out, card=card, metrics={"validation": metrics, SPLIT: split, "losses": losses})
    return Trained(Path(out), metrics, (*warnings, *notes), seconds)


def _flat_field(plates: Sequence[Plate]) -> str:
    sources = {plate.reading.flat_field for plate in plates}
    return sources.pop() if len(sources) == 1 else MIXED


def _trained(
    config: ModelConfig, bags: LabelledBags, train_bags: NDArray[np.bool_], settings: TrainingSettings, place: torch.device
) -> Steps[tuple[MidModel, History]]:
    """Train a fresh model on the bags where `train_bags` is true."""
    torch.manual_seed(settings.seed)
    model = MidModel(config)
    history = yield from train_steps(model, bags, train_bags, settings, place, watched=~train_bags)
    return model, history


def _labelled(
    plates: Sequence[Plate], label: str, names: Sequence[str], settings: TrainingSettings, split_unit: str
) -> list[tuple[Plate, Well, Assignment]]:
    """The wells to train on, with where they belong."""
    chosen = []
    for plate in plates:
        for well in plate.wells.values():
            assignment = assign(well, label, names, settings.bag, split_unit)
            if assignment is not None and well.has_images:
                chosen.append((plate, well, assignment))
    for number, class_name in enumerate(names):
        if not any(assignment.label == number for _, _, assignment in chosen):
            wells = [well for plate in plates for well in plate.wells.values()]
            values = ", ".join(classes_of(wells, label)) or "none"
            raise TrainingError(f"No well with images has {label} = {class_name!r}; the values of {label} are {values}.")
    return chosen


@dataclasses.dataclass(frozen=True)
class _Images:
    """What the images were like: bits of a pixel, and the median diameter of the nuclei; None where there is none."""

    bits: int | None
    nucleus_px: float | None


@dataclasses.dataclass(frozen=True)
class _CutWell:
    """The slices (N, C, S, S) float16 of a well, the areas of its nuclei (N,), and the bits of its pixels (0 where unread)."""

    slices: torch.Tensor
    area_px: NDArray[np.float64]
    bits: int


def _cut_bags(
    plates: Sequence[Plate],
    chosen: Sequence[tuple[Plate, Well, Assignment]],
    names: tuple[str, ...],
    split_unit: str,
    model_channels: Sequence[ModelChannel],
    settings: TrainingSettings,
    detection: DetectionSettings,
    place: torch.device,
) -> Steps[tuple[LabelledBags, _Images, list[str]]]:
    """Locate the nuclei of the chosen wells and cut their slices, once."""
    ranges: dict[int, IntensityRange] = {}
    for plate in plates:  # says at once what is missing
        plate.role_index("nucleus")
        for channel in model_channels:
            plate.channel_index(channel.name)
    for plate in plates:
        ranges[id(plate)] = yield from estimate_intensity_range(plate)
    cut: list[_CutWell] = []
    bag_of_cell: list[int] = []
    numbers: dict[tuple[str, int], int] = {}
    bags: list[Assignment] = []
    warnings: list[str] = []
    for done, (plate, well, assignment) in enumerate(chosen):
        yield Progress("cutting cells", done, len(chosen), well.name)
        # a bag has one label: doses of a compound with different labels are different bags
        number = numbers.setdefault((assignment.bag, assignment.label), len(numbers))
        if number == len(bags):
            bags.append(assignment)
        found = _cut_well(plate, well, model_channels, ranges[id(plate)], settings, detection, place, warnings)
        cut.append(found)
        bag_of_cell += [number] * len(found.slices)
    yield Progress("cutting cells", len(chosen), len(chosen))
    places = [(plate, well) for plate, well, _ in chosen]
    labels = [assignment.label for _, _, assignment in chosen]
    warnings += confounders(places, labels, names, [len(well.slices) for well in cut])
    areas = np.concatenate([well.area_px for well in cut])
    areas = areas[np.isfinite(areas) & (areas > 0)]
    images = _Images(
        bits=max(well.bits for well in cut) or None,
        nucleus_px=round(float(np.median(disc_diameter(areas))), 2) if len(areas) else None,
    )
    return (
        LabelledBags(
            slices=Slices([stored(well.slices, settings.slice_type) for well in cut]),
            bag_of_cell=np.array(bag_of_cell, dtype=np.int64),
            names=tuple(bag.bag for bag in bags),
            groups=tuple(bag.group for bag in bags),
            labels=np.array([bag.label for bag in bags], dtype=np.int64),
            classes=names,
            split_unit=split_unit,
        ),
        images,
        warnings,
    )


def _cut_well(
    plate: Plate,
    well: Well,
    model_channels: Sequence[ModelChannel],
    intensity: IntensityRange,
    settings: TrainingSettings,
    detection: DetectionSettings,
    place: torch.device,
    warnings: list[str],
) -> _CutWell:
    """Cut one well; a field that cannot be read is left out with a warning."""
    wanted = [plate.channel_index(channel.name) for channel in model_channels]
    nucleus = plate.role_index("nucleus")
    low, high = zip(*(intensity.limits(channel) for channel in wanted), strict=True)
    size = settings.slice_size
    found = [torch.empty((0, len(wanted), size, size), dtype=torch.float16)]
    areas = [np.empty(0)]
    bits = 0
    for number, field in sorted(well.fields.items()):
        try:
            pixels = load_field(field, [*wanted, nucleus])
        except ImageReadError as error:
            warnings.append(str(error))
            continue
        nuclei = detect_field(
            pixels[-1], well=well.name, field=number, settings=detection, pixel_size_um=plate.pixel_size_um, device=place
        )
        areas.append(nuclei.area_px)
        bits = max(bits, bits_of(pixels))
        on_device = torch.from_numpy(pixels[:-1]).to(place)
        for batch in slice_batches(on_device, nuclei.centroids, size, low, high, settings.normalisation):
            found.append(batch.half().cpu())
    cells = torch.cat(found)
    if not len(cells):
        warnings.append(f"no nuclei were found in {well.name} of plate {plate.name}")
    return _CutWell(cells, np.concatenate(areas), bits)


def _validate(model: MidModel, bags: LabelledBags, held_out: NDArray[np.bool_], place: torch.device) -> Steps[dict[str, Any]]:
    """Metrics over the held-out bags, each scored as a well would be."""
    numbers = [bag for bag in np.flatnonzero(held_out).tolist() if len(bags.cells_of(bag))]
    truth: list[bool] = []
    scores: list[float] = []
    for done, bag in enumerate(numbers):
        yield Progress("validating", done, len(numbers), bags.names[bag])
        embeddings = _embeddings(model, bags, bags.cells_of(bag), place)
        scores.append(score_bag(model, embeddings, ScoringSettings()).score)
        truth.append(int(bags.labels[bag]) == len(bags.classes) - 1)
    unit = "wells" if bags.split_unit == "well" else "bags of unseen compounds"
    metrics = classification_metrics(truth, scores, model.config.threshold, unit)
    metrics["scores"] = {bags.names[bag]: round(score, 5) for bag, score in zip(numbers, scores, strict=True)}
    return metrics


def _some_embeddings(model: MidModel, bags: LabelledBags, of_bags: NDArray[np.bool_], place: torch.device) -> NDArray[np.float32]:
    """Embeddings of a random sample of the cells of the bags where `of_bags` is true."""
    cells = np.flatnonzero(of_bags[bags.bag_of_cell])
    rng = np.random.default_rng(0)
    return _embeddings(model, bags, np.sort(rng.permutation(cells)[:MOST_DESCRIBED]), place)


def _embeddings(model: MidModel, bags: LabelledBags, cells: NDArray[np.int64], place: torch.device) -> NDArray[np.float32]:
    """(N, D) of the `cells` (N,)."""
    found = [np.empty((0, model.config.width), dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(cells), 256):
            slices = as_float(bags.slices.read(cells[start : start + 256]).to(place))
            found.append(model.encode(slices).float().cpu().numpy())
    return np.concatenate(found)


def _notes(bags: LabelledBags, metrics: dict[str, Any]) -> list[str]:
    notes = []
    if bags.split_unit == "well":
        notes.append("Split by well, not by compound: the metrics say how well controls are told apart, not unseen compounds.")
    for number, name in enumerate(bags.classes):
        groups = {group for group, label in zip(bags.groups, bags.labels, strict=True) if label == number}
        if len(groups) < FEW_GROUPS:
            notes.append(f"Class {name} has only {len(groups)} {bags.split_unit}s.")
    if not metrics["n"]:
        notes.append("No class has the three groups that are needed to hold one out: this model was not validated.")
    return notes
