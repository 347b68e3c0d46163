"""Many wells of a plate, one after the other, and the tables they become."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import json
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from napari_mid.cells.device import AUTO, device_label, pick_device
from napari_mid.cells.nuclei import Nuclei
from napari_mid.cells.settings import DetectionSettings
from napari_mid.errors import MidError
from napari_mid.files import atomic_path, write_json
from napari_mid.images.intensity import estimate_intensity_range
from napari_mid.inference.controls import percentiles_among_controls
from napari_mid.inference.embedding_cache import EmbeddingCache
from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.inference.trust_settings import TrustSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps
from napari_mid.workflow.contract import PlateFit, fit
from napari_mid.workflow.encode_well import fields_of
from napari_mid.workflow.field_store import FieldStore
from napari_mid.workflow.relevance import Explainer, curves_table, trust_columns
from napari_mid.workflow.score_well import model_detection, score_well_steps

#: `call` of a well whose images cannot be read.
UNREADABLE = "unreadable"
#: Key of the run record: whether the tables were written both as CSV and as Parquet.
BOTH = "both_formats"


@dataclasses.dataclass(frozen=True)
class PlateResult:
    """Results of the wells of a plate.

    Parameters
    ----------
    results
        In the order scored, without their embeddings.
    failed
        Well to the sentence that says why it has no result.
    run
        The run record: versions, device, settings, model, seconds per step.
    trust
        What was asked for beside the scores.
    """

    plate: Plate
    results: tuple[WellResult, ...]
    failed: dict[str, str]
    run: dict[str, Any]
    trust: TrustSettings = dataclasses.field(default_factory=TrustSettings)


def score_plate_steps(
    plate: Plate,
    wells: Sequence[Well],
    model: MidModel,
    *,
    settings: ScoringSettings | None = None,
    detection: DetectionSettings | None = None,
    nuclei: Mapping[str, Mapping[int, Nuclei]] | None = None,
    device: str = AUTO,
    trust: TrustSettings | None = None,
    cache: EmbeddingCache | None = None,
) -> Steps[PlateResult]:
    """Score `wells`; a well that cannot be read is recorded as failed and the others go on.

    What `trust` asks for is worked out of every well while its embeddings are at hand.

    Embeddings are kept in `cache` where there is one, and taken from it instead of reading cells again.

    Where `nuclei` are given, by well and field, none are located: a well without any has no cells, and a warning that says so.

    Raises
    ------
    MidError
        If the plate does not fit the model, or there is nothing that a measure compares with.
    """
    settings = settings or ScoringSettings()
    fitted = fit(plate, model, rescale=settings.rescale)  # says what does not fit before any pixel is read
    explainer = Explainer(wells, model, settings, trust or TrustSettings())
    start = time.perf_counter()
    intensity = yield from estimate_intensity_range(plate)
    seconds = {"intensity": time.perf_counter() - start}
    results: list[WellResult] = []
    failed: dict[str, str] = {}
    ordered = explainer.in_order(wells)
    with _ReadAhead(fitted, [well.name for well in ordered]) as ahead:
        for done, well in enumerate(ordered):
            yield Progress("scoring wells", done, len(wells), well.name)
            steps = score_well_steps(
                plate,
                well.name,
                model,
                intensity=intensity,
                nuclei=None if nuclei is None else nuclei.get(well.name, {}),
                settings=settings,
                detection=detection,
                device=device,
                cache=cache,
                store=ahead.take(well.name),
                images_read=partial(ahead.begin_after, well.name),
            )
            try:
                while True:
                    progress = next(steps)
                    yield Progress("scoring wells", done, len(wells), f"{well.name}, {progress.detail}")
            except StopIteration as stop:
                result: WellResult | None = stop.value
            except MidError as error:
                result, failed[well.name] = None, str(error)
            if result is not None and nuclei is not None and not nuclei.get(well.name):
                told = f"{_source(nuclei).get('table', 'the table')} has no nuclei in {well.name}"
                result = dataclasses.replace(result, warnings=(told, *result.warnings))
            begun = time.perf_counter()
            for explained in (yield from explainer.add_steps(well.name, result)):
                # the embeddings of a whole screen would not fit into memory, the tables do not need them; a slice would keep them
                results.append(dataclasses.replace(explained, embeddings=explained.embeddings[:0].copy()))
            seconds["explain"] = seconds.get("explain", 0.0) + time.perf_counter() - begun
            for step, spent in (result.seconds if result is not None else {}).items():
                seconds[step] = seconds.get(step, 0.0) + spent
    places = {well.name: place for place, well in enumerate(wells)}
    results.sort(key=lambda scored: places[scored.well])
    yield Progress("scoring wells", len(wells), len(wells))
    seconds["total"] = time.perf_counter() - start
    run = run_record(plate, model, settings, detection or model_detection(model), device, seconds)
    run["settings"]["precision"] = sorted({str(result.settings["precision"]) for result in results})
    run["settings"]["trust"] = dataclasses.asdict(explainer.wanted)
    run["intensity_range"] = intensity.by_name(plate)
    if nuclei is not None:
        run["settings"]["detection"] = _source(nuclei)
    return PlateResult(plate, tuple(results), failed, run, explainer.wanted)


class _ReadAhead:
    """Reads the first fields of a well while the sets of the one before are read, so that the disk does not wait for these."""

    def __init__(self, fitted: PlateFit, wells: list[str]) -> None:
        self._fitted = fitted
        self._following = dict(itertools.pairwise(wells))
        self._coming: dict[str, FieldStore] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for store in self._coming.values():
            store.close()

    def begin_after(self, well: str) -> None:
        """The images of `well` are let go: read those of the one that follows."""
        if well in self._following:
            following = self._following[well]
            store = self._coming[following] = fields_of(self._fitted, following)
            store.begin()

    def take(self, well: str) -> FieldStore | None:
        """What is being read of `well`; whoever takes it closes it. None where nothing is."""
        return self._coming.pop(well, None)


def _source(nuclei: Mapping[str, Mapping[int, Nuclei]]) -> dict[str, Any]:
    """Where nuclei that were given come from."""
    first = next((found for fields in nuclei.values() for found in fields.values()), None)
    return {} if first is None else {"detector": first.detector, **first.settings}


def wells_table(plate_result: PlateResult) -> pd.DataFrame:
    """A row per well: score with interval, call, number of cells, warnings, the plate map's columns, and how far to trust it."""
    plate = plate_result.plate
    rows = []
    by_well = {result.well: result for result in plate_result.results}
    reading = plate.reading_columns()
    percentiles = percentiles_among_controls(plate_result.results)
    for name in sorted([*by_well, *plate_result.failed], key=list(plate.wells).index):
        result = by_well.get(name)
        row: dict[str, Any] = {"Metadata_Plate": plate.name, "Metadata_Well": name, **reading}
        if result is None:
            row |= {"score": None, "score_low": None, "score_high": None, "call": UNREADABLE, "n_cells": 0}
            row["warnings"] = plate_result.failed[name]
        else:
            row |= {
                "score": result.score,
                "score_low": result.score_low,
                "score_high": result.score_high,
                "call": result.call,
                "n_cells": result.n_cells - int(result.excluded.sum()),
                "warnings": "; ".join(result.warnings),
            }
        row |= {column: value for column, value in plate.wells[name].condition.items() if column not in row}
        if result is not None:
            row |= {"n_excluded": int(result.excluded.sum()), "percentile_controls": percentiles[name]}
            row |= trust_columns(result, plate_result.trust)
            row |= probability_columns(result)
        rows.append(row)
    return pd.DataFrame(rows)


