"""The bench's figures of the engine: encoding, a well from files to result, the authors' procedure, re-scoring, memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.slices import cut_slices
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import IntensityRange, estimate_intensity_range
from napari_mid.inference.encoder import Encoder, encoder_for
from napari_mid.inference.result import WellResult
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.folder import load_model
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate, Well
from napari_mid.progress import Progress, Steps, finish
from napari_mid.workflow.bench.measured import Measured, peak_above_start_mb, take_turns
from napari_mid.workflow.contract import fit
from napari_mid.workflow.rescore import rescore
from napari_mid.workflow.score_well import model_detection, score_well

#: Slices at once in plain torch; the fastest of several tried on two cores.
PLAIN_BATCH = 64
#: Sets of the authors' procedure that are really read; the others would take as long each.
AUTHORS_SETS, AUTHORS_SIZE = 50, 400
#: Standard error at which the early stop is measured.
STOP_AT = 0.01
#: Cells of the bag that is re-scored.
RESCORED = 4000
#: So often the large well is scored: memory that was freed is used again, but the second time may still need more than the first.
SCORED = (2, 5)
#: Slices of a well on which plain float32 and the low precision are compared.
COMPARED = 256


@dataclasses.dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    well: Well
    model: MidModel
    intensity: IntensityRange
    device: torch.device
    slices: Tensor
    repeats: int


def prepare(plate_folder: Path, model_folder: Path, device: torch.device, repeats: int) -> Bench:
    """Open the plate and cut the slices of its well, as the engine does."""
    plate = open_plate(plate_folder)
    model = load_model(model_folder).to(device)
    well = plate[next(iter(plate.wells))]
    intensity = finish(estimate_intensity_range(plate))
    return Bench(well, model, intensity, device, _slices(plate, well, model, intensity, device), repeats)


def _slices(plate: Plate, well: Well, model: MidModel, intensity: IntensityRange, device: torch.device) -> Tensor:
    fitted = fit(plate, model)
    low, high = zip(*(intensity.limits(channel) for channel in fitted.channels), strict=True)
    found = []
    for number, field in sorted(well.fields.items()):
        pixels = load_field(field)
        settings = model_detection(model)
        nuclei = detect_field(pixels[fitted.nucleus], well=well.name, field=number, settings=settings, device=device)
        on_device = torch.from_numpy(pixels[list(fitted.channels)]).to(device)
        found.append(cut_slices(on_device, nuclei.centroids, model.config.slice_px, low, high))
    return torch.cat(found)


@torch.inference_mode()
def plain(model: MidModel, slices: Tensor) -> Tensor:
    """Embeddings as plain torch computes them: float32, contiguous, batch norms as they are."""
    return torch.cat([model.encode(part.contiguous()) for part in slices.split(PLAIN_BATCH)])  # type: ignore[no-untyped-call]


def _synchronised(device: torch.device, task: Callable[[], object]) -> None:
    task()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_encoder(bench: Bench) -> Steps[list[Measured]]:
    """Slices a second of the encoder in each precision, beside plain torch."""
    n = len(bench.slices)
    yield Progress("timing the encoder", 0, 1, f"{n} slices")
    encoders = {"float32": Encoder(bench.model, bench.device, "float32"), "auto": encoder_for(bench.model, bench.device)}
    if bench.device.type == "cpu" and find_spec("openvino") is not None:
        encoders["openvino"] = Encoder(bench.model, bench.device, engine="openvino")
    tasks = {name: partial(_synchronised, bench.device, partial(encoder, bench.slices)) for name, encoder in encoders.items()}
    tasks["plain"] = partial(_synchronised, bench.device, partial(plain, bench.model, bench.slices))
    seconds = take_turns(tasks, bench.repeats)
    exact, fast = plain(bench.model, bench.slices[:COMPARED]), encoders["auto"](bench.slices[:COMPARED])
    difference = _score_difference(bench.model, exact, fast)
    used = encoders["auto"].precision
    return [
        Measured("plain torch, float32", n / seconds["plain"], "slices/s", note=f"{n} slices, {PLAIN_BATCH} at once"),
        Measured(
            "encoder in float32 / plain torch",
            seconds["plain"] / seconds["float32"],
            "x",
            1.3,
            at_most=False,
            note=f"{n / seconds['float32']:.0f} slices/s",
        ),
        Measured(
            f"encoder as it is used here ({used}) / plain torch",
            seconds["plain"] / seconds["auto"],
            "x",
            1.3,
            at_most=False,
            note=f"{n / seconds['auto']:.0f} slices/s",
        ),
        _share_of_roof(bench, encoders["auto"], n / seconds["auto"]),
        *_of_openvino(bench, encoders.get("openvino"), seconds, exact),
        Measured(f"score in {used} beside plain float32", difference, "of 1", 0.005, note=f"one set of {COMPARED} slices"),
    ]


def _share_of_roof(bench: Bench, encoder: Encoder, rate: float) -> Measured:
    """What the encoder reaches of the speed at which the device multiplies large matrices of the same precision."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        bench.model.encode(bench.slices[:1])
    per_slice = counter.get_total_flops()
    size = 1024 if bench.device.type == "cpu" else 8192
    matrix = torch.rand((size, size), device=bench.device, dtype=getattr(torch, encoder.precision))
    task = partial(_synchronised, bench.device, partial(torch.mm, matrix, matrix))
    roof = 2 * size**3 / take_turns({"matrix": task}, max(5, bench.repeats))["matrix"]
    memory = f", at most {torch.cuda.max_memory_allocated(bench.device) / 2**20:.0f} MB" if bench.device.type == "cuda" else ""
    return Measured(
        f"encoder / multiplication of large matrices, {encoder.precision}",
        rate * per_slice / roof,
        "x",
        note=f"{per_slice / 1e9:.3f} GFLOP a slice, {roof / 1e12:.2f} TFLOP/s{memory}",
    )


