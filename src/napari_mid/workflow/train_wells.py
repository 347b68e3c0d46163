"""Which wells a model learns from: labels and compounds are checked before any image is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_mid.errors import TrainingError
from napari_mid.model.config import ModelChannel
from napari_mid.plates.plate import Plate, Well
from napari_mid.training.bags import Assignment, LabelledBags, assign, classes_of, split_unit_of
from napari_mid.training.leaks import check_compounds, check_labels, check_wells_apart
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import Slices
from napari_mid.training.splits import check_sides, folds_of, held_out_bags


@dataclass(frozen=True)
class ChosenWells:
    """The wells to train on.

    Parameters
    ----------
    wells
        With their plates, and where they belong.
    label, classes
        The column, and the names of its values; the last one is the positive one.
    split_unit
        What is kept on one side as a whole.
    channels
        That the model sees.
    doubts
        One sentence each.
    """

    wells: tuple[tuple[Plate, Well, Assignment], ...]
    label: str
    classes: tuple[str, ...]
    split_unit: str
    channels: tuple[ModelChannel, ...]
    doubts: tuple[str, ...]


def choose_wells(
    plates: Sequence[Plate],
    label: str,
    classes: Sequence[str] | None,
    channels: Sequence[str] | None,
    settings: TrainingSettings,
) -> ChosenWells:
    """The wells of `plates` whose column `label` is among `classes`; see `train_model_steps`.

    Raises
    ------
    PlateMapError
        If the plate map has no such column.
    TrainingError
        If there is no plate map, there are fewer than two classes, labels or compounds are spelled in two ways, or the split
        would leak.
    ChannelError
        If no channel shows the nucleus, or a plate lacks a channel.
    """
    wells = [well for plate in plates for well in plate.wells.values()]
    _check_plates(plates, label)
    plate_map = plates[0].plate_map
    assert plate_map is not None
    label = plate_map.find_column(label)
    names = tuple(classes) if classes else classes_of(wells, label)
    if len(set(names)) < 2:
        raise TrainingError(f"Training needs two classes or more; {label} has {', '.join(names) or 'no values'}.")
    if len(set(names)) < len(names):
        raise TrainingError(f"A class is named twice: {', '.join(names)}.")
    doubts = check_labels(wells, label, names)
    split_unit = split_unit_of(wells, label, names, settings.split)
    chosen = _labelled(plates, label, names, settings, split_unit)
    share = 1.0 if settings.folds else settings.validation
    labels = [assignment.label for _, _, assignment in chosen]
    labelled = [well for _, well, _ in chosen]
    check_compounds(labelled, labels, names, split_unit, share)
    if settings.split == "well" and share > 0:
        check_wells_apart(labelled, names)
    _check_split_is_possible([assignment for _, _, assignment in chosen], names, split_unit, settings)
    wanted = [plates[0].channel_index(channel) for channel in channels] if channels else range(len(plates[0].channels))
    model_channels = tuple(ModelChannel(plates[0].channels[i].name, plates[0].channels[i].role) for i in wanted)
    for plate in plates:  # says at once what is missing
        plate.role_index("nucleus")
        for channel in model_channels:
            plate.channel_index(channel.name)
    _check_names(plates)
    return ChosenWells(tuple(chosen), label, names, split_unit, model_channels, tuple(doubts))


def _check_split_is_possible(
    chosen: Sequence[Assignment], names: tuple[str, ...], split_unit: str, settings: TrainingSettings
) -> None:
    """Split the wells as their bags will be, so that too few compounds are told before hours of cutting."""
    outline = LabelledBags(
        slices=Slices([]),
        bag_of_cell=np.empty(0, dtype=np.int64),
        names=tuple(one.bag for one in chosen),
        groups=tuple(one.group for one in chosen),
        labels=np.array([one.label for one in chosen], dtype=np.int64),
        classes=names,
        split_unit=split_unit,
    )
    if settings.folds:
        folds_of(outline, settings.folds, settings.seed)
    else:
        check_sides(outline, ~held_out_bags(outline, settings.validation, settings.seed))


def _check_plates(plates: Sequence[Plate], label: str) -> None:
    for plate in plates:
        if plate.plate_map is None:
            raise TrainingError(f"Plate {plate.name} has no plate map, which must say the {label} of each well; see --plate-map.")


def _check_names(plates: Sequence[Plate]) -> None:
    names = [plate.name for plate in plates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(f"Two plates are called {twice[0]}, so that their wells cannot be told apart; rename a folder.")


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
