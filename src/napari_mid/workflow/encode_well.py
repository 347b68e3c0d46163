"""From a well's files to its cells: a table row and an embedding each, every slice encoded once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_mid.cells.cores import stream_over_cores
from napari_mid.cells.focus import sharpness
from napari_mid.cells.from_tables import inside_image
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.slices import FieldSlices, touches_border
from napari_mid.errors import ImageReadError
from napari_mid.images.intensity import IntensityRange
from napari_mid.images.well_images import WellImages
from napari_mid.inference.embedding_cache import EMBEDDINGS, EmbeddingCache
from napari_mid.inference.encoder import encoder_for
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.contract import PlateFit, bits_of, depth_warning
from napari_mid.workflow.field_store import FieldStore
from napari_mid.workflow.locate import Look, given_once, locate_steps
from napari_mid.workflow.resampling import resampled


@dataclasses.dataclass(frozen=True)
class WellCells:
    """The cells of a well.

    Parameters
    ----------
    table
        A row per cell, without what scoring adds.
    embeddings
        (N, D) float32.
    warnings
        One sentence each.
    precision
        What the encoder computed with; empty where the embeddings were known from before.
    """

    table: pd.DataFrame
    embeddings: NDArray[np.float32]
    warnings: tuple[str, ...]
    precision: str = ""


class Clock:
    """Adds up seconds per step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._within: list[float] = []

    @contextmanager
    def time(self, step: str, store: FieldStore | None = None) -> Iterator[None]:
        """Add the time that the block takes to `step`, but not that of steps within it, nor waiting for `store`, ``"read"``."""
        start, waited = time.perf_counter(), 0.0 if store is None else store.waited
        self._within.append(0.0)
        try:
            yield
        finally:
            spent, within = time.perf_counter() - start, self._within.pop()
            if self._within:
                self._within[-1] += spent
            read = 0.0 if store is None else store.waited - waited
            self.seconds[step] = self.seconds.get(step, 0.0) + spent - within - read
            if store is not None:
                self.seconds["read"] = self.seconds.get("read", 0.0) + read


@dataclasses.dataclass(frozen=True)
class Encoding:
    """What a well is encoded with, and where.

    Parameters
    ----------
    fitted, model
        The plate as the model sees it; the model on `device`, in evaluation mode.
    intensity
        The plate's.
    detection
        How nuclei are located where they are not given.
    settings
        Precision and batch size.
    device
        Where to compute.
    cache
        Where embeddings are kept; nowhere where None.
    """

    fitted: PlateFit
    model: MidModel
    intensity: IntensityRange
    detection: DetectionSettings
    settings: ScoringSettings
    device: torch.device
    cache: EmbeddingCache | None = None

    def facts(self) -> dict[str, Any]:
        """All that the embeddings depend on beside the pixels and given nuclei."""
        limits = [self.intensity.limits(channel) for channel in self.fitted.channels]
        return {
            "model": self.model.hash,
            "slice_px": self.model.config.slice_px,
            "normalisation": self.model.config.normalisation,
            "limits": limits if self.model.config.normalisation == "plate" else [],
            "detection": dataclasses.asdict(self.detection),
            "pixel_size_um": self.fitted.plate.pixel_size_um,
            "scale": self.fitted.scale,
            "precision": self.settings.precision,
            "engine": self.settings.engine,
        }


def fields_of(fitted: PlateFit, well: str, images: WellImages | None = None) -> FieldStore:
    """The pixels of `well` that `encode_well_steps` needs; `images` where they are in memory already."""
    return FieldStore(fitted.plate[well], _channels(fitted), images)


def _channels(fitted: PlateFit) -> list[int]:
    """The channels of the model, and after them the one in which nuclei are located if it is none of these."""
    return [*fitted.channels] if fitted.nucleus in fitted.channels else [*fitted.channels, fitted.nucleus]