def _of_openvino(bench: Bench, encoder: Encoder | None, seconds: dict[str, float], exact: Tensor) -> list[Measured]:
    """The same encoder computed by OpenVINO, where it is installed."""
    if encoder is None:
        return []
    difference = _score_difference(bench.model, exact, encoder(bench.slices[:COMPARED]))
    rate = f"{len(bench.slices) / seconds['openvino']:.0f} slices/s"
    return [
        Measured(
            f"OpenVINO ({encoder.precision}) / torch as it is used here", seconds["auto"] / seconds["openvino"], "x", note=rate
        ),
        Measured(f"score by OpenVINO in {encoder.precision} beside plain float32", difference, "of 1", 0.005),
    ]


def _score_difference(model: MidModel, first: Tensor, second: Tensor) -> float:
    with torch.inference_mode():
        scores = [float(torch.softmax(model.read_sets(one[None])[0].double(), dim=-1)[0, -1]) for one in (first, second)]
    return abs(scores[0] - scores[1])


def measure_well(bench: Bench) -> Steps[list[Measured]]:
    """A well from files to result, beside the encoder's forward pass over the same slices in the same precision."""
    lines = []
    for number, precision in enumerate(("float32", "auto")):
        yield Progress("timing a well", number, 2, precision)
        all_sets = ScoringSettings(precision=precision)
        encoder = encoder_for(bench.model, bench.device, all_sets)
        score = partial(score_well, bench.well, bench.model, intensity=bench.intensity, device=str(bench.device))
        seconds = take_turns(
            {
                "bare": partial(_synchronised, bench.device, partial(encoder, bench.slices)),
                "all": partial(score, settings=all_sets),
                "early": partial(score, settings=dataclasses.replace(all_sets, stop_at_se=STOP_AT)),
            },
            bench.repeats,
        )
        result = score(settings=all_sets)
        steps = ", ".join(f"{step} {spent:.2f}" for step, spent in result.seconds.items())
        what = f"score_well / bare forward pass, {encoder.precision}"
        lines += [
            Measured(
                f"{what}, all sets",
                seconds["all"] / seconds["bare"],
                "x",
                1.25,
                note=f"{seconds['all']:.2f} s / {seconds['bare']:.2f} s, {result.n_cells} cells; {steps} s",
            ),
            Measured(
                f"{what}, early stop at a standard error of {STOP_AT}",
                seconds["early"] / seconds["bare"],
                "x",
                1.15,
                note=f"{seconds['early']:.2f} s",
            ),
        ]
    return lines


