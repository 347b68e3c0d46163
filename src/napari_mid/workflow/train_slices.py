"""The slices of the wells that a model learns from: cut once, kept in files, found again by what they were cut from."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.slices import slice_batches
from napari_mid.errors import ImageReadError, TrainingError
from napari_mid.files import atomic_path, write_json
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps
from napari_mid.training.bags import Assignment, LabelledBags
from napari_mid.training.leaks import confounders
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import Slices, stored
from napari_mid.workflow.contract import bits_of, disc_diameter
from napari_mid.workflow.field_store import FieldStore
from napari_mid.workflow.locate import Look, locate_steps
from napari_mid.workflow.train_wells import ChosenWells

STEP = "cutting cells"
#: Part of every key: raise it where the meaning of a file changes.
VERSION = 1


@dataclasses.dataclass(frozen=True)
class CutCells:
    """What was cut.

    Parameters
    ----------
    bags
        The cells, and where they belong.
    bits
        Of a pixel of the images; None where not known.
    nucleus_px
        Median diameter of the nuclei; None where there is none.
    digest
        Stands for all of it: other images or nuclei have another.
    warnings
        One sentence each.
    confounded
        Sentences on what else the class goes with; they belong on the card.
    """

    bags: LabelledBags
    bits: int | None
    nucleus_px: float | None
    digest: str
    warnings: tuple[str, ...]
    confounded: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _CutWell:
    """The file with the slices of a well, how many there are, the areas of their nuclei, and the bits of its pixels."""

    path: Path
    n_cells: int
    area_px: list[float]
    bits: int
    warnings: list[str]


def cut_steps(
    chosen: ChosenWells,
    plates: Sequence[Plate],
    settings: TrainingSettings,
    detection: DetectionSettings,
    place: torch.device,
    folder: Path,
) -> Steps[CutCells]:
    """Locate the nuclei of the chosen wells, as scoring does, and cut their slices into files in `folder`.

    A well that was cut before from the same images in the same way is not cut again.

    Raises
    ------
    TrainingError
        If the files cannot be written.
    """
    cutters: dict[int, _Cutter] = {}
    for plate in plates:
        intensity = yield from estimate_intensity_range(plate)
        cutters[id(plate)] = _Cutter(plate, chosen, intensity, settings, detection, place, folder)
    cut: list[_CutWell] = []
    try:
        for done, (plate, well, _) in enumerate(chosen.wells):
            steps = cutters[id(plate)].steps(well)
            found = yield from _as_one(steps, done, len(chosen.wells), well.name)
            cut.append(found)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = (
            "Make room, or give another folder with --slice-cache; the same command goes on with the wells that are cut."
            if full
            else "Give another folder with --slice-cache."
        )
        raise TrainingError(f"Slices cannot be written to {folder}: {error.strerror or error}. {advice}") from error
    yield Progress(STEP, len(cut), len(cut))
    warnings = [sentence for well in cut for sentence in well.warnings]
    places = [(plate, well) for plate, well, _ in chosen.wells]
    labels = [assignment.label for _, _, assignment in chosen.wells]
    confounded = confounders(places, labels, chosen.classes, [well.n_cells for well in cut])
    areas = np.array([area for well in cut for area in well.area_px])
    areas = areas[np.isfinite(areas) & (areas > 0)]
    return CutCells(
        bags=_bags(chosen, cut),
        bits=max(well.bits for well in cut) or None,
        nucleus_px=round(float(np.median(disc_diameter(areas))), 2) if len(areas) else None,
        digest=hashlib.sha256("".join(well.path.name for well in cut).encode()).hexdigest()[:16],
        warnings=tuple(warnings),
        confounded=tuple(confounded),
    )


def _as_one(steps: Steps[_CutWell], done: int, total: int, name: str) -> Steps[_CutWell]:
    """The steps of one well, told as a part of all wells."""
    yield Progress(STEP, done, total, name)
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            found: _CutWell = stop.value
            return found
        yield Progress(STEP, done, total, f"{name}: {progress.detail}" if progress.detail else name)


class _Cutter:
    """Cuts the wells of a plate."""

    def __init__(
        self,
        plate: Plate,
        chosen: ChosenWells,
        intensity: IntensityRange,
        settings: TrainingSettings,
        detection: DetectionSettings,
        place: torch.device,
        folder: Path,
    ) -> None:
        self.plate, self.settings, self.detection, self.place, self.folder = plate, settings, detection, place, folder
        self.wanted = [plate.channel_index(channel.name) for channel in chosen.channels]
        self.nucleus = plate.role_index("nucleus")
        self.channels = self.wanted if self.nucleus in self.wanted else [*self.wanted, self.nucleus]
        self.low, self.high = zip(*(intensity.limits(channel) for channel in self.wanted), strict=True)

    def steps(self, well: Well) -> Steps[_CutWell]:
        """The slices of `well`; a field that cannot be read is left out with a warning."""
        with FieldStore(well, self.channels) as store:
            key = self._key(well, store)
            path, facts = self.folder / f"{key}.npy", self.folder / f"{key}.json"
            kept = _kept(path, facts)
            if kept is not None:
                return kept
            warnings: list[str] = []
            slices, areas, bits = yield from self._cut(well, store, warnings)
        if not len(slices):
            warnings.append(f"no nuclei were found in {well.name} of plate {self.plate.name}")
        with atomic_path(path) as temporary:
            _save(temporary, slices)
        write_json(facts, {"cells": len(slices), "areas": areas, "bits": bits, "warnings": warnings})
        return _CutWell(path, len(slices), areas, bits, warnings)

    def _cut(self, well: Well, store: FieldStore, warnings: list[str]) -> Steps[tuple[NDArray[Any], list[float], int]]:
        settings, size = self.settings, self.settings.slice_size
        found = [stored(torch.empty((0, len(self.wanted), size, size)), settings.slice_type)]
        areas: list[float] = []
        bits = 0
        try:
            nuclei = yield from locate_steps(
                well,
                store.numbers,
                lambda number: store.pixels(number)[self.channels.index(self.nucleus)],
                Look(self.detection, self.place),
                pixel_size_um=self.plate.pixel_size_um,
                channel=self.plate.channels[self.nucleus].name,
                warnings=warnings,
            )
        except ImageReadError as error:
            warnings.append(str(error))
            nuclei = {}
        chosen = self._sample(well, sum(map(len, nuclei.values())))
        first = 0
        for number, of_field in sorted(nuclei.items()):
            here = chosen[(chosen >= first) & (chosen < first + len(of_field))] - first
            first += len(of_field)
            pixels = store.pixels(number)[: len(self.wanted)]
            bits = max(bits, bits_of(pixels))
            areas += [round(float(area), 1) for area in of_field.area_px if np.isfinite(area)]
            on_device = torch.from_numpy(pixels).to(self.place)
            cut = slice_batches(on_device, of_field.centroids[here], size, self.low, self.high, settings.normalisation)
            found += [stored(batch, settings.slice_type) for batch in cut]
        return np.concatenate(found), areas, bits

    def _sample(self, well: Well, n_cells: int) -> NDArray[np.int64]:
        """Numbers of the cells of a well that are used: all, or a random sample."""
        if n_cells <= self.settings.cells_per_well:
            return np.arange(n_cells)
        seed = int(hashlib.sha256(f"{self.plate.name} {well.name}".encode()).hexdigest()[:8], 16)
        return np.sort(np.random.default_rng((self.settings.seed, seed)).permutation(n_cells)[: self.settings.cells_per_well])

    def _key(self, well: Well, store: FieldStore) -> str:
        settings = self.settings
        facts = {
            "version": VERSION,
            "well": [self.plate.name, well.name],
            "channels": [self.wanted, self.nucleus],
            "slice": [settings.slice_size, settings.normalisation, settings.slice_type, settings.cells_per_well, settings.seed],
            "limits": [self.low, self.high] if settings.normalisation == "plate" else [],
            "detection": dataclasses.asdict(self.detection),
            "reading": [*self.plate.reading.facts().values(), self.plate.pixel_size_um],
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        for part in _content(well, store):
            digest.update(part)
        return digest.hexdigest()[:32]


def _content(well: Well, store: FieldStore) -> Iterator[bytes]:
    """What stands for the images of a well: name, size and time of their files, or the pixels where these are no plain files."""
    for number in store.numbers:
        planes = well.fields[number].planes
        if planes and all(isinstance(plane.path, Path) and plane.path.is_file() for plane in planes):
            for plane in planes:
                facts = plane.path.stat()
                named = [str(plane.path), facts.st_size, facts.st_mtime_ns, plane.channel, plane.z, plane.time, plane.page]
                yield json.dumps(named).encode()
        else:
            try:
                yield np.ascontiguousarray(store.pixels(number)).tobytes()
            except ImageReadError as error:
                yield str(error).encode()


def _save(path: Path, array: NDArray[Any]) -> None:
    """As `np.save`, whose own way to write does not say that it is for want of space that it failed."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(np.ascontiguousarray(array).data)