def probability_columns(result: WellResult) -> dict[str, float]:
    """The probability of every class where a model has more than two; of two, the score says it."""
    if len(result.classes) < 3:
        return {}
    return {f"probability_{name}": float(value) for name, value in zip(result.classes, result.probabilities, strict=True)}


def cells_table(plate_result: PlateResult) -> pd.DataFrame:
    """A row per cell of every scored well: `CELL_COLUMNS` and how the plate was read."""
    tables = [result.cells for result in plate_result.results if result.n_cells]
    cells = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(CELL_COLUMNS))
    return cells.assign(**plate_result.plate.reading_columns())


def write_results(plate_result: PlateResult, out: Path, *, both_formats: bool = False) -> None:
    """Write ``wells.csv``, ``cells.parquet`` and ``run.json``, and ``curves.csv`` if asked for, into the folder `out`.

    With `both_formats` the two tables are written as ``wells.parquet`` and ``cells.csv``, too, and the run record says so; those
    that an earlier run wrote go. A table of this name that no run wrote stays.
    """
    wells, cells = wells_table(plate_result), cells_table(plate_result)
    twice = out / "wells.parquet", out / "cells.csv"
    if _wrote_both(out):
        for path in twice:
            path.unlink(missing_ok=True)
    with atomic_path(out / "wells.csv") as path:
        wells.to_csv(path, index=False)
    with atomic_path(out / "cells.parquet") as path:
        cells.to_parquet(path, index=False)
    if plate_result.trust.curves is not None:
        with atomic_path(out / "curves.csv") as path:
            curves_table(plate_result.results, plate_result.trust.curves).to_csv(path, index=False)
    write_json(out / "run.json", plate_result.run | {BOTH: both_formats})
    if both_formats:
        with atomic_path(twice[0]) as path:
            _of_one_kind(wells).to_parquet(path, index=False)
        with atomic_path(twice[1]) as path:
            cells.to_csv(path, index=False)


def _wrote_both(out: Path) -> bool:
    """Whether the run whose results are in `out` wrote its tables in both formats."""
    try:
        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(run, dict) and run.get(BOTH) is True


def _of_one_kind(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with columns of numbers and words together, as a plate map that was made in Python may have, as words.

    Parquet knows one kind in a column.
    """
    kinds = {name: pd.api.types.infer_dtype(table[name], skipna=True) for name in table.columns}
    return table.astype({name: "string" for name, kind in kinds.items() if kind in ("mixed", "mixed-integer")})


def run_record(
    plate: Plate, model: MidModel, settings: ScoringSettings, detection: DetectionSettings, device: str, seconds: dict[str, float]
) -> dict[str, Any]:
    """What a run is known by: versions, device, plate, model, settings and seconds per step."""
    packages = ("napari-mid", "torch", "timm", "numpy", "scikit-image", "tifffile")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}},
        "device": device_label(pick_device(device)),
        "plate": {"name": plate.name, "path": str(plate.path), "format": plate.format, "simulated": plate.simulated},
        "model": {
            "name": model.config.name,
            "hash": model.hash,
            "classes": list(model.config.classes),
            "simulated": model.config.simulated,
            "path": str(model.path) if model.path is not None else None,
        },
        "settings": {
            "scoring": dataclasses.asdict(settings),
            "detection": dataclasses.asdict(detection),
            "roles": {channel.name: channel.role for channel in fit(plate, model).plate.channels},
            "reading": plate.reading.facts(),
            "slice_px": model.config.slice_px,
            "normalisation": model.config.normalisation,
            "threshold": model.config.threshold,
            "temperature": model.config.temperature,
        },
        "seconds": {step: round(spent, 3) for step, spent in seconds.items()},
    }