def encode_well_steps(
    encoding: Encoding,
    well: str,
    images: WellImages | None,
    nuclei: Mapping[int, Nuclei] | None,
    clock: Clock,
    store: FieldStore | None = None,
) -> Steps[WellCells]:
    """Read the fields of `well`, locate nuclei where none are given, cut slices and encode each once.

    The fields come from `store`, one of `fields_of`, where they are being read already; it is closed at the end. They are read
    in threads ahead of what the device works on. Those that cannot be read are left out with a warning.

    Raises
    ------
    ImageReadError
        If no field can be read.
    """
    fitted = encoding.fitted
    opened = fitted.plate[well]
    warnings: list[str] = []
    with store or fields_of(fitted, well, images) as reading:
        # a model in training has no hash that its embeddings could be kept under
        cache, key = encoding.cache if encoding.model.hash else None, ""
        if cache is not None:
            yield Progress(f"scoring {well}", 0, 1, "looking for kept embeddings")
            with clock.time("key", reading):
                key = cache.key(_content(reading, nuclei), encoding.facts())
            kept = cache.get(key)
            if kept is not None:
                return _from_cache(*kept, fitted.plate.name, well)
        if nuclei is None:
            nuclei = yield from _locate(encoding, well, reading, _channels(fitted).index(fitted.nucleus), warnings, clock)
        else:
            nuclei = given_once(opened, nuclei, lambda number: reading.pixels(number).shape, warnings)
        cells = yield from _encode(encoding, well, reading, nuclei, warnings, clock)
    if cache is not None:
        cells = dataclasses.replace(cells, embeddings=cache.rounded(cells.embeddings))
        cache.put(key, {**_columns(cells.table), EMBEDDINGS: cells.embeddings}, {"warnings": cells.warnings})
    return cells


def _locate(
    encoding: Encoding, well: str, store: FieldStore, nucleus: int, warnings: list[str], clock: Clock
) -> Steps[dict[int, Nuclei]]:
    """The nuclei of the fields; steps of `locate_steps` are timed, what it reads is not counted twice."""
    fitted = encoding.fitted
    steps = locate_steps(
        fitted.plate[well],
        store.numbers,
        lambda number: store.pixels(number)[nucleus],
        Look(encoding.detection, encoding.device),
        pixel_size_um=fitted.plate.pixel_size_um,
        channel=fitted.plate.channels[fitted.nucleus].name,
        warnings=warnings,
    )
    while True:
        with clock.time("detect", store):
            try:
                progress = next(steps)
            except StopIteration as stop:
                found: dict[int, Nuclei] = stop.value
                return found
        yield Progress(f"scoring {well}", progress.done, 2 * progress.total, progress.detail)


