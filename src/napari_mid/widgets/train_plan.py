"""What the panel `Train model` is to train: the command line that does it, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_mid.errors import MidError
from napari_mid.plates.opening import plate_map_beside
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps
from napari_mid.training.settings import PRESETS, PRETRAINED_RATE, TrainingSettings

#: Values that a column of classes has at most: more are doses, or names.
MOST_CLASSES = 12
#: Columns of a plate map that say where a well is or what was put into it, not what it did.
NOT_LABELS = ("compound", "concentration", "unit", "concentration_um", "replicate")
#: Values that mean "positive", in lower case; none is a class of its own right.
POSITIVE = ("positive_control", "positive", "toxic", "active", "yes", "true", "1")
#: Files of tables, such as a person writes plate maps in.
TABLES = (".csv", ".tsv", ".txt", ".xlsx")


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that was chosen.

    Parameters
    ----------
    plates
        Their folders, index files or URLs.
    plate_map
        One file for all of them; empty where each has its own beside it.
    label, classes
        The column, and its values that are told apart; the last one is the positive one.
    channels, roles
        The channels that the model sees, in order, and what channels show.
    reading
        Options that say how the images are read.
    preset, settings
        The settings, and from which preset they started.
    out
        The model folder to write; empty where it was not chosen.
    device
        As the command takes it.
    """

    plates: tuple[str, ...] = ()
    plate_map: str = ""
    label: str = ""
    classes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    reading: tuple[str, ...] = ()
    preset: str = "fast"
    settings: TrainingSettings = dataclasses.field(default_factory=lambda: preset_settings("fast"))
    out: str = ""
    device: str = "auto"

    @property
    def work(self) -> Path:
        """The folder with slices, checkpoints and log while it trains."""
        out = Path(self.out)
        return out.with_name(f"{out.name}.training")

    @property
    def unfinished(self) -> bool:
        """Whether a training of this model was begun and can be gone on with."""
        return bool(self.out) and self.work.is_dir() and any(self.work.glob("*.pt"))

    def arguments(self, *, resume: bool = False) -> list[str]:
        """The arguments of ``napari-mid`` that train this."""
        found = ["train", *self.plates]
        if self.plate_map:
            found += ["--plate-map", self.plate_map]
        found += [f"--roles={name}={role}" for name, role in self.roles]
        found += [*self.reading, f"--label={self.label}", "--classes", *self.classes]
        if self.channels:
            found += ["--channels", *self.channels]
        found += ["--preset", self.preset]
        if self.device != "auto":
            found += ["--device", self.device]
        before = preset_settings(self.preset, pretrained=self.settings.pretrained)
        for field in dataclasses.fields(TrainingSettings):
            value = getattr(self.settings, field.name)
            option = field.name.replace("_", "-")
            if field.name == "pretrained":
                found += ["--pretrained"] if value else []
            elif value != getattr(before, field.name):
                found += [f"--{'' if value else 'no-'}{option}"] if isinstance(value, bool) else [f"--{option}={value}"]
        found += ["--out", self.out]
        return [*found, "--resume"] if resume else found

    def facts(self) -> dict[str, Any]:
        """What is kept, to go on another day (JSON)."""
        return dataclasses.asdict(self)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> TrainingPlan | None:
        """The plan that was kept as `facts`; None where they make no sense any more."""
        try:
            settings = TrainingSettings(**facts["settings"])
            texts = {name: str(facts[name]) for name in ("plate_map", "label", "preset", "out", "device")}
            lists = {name: tuple(map(str, facts[name])) for name in ("plates", "classes", "channels", "reading")}
            roles = tuple((str(name), str(role)) for name, role in facts["roles"])
        except (KeyError, TypeError, ValueError):
            return None
        if texts["preset"] not in PRESETS:
            return None
        return cls(**texts, **lists, roles=roles, settings=settings)  # type: ignore[arg-type]


def preset_settings(preset: str, *, pretrained: bool = False) -> TrainingSettings:
    """The settings that the command starts from."""
    values = dict(PRESETS[preset])
    if pretrained:
        values |= {"pretrained": True, "learning_rate": PRETRAINED_RATE}
    return TrainingSettings(**values)


def reading_options(plate: Plate) -> tuple[str, ...]:
    """Options with which the command reads `plate` as the window does."""
    reading = plate.reading
    found: list[str] = []
    if reading.time is not None:
        found += ["--time-point", str(reading.time)]
    if reading.z is not None:
        found += ["--focal-plane", str(reading.z)]
    if reading.flat_field != ("index" if any(plate.index_flat_fields) else "off"):
        found += ["--flat-field", reading.flat_field]
    return tuple(found)


def given_map(plate: Plate) -> str:
    """The file of the plate map of `plate` where somebody gave it, and the command would not find it by itself; else empty.

    It looks at the disk.
    """
    if plate.plate_map is None or plate.plate_map.path.suffix.casefold() not in TABLES:
        return ""
    path = os.path.abspath(plate.plate_map.path)
    beside = plate_map_beside(plate.path)
    return "" if beside is not None and os.path.abspath(beside) == path else path