def measure_authors(bench: Bench, n_sets: int) -> Steps[list[Measured]]:
    """The authors' procedure, every slice of every set encoded anew, of which `n_sets` sets are really read."""
    settings = ScoringSettings(precision="float32")
    n = len(bench.slices)
    rng = np.random.default_rng(0)
    size = min(AUTHORS_SIZE, n)
    sets = [torch.from_numpy(rng.choice(n, size, replace=False)).to(bench.device) for _ in range(n_sets)]
    scores: list[float] = []

    @torch.inference_mode()
    def authors() -> None:
        scores.clear()
        for chosen in sets:
            logits, _ = bench.model.read_sets(plain(bench.model, bench.slices[chosen])[None])
            scores.append(float(torch.softmax(logits.double(), dim=-1)[0, -1]))

    yield Progress("the authors' procedure", 0, 1, f"{n_sets} of {AUTHORS_SETS} sets")
    found: list[WellResult] = []

    def ours() -> None:
        found[:] = [score_well(bench.well, bench.model, intensity=bench.intensity, settings=settings, device=str(bench.device))]

    seconds = take_turns({"authors": authors, "ours": ours}, 1)
    faster = seconds["authors"] / n_sets * AUTHORS_SETS / seconds["ours"]
    error = max(float(np.std(found[0].set_scores, ddof=1)) * (1 / n_sets + 1 / len(found[0].set_scores)) ** 0.5, 1e-6)
    off = abs(float(np.mean(scores)) - found[0].score) / error
    return [
        Measured(
            "faster than the authors' procedure, float32",
            faster,
            "x",
            0.8 * AUTHORS_SETS * size / n,
            at_most=False,
            note=f"{n_sets} of {AUTHORS_SETS} sets timed, {seconds['authors'] / n_sets:.2f} s each",
        ),
        Measured("difference of the two scores, in standard errors of the sets", off, "SE", 4.0),
    ]


def measure_rescore(bench: Bench) -> Steps[list[Measured]]:
    """The answer after cells are left out of a bag of `RESCORED` cells whose embeddings are known."""
    yield Progress("re-scoring", 0, 1, f"{RESCORED} cells")
    result = score_well(bench.well, bench.model, intensity=bench.intensity, device=str(bench.device))
    copies = -(-RESCORED // max(1, result.n_cells))
    rows = np.tile(np.arange(result.n_cells), copies)[:RESCORED]
    large = dataclasses.replace(result, cells=result.cells.iloc[rows].reset_index(drop=True), embeddings=result.embeddings[rows])
    excluded = np.random.default_rng(0).random(RESCORED) < 0.05

    def first() -> object:
        return next(rescore(large, bench.model, excluded=excluded))

    def final() -> object:
        return list(rescore(large, bench.model, excluded=excluded))[-1]

    seconds = take_turns({"first": first, "final": final}, max(3, bench.repeats))
    return [
        Measured("re-score after leaving cells out, first answer", seconds["first"], "s", 0.1, note=f"{RESCORED} cells"),
        Measured("re-score after leaving cells out, all sets", seconds["final"], "s", 1.0, note=f"{RESCORED} cells, 50 x 400"),
    ]


_IMPORTS = """
from napari_mid import load_model, open_plate, score_well
from napari_mid.progress import finish
from napari_mid.images.intensity import estimate_intensity_range
warm = open_plate(arguments[0]); model = load_model(arguments[2])
intensity = finish(estimate_intensity_range(warm))
score = lambda plate: score_well(plate[next(iter(plate.wells))], model, intensity=intensity, device=arguments[3])
"""
_SCORE = "for _ in range({n}): score(open_plate(arguments[1]))"


def measure_memory(plate: Path, large: Path, model: Path, device: torch.device) -> Steps[list[Measured]]:
    """Peak memory of scoring a well of nine fields of 2,160 px with four channels, a few times and more often."""
    peaks = []
    for done, n in enumerate(SCORED):
        yield Progress("memory of a large well", done, 2, f"scored {n} times")
        peaks.append(peak_above_start_mb(_IMPORTS, _SCORE.format(n=n), str(plate), str(large), str(model), str(device)))
    return [
        Measured("peak memory above the loaded program, 9 fields of 2160 px, 4 channels", peaks[0], "MB", 1500),
        Measured(f"the same after {SCORED[1]} wells / after {SCORED[0]}", peaks[1] / peaks[0], "x", 1.1),
    ]