def _encode(
    encoding: Encoding, well: str, store: FieldStore, nuclei: Mapping[int, Nuclei], warnings: list[str], clock: Clock
) -> Steps[WellCells]:
    fitted, config = encoding.fitted, encoding.model.config
    encoder = encoder_for(encoding.model, encoding.device, encoding.settings)
    told = len(encoder.notes)
    cutter = _Cutter(encoding, well, store, nuclei, clock)
    # a model that does not see the nuclear stain sees cells, which are blurred as well
    stain = fitted.channels.index(fitted.nucleus) if fitted.nucleus in fitted.channels else 0

    def read(cut: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        slices = cut()
        return encoder(slices), sharpness(slices[:, stain])

    n_cells = sum(len(nuclei[number]) for number in cutter.numbers)
    batches = in_batches(cutter.fields(), encoder.at_once)
    # parts stay on the device, so that it need not be waited for
    parts = [(torch.empty((0, config.width)), torch.empty(0))]
    done = 0
    with closing(stream_over_cores(read, batches, most=None if encoder.one_core else 1)) as reading:
        while True:
            with clock.time("encode"), torch.inference_mode():
                part = next(reading, None)
            if part is None:
                break
            parts.append(part)
            done += len(part[0])
            yield Progress(f"scoring {well}", n_cells + done, 2 * n_cells, f"{done} of {n_cells} cells read")
    with clock.time("encode"):
        together, sharpnesses = (
            torch.cat([part.to(encoding.device) for part in some]).cpu().numpy() for some in zip(*parts, strict=True)
        )
    warnings += cutter.warnings
    if cutter.numbers and not cutter.readable:
        raise ImageReadError(f"No field of well {well} of plate {fitted.plate.name} can be read: {warnings[0]}")
    tables = cutter.tables or [cell_rows(fitted.plate.name, no_nuclei(well), 0, (0, 0))]
    warnings += depth_warning(encoding.model, cutter.bits)
    table = pd.concat(tables, ignore_index=True).assign(sharpness=sharpnesses.astype(np.float64))
    return WellCells(table, together, (*warnings, *encoder.notes[told:]), encoder.precision)


class _Cutter:
    """Makes the fields of a well ready to cut slices from, one after the other, and notes what it meets on the way."""

    def __init__(self, encoding: Encoding, well: str, store: FieldStore, nuclei: Mapping[int, Nuclei], clock: Clock) -> None:
        self.encoding, self.well, self.store, self.nuclei, self.clock = encoding, well, store, nuclei, clock
        self.numbers = [number for number in store.numbers if number in nuclei]
        self.tables: list[pd.DataFrame] = []
        self.warnings: list[str] = []
        self.readable = self.bits = 0

    def fields(self) -> Iterator[FieldSlices]:
        """The fields that can be read; their slices are in the order of the rows of `tables`."""
        for number in self.numbers:
            with self.clock.time("cut", self.store):
                try:
                    field = self._field(number)
                except ImageReadError as error:
                    self.warnings.append(str(error))
                    continue
            yield field

    def _field(self, number: int) -> FieldSlices:
        fitted, config = self.encoding.fitted, self.encoding.model.config
        low, high = zip(*(self.encoding.intensity.limits(channel) for channel in fitted.channels), strict=True)
        planes = self.store.pixels(number)[: len(fitted.channels)]
        self.readable, self.bits = self.readable + 1, max(self.bits, bits_of(planes))
        found, outside = inside_image(self.nuclei[number], planes.shape)
        if outside:
            key = fitted.plate[self.well].fields[number].key
            self.warnings.append(f"{outside} of the nuclei given for {key} lie outside its image and are left out")
        self.tables.append(cell_rows(fitted.plate.name, found, round(config.slice_px / fitted.scale), planes.shape))
        on_device = torch.from_numpy(planes).to(self.encoding.device, non_blocking=True)
        on_device, centroids = resampled(on_device, found.centroids, fitted.scale)
        return FieldSlices(on_device, centroids, config.slice_px, low, high, config.normalisation)


def in_batches(fields: Iterable[FieldSlices], size: int) -> Iterator[Callable[[], torch.Tensor]]:
    """The slices of `fields` in batches of `size`; only the last one may have fewer, so that no core waits at the end of a field.

    What lies in one field is cut when the batch is called, by whoever calls it; the ends of fields are cut before, so that few
    cells in many fields do not keep all of these in memory.
    """
    waiting: list[torch.Tensor] = []
    n = 0
    for field in fields:
        start = 0
        while start < len(field):
            if not n and len(field) - start >= size:
                yield partial(field.cut, start, start + size)
                start += size
                continue
            part = field.cut(start, start + size - n)
            waiting.append(part)
            start, n = start + len(part), n + len(part)
            if n == size:
                yield partial(torch.cat, waiting)
                waiting, n = [], 0
    if n:
        yield partial(torch.cat, waiting)


def cell_rows(plate: str, nuclei: Nuclei, size_px: int, shape: tuple[int, ...]) -> pd.DataFrame:
    """A row per nucleus of a field of `shape` (..., Y, X), with slices of `size_px`."""
    return pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": nuclei.well,
            "Metadata_Site": nuclei.field,
            "Nuclei_Location_Center_X": nuclei.centroids[:, 1],
            "Nuclei_Location_Center_Y": nuclei.centroids[:, 0],
            "Nuclei_AreaShape_Area": nuclei.area_px,
            "touches_border": touches_border(nuclei.centroids, size_px, shape),
        },
        index=pd.RangeIndex(len(nuclei)),
    )


def no_nuclei(well: str) -> Nuclei:
    """Those of a well in which none are known."""
    return Nuclei(well, 0, np.empty((0, 2)), np.empty(0), np.empty(0), "")


def _content(store: FieldStore, nuclei: Mapping[int, Nuclei] | None) -> Iterator[NDArray[Any]]:
    """The pixels of the fields that can be read, and the nuclei that are given."""
    for number in store.numbers:
        yield np.array([number])
        try:
            yield store.pixels(number)
        except ImageReadError:
            continue
    for number, found in sorted((nuclei or {}).items()):
        yield np.array([number])
        yield found.centroids


def _columns(table: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """What is kept of the table: not the plate's and the well's names, under which the same images may be read again."""
    return {name: table[name].to_numpy() for name in table.columns if name not in ("Metadata_Plate", "Metadata_Well")}


def _from_cache(arrays: dict[str, NDArray[Any]], facts: Mapping[str, Any], plate: str, well: str) -> WellCells:
    embeddings = arrays.pop(EMBEDDINGS)
    table = pd.DataFrame({"Metadata_Plate": plate, "Metadata_Well": well, **arrays}, index=pd.RangeIndex(len(embeddings)))
    order = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Nuclei_Location_Center_X", "Nuclei_Location_Center_Y"]
    return WellCells(
        table[[*order, *(name for name in table.columns if name not in order)]], embeddings, tuple(facts["warnings"])
    )