@dataclass(frozen=True)
class ClassCount:
    """A value of the label column, its wells with images, and how many compounds they hold."""

    name: str
    wells: int
    compounds: int


def class_counts(plates: Sequence[Plate], label: str) -> list[ClassCount]:
    """The values of the column `label` over all `plates`, sorted."""
    wells: dict[str, int] = {}
    compounds: dict[str, set[str]] = {}
    for plate in plates:
        for well in plate.wells.values():
            value = well.condition.get(label)
            if value is None or not well.has_images:
                continue
            wells[str(value)] = wells.get(str(value), 0) + 1
            of_class = compounds.setdefault(str(value), set())
            if well.condition.get("compound") is not None:
                of_class.add(str(well.condition["compound"]))
    return [ClassCount(name, wells[name], len(compounds[name])) for name in sorted(wells)]


def label_columns(plates: Sequence[Plate]) -> tuple[str, ...]:
    """Columns that a model may learn: those of the plate maps with two or more values, the likeliest first."""
    columns = list(dict.fromkeys(column for plate in plates if plate.plate_map for column in plate.plate_map.columns))
    counts = {column: len(class_counts(plates, column)) for column in columns}
    several = [column for column in columns if counts[column] >= 2]
    likely = [column for column in several if counts[column] <= MOST_CLASSES and column not in NOT_LABELS]
    likely.sort(key=lambda column: column == "role")
    return (*likely, *(column for column in columns if column not in likely))


def likely_classes(counts: Sequence[ClassCount]) -> tuple[str, ...]:
    """The values that are told apart unless the user says otherwise, the positive one last."""
    names = [count.name for count in counts]
    if {"negative_control", "positive_control"} <= set(names):
        return ("negative_control", "positive_control")
    if len(names) > MOST_CLASSES:
        return ()
    positive = next((name for name in names if name.casefold() in POSITIVE), names[-1] if names else "")
    return (*(name for name in names if name != positive), *([positive] if positive else []))


@dataclass(frozen=True)
class Findings:
    """What keeps a plan from being trained, empty where nothing does, and what a person should know before."""

    problem: str = ""
    cautions: tuple[str, ...] = ()


def check_steps(plan: TrainingPlan, plates: Sequence[Plate]) -> Steps[Findings]:
    """Check the `plan` without reading an image: it imports torch, so it does not belong into the main thread."""
    yield Progress("checking the labels", 0, 0)
    return check_plan(plan, plates)


def check_plan(plan: TrainingPlan, plates: Sequence[Plate]) -> Findings:
    """What is wrong with training `plan` on the opened `plates`, as the command would find."""
    lacking = _lacking(plan, plates)
    if lacking:
        return Findings(lacking)
    from napari_mid.model.folder import CONFIG, check_model_path
    from napari_mid.settings import check
    from napari_mid.training.leaks import confounders
    from napari_mid.workflow.train_wells import choose_wells

    try:
        check(plan.settings)
        if plan.settings.width % plan.settings.heads:
            raise MidError(f"The width {plan.settings.width} is not divisible by {plan.settings.heads} heads; see Advanced.")
        chosen = choose_wells(plates, plan.label, plan.classes, plan.channels, plan.settings)
        out = Path(plan.out)
        check_model_path(out)
    except MidError as error:
        return Findings(" ".join(str(error).split()))
    wells = [(plate, well) for plate, well, _ in chosen.wells]
    cautions = [*chosen.doubts, *confounders(wells, [one.label for _, _, one in chosen.wells], chosen.classes)]
    if (out / CONFIG).is_file():
        cautions.append(f"{out.name} holds a model, which the new one will replace.")
    return Findings("", tuple(cautions))


def _lacking(plan: TrainingPlan, plates: Sequence[Plate]) -> str:
    """What was not chosen yet, in the order of the panel."""
    if not plates:
        return "Open a plate, or add one, to train on."
    maps = {given_map(plate) for plate in plates}
    without = next((plate.name for plate in plates if plate.plate_map is None), None)
    if without is not None:
        return f"Plate {without} has no plate map, which must say the label of each well: press Plate map…"
    if len(maps) > 1:
        return "The plates have plate maps in different files: press Plate map… and give one file that is about all of them."
    if not plan.label:
        return "The plate map has no column with two values or more, so there is nothing to learn."
    if len(plan.classes) < 2:
        return f"Check two values of {plan.label} or more: a model tells classes apart."
    if not plan.channels:
        return "Check a channel or more that the model is to see."
    if not plan.out:
        return "Choose the folder into which the model is written."
    return "" if Path(plan.out).parent.is_dir() else f"The folder {Path(plan.out).parent} is not there; choose another one."