def _kept(path: Path, facts: Path) -> _CutWell | None:
    """What was cut before; None where it was not, or not to the end."""
    try:
        content = json.loads(facts.read_text(encoding="utf-8"))
        n_cells = content["cells"]
        if n_cells and len(np.load(path, mmap_mode="r")) != n_cells:  # no empty file can be mapped
            return None
        return _CutWell(path, n_cells, content["areas"], content["bits"], content["warnings"])
    except (OSError, ValueError, KeyError):
        return None


def _bags(chosen: ChosenWells, cut: Sequence[_CutWell]) -> LabelledBags:
    numbers: dict[tuple[str, int], int] = {}
    bags: list[Assignment] = []
    wells: list[list[str]] = []
    bag_of_cell: list[NDArray[np.int64]] = []
    for (plate, well, assignment), found in zip(chosen.wells, cut, strict=True):
        # a bag has one label: doses of a compound with different labels are different bags
        number = numbers.setdefault((assignment.bag, assignment.label), len(numbers))
        if number == len(bags):
            bags.append(assignment)
            wells.append([])
        wells[number].append(f"{plate.name} {well.name}")
        bag_of_cell.append(np.full(found.n_cells, number, dtype=np.int64))
    names = [bag.bag for bag in bags]
    return LabelledBags(
        slices=Slices([(found.path, found.n_cells) for found in cut if found.n_cells]),
        bag_of_cell=np.concatenate(bag_of_cell),
        names=tuple(f"{bag.bag} ({chosen.classes[bag.label]})" if names.count(bag.bag) > 1 else bag.bag for bag in bags),
        groups=tuple(bag.group for bag in bags),
        labels=np.array([bag.label for bag in bags], dtype=np.int64),
        classes=chosen.classes,
        split_unit=chosen.split_unit,
        wells=tuple(tuple(of_bag) for of_bag in wells),
    )
