"""What a GPU is used for: the encoder beside plain timm and the matrix roof, a well of 4,000 cells from disk, a row of wells.

    python benchmarks/gpu.py [--out gpu.json] [--work DIR] [--parts encoder variants well plate]

Draws a well of about 4,000 cells in 14 fields of 1,080 px with four channels, and writes it several times as a plate. The model
is ResNet-18 with random weights, three channels, slices of 96 px. Ratios are of times in one process, in turns. ``variants``
tries what might be faster than what the engine does: other batches, cuDNN's search for algorithms, channels padded to eight,
CUDA graphs and ``torch.compile``; what does not pay is not in the engine.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch

from napari_mid.cells.detectors import detect_field
from napari_mid.cells.device import device_label, pick_device
from napari_mid.cells.settings import DetectionSettings
from napari_mid.images.fields import load_field
from napari_mid.images.intensity import estimate_intensity_range
from napari_mid.inference.encoder import Encoder
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.folder import load_model
from napari_mid.model.folding import folded
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.progress import finish
from napari_mid.simulation import harmony_writer
from napari_mid.simulation.cells import draw_field
from napari_mid.simulation.plan import plan_plate
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.workflow.bench.material import untrained_model
from napari_mid.workflow.bench.measured import take_turns
from napari_mid.workflow.score_plate import score_plate_steps
from napari_mid.workflow.score_well import score_well

#: Fields that are drawn, and how often each is written into a well.
DRAWN, COPIES, FIELD_PX = 7, 2, 1080
#: Slices on which the encoder is timed.
SLICES = 16_384
PARTS = ("encoder", "variants", "well", "plate")


def drawn(folder: Path, wells: int) -> Path:
    """A plate of equal wells."""
    settings = SimulationSettings(wells=24, fields=DRAWN * COPIES, field_px=FIELD_PX)
    plans = plan_plate(settings)[:wells]
    folder.mkdir(parents=True)
    for field in range(1, DRAWN + 1):
        image = draw_field(plans[0], field, settings).image
        for plan in plans:
            for copied in range(field, DRAWN * COPIES + 1, DRAWN):
                harmony_writer.write_field(folder, plan, copied, image)
    harmony_writer.write_index(folder, plans, settings)
    return folder


def synchronised(device: torch.device, task: Callable[[], object]) -> None:
    """Run it and wait until the device is done."""
    with torch.inference_mode():
        task()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_batches(network: Callable[[torch.Tensor], torch.Tensor], slices: torch.Tensor, size: int) -> None:
    for part in slices.split(size):
        network(part)


@contextmanager
def peak_mb(device: torch.device, into: dict[str, Any], name: str) -> Iterator[None]:
    """Note the most memory that torch had on the GPU."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    yield
    if device.type == "cuda":
        into[name] = round(torch.cuda.max_memory_allocated(device) / 2**20)


def roof(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of the multiplication of large matrices of random numbers."""
    size = 8192 if device.type == "cuda" else 1024
    matrix = torch.randn((size, size), device=device).to(dtype)
    task = partial(synchronised, device, lambda: [torch.mm(matrix, matrix) for _ in range(10)])
    return 10 * 2 * size**3 / take_turns({"matrix": task}, 5)["matrix"]


def flops_per_slice(model: MidModel) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    size = model.config.slice_px
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        copy.deepcopy(model.encoder).cpu().float()(torch.rand(1, len(model.config.channels), size, size))
    return int(counter.get_total_flops())


def encoder_part(model: MidModel, device: torch.device, repeats: int) -> dict[str, Any]:
    """Slices a second, as a share of the roof and of plain timm with the same settings."""
    size, channels = model.config.slice_px, len(model.config.channels)
    slices = torch.rand((SLICES, channels, size, size), device=device).contiguous(memory_format=torch.channels_last)
    found: dict[str, Any] = {}
    encoder = Encoder(model, device)
    encoder(slices[:64])
    batch = encoder.batch_size
    plain = timm.create_model(model.config.backbone, in_chans=channels, num_classes=model.config.width).to(device).eval()
    with peak_mb(device, found, "peak_mb"):
        encoder(slices)

    def autocast_timm(part: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return plain(part.contiguous())

    low = copy.deepcopy(plain).to(device, torch.bfloat16).to(memory_format=torch.channels_last)
    seconds = take_turns(
        {
            "engine": partial(synchronised, device, lambda: encoder(slices)),
            "timm_float32": partial(synchronised, device, lambda: in_batches(lambda s: plain(s.contiguous()), slices, batch)),
            "timm_autocast": partial(synchronised, device, lambda: in_batches(autocast_timm, slices, batch)),
            "timm_bfloat16_channels_last": partial(
                synchronised, device, lambda: in_batches(lambda s: low(s.to(torch.bfloat16)), slices, batch)
            ),
        },
        repeats,
    )
    rates = {name: SLICES / spent for name, spent in seconds.items()}
    flops, tops = flops_per_slice(model), roof(device, getattr(torch, encoder.precision))
    return found | {
        "precision": encoder.precision,
        "batch": batch,
        "slices_per_s": {name: round(rate) for name, rate in rates.items()},
        "engine_of_timm": {name: round(rates["engine"] / rate, 3) for name, rate in rates.items() if name != "engine"},
        "gflop_per_slice": flops / 1e9,
        "roof_tflops": round(tops / 1e12, 1),
        "share_of_roof": round(rates["engine"] * flops / tops, 4),
    }


def variants_part(model: MidModel, device: torch.device, repeats: int) -> dict[str, Any]:
    """Slices a second of other ways to run the same network in bfloat16."""
    size, channels = model.config.slice_px, len(model.config.channels)
    network = folded(model.encoder, (channels, size, size)).to(device, torch.bfloat16).to(memory_format=torch.channels_last)
    whole = torch.rand((SLICES, channels, size, size), device=device).to(torch.bfloat16)
    slices = whole.contiguous(memory_format=torch.channels_last)
    eight = torch.nn.functional.pad(whole, (0, 0, 0, 0, 0, 8 - channels)).contiguous(memory_format=torch.channels_last)
    wide = copy.deepcopy(network)
    first = next(name for name, part in wide.named_modules() if isinstance(part, torch.nn.Conv2d))
    parent, _, last = first.rpartition(".")
    setattr(wide.get_submodule(parent), last, widened(wide.get_submodule(first), 8))  # type: ignore[arg-type]
    rates: dict[str, Any] = {}
    outputs: dict[str, torch.Tensor] = {}

    def timed(name: str, run: Callable[[torch.Tensor], torch.Tensor], given: torch.Tensor, batch: int) -> None:
        try:
            with torch.inference_mode():
                outputs[name] = run(given[:batch]).float().clone()
            task = partial(synchronised, device, lambda: in_batches(run, given, batch))
            rates[name] = round(len(given) / take_turns({name: task}, repeats)[name])
        except Exception as error:
            rates[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"

    for batch in (256, 512, 1024, 2048, 4096):
        timed(f"folded, batch {batch}", network, slices, batch)
    timed("eight channels, batch 1024", wide, eight, 1024)
    torch.backends.cudnn.benchmark = True
    for batch in (512, 1024, 2048):
        timed(f"cudnn search, batch {batch}", network, slices, batch)
        timed(f"eight channels, cudnn search, batch {batch}", wide, eight, batch)
    if device.type == "cuda":
        timed("CUDA graph of it, batch 1024", graph_of(wide, eight[:1024]), eight, 1024)
    for mode in ("default", "max-autotune-no-cudagraphs"):
        start = time.perf_counter()
        compiled = torch.compile(wide, mode=mode, dynamic=False)
        timed(f"torch.compile {mode}, eight channels, batch 1024", compiled, eight, 1024)
        rates[f"seconds to compile, {mode}"] = round(time.perf_counter() - start, 1)
    torch.backends.cudnn.benchmark = False
    reference = outputs["folded, batch 1024"]
    same = {name: float((out[:256] - reference[:256]).abs().max()) for name, out in outputs.items()}
    return {"slices_per_s": rates, "largest_difference": {name: round(value, 4) for name, value in same.items()}}


def widened(convolution: torch.nn.Conv2d, channels: int) -> torch.nn.Conv2d:
    """The same convolution of more channels, the added ones without weight."""
    made = copy.deepcopy(convolution)
    made.in_channels = channels
    weight = torch.nn.functional.pad(convolution.weight.detach(), (0, 0, 0, 0, 0, channels - convolution.in_channels))
    made.weight = torch.nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
    return made


def graph_of(network: torch.nn.Module, example: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """`network` as a CUDA graph of one batch."""
    given = example.clone(memory_format=torch.preserve_format)
    with torch.inference_mode():
        for _ in range(3):
            network(given)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = network(given)

    def run(part: torch.Tensor) -> torch.Tensor:
        given.copy_(part)
        graph.replay()
        return out

    return run


def well_part(plate_folder: Path, model: MidModel, device: torch.device, repeats: int) -> dict[str, Any]:
    """A well from disk to result, and what its steps take."""
    plate = open_plate(plate_folder)
    intensity = finish(estimate_intensity_range(plate))
    well = plate[next(iter(plate.wells))]
    found: dict[str, Any] = {}
    score = partial(score_well, well, model, intensity=intensity, device=str(device))
    with peak_mb(device, found, "peak_mb"):
        score()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = score()
        times.append(time.perf_counter() - start)
    early = take_turns({"early": partial(score, settings=ScoringSettings(stop_at_se=0.01))}, repeats)["early"]
    first = well.fields[1]
    image = load_field(first)[0]
    detect = partial(detect_field, image, well="x", field=1, settings=DetectionSettings(), device=device)
    known = partial(detect, expected_px=20.0)
    one = take_turns({"read": partial(load_field, first), "detect": detect, "detect, size known": known}, 5)
    return found | {
        "cells": result.n_cells,
        "seconds": round(min(times), 3),
        "seconds_early_stop": round(early, 3),
        "cells_per_s": round(result.n_cells / min(times)),
        "steps_s": {step: round(spent, 3) for step, spent in result.seconds.items()},
        "score": result.score,
        "one_field_s": {name: round(spent, 4) for name, spent in one.items()},
    }


def plate_part(plate_folder: Path, model: MidModel, device: torch.device) -> dict[str, Any]:
    """All wells of the plate one after the other, as ``napari-mid score`` does it."""
    plate = open_plate(plate_folder)
    wells = list(plate.wells.values())
    found: dict[str, Any] = {}
    with peak_mb(device, found, "peak_mb"):
        start = time.perf_counter()
        scored = finish(score_plate_steps(plate, wells, model, device=str(device)))
        seconds = time.perf_counter() - start
    cells = sum(result.n_cells for result in scored.results)
    return found | {
        "wells": len(wells),
        "cells": cells,
        "seconds": round(seconds, 2),
        "cells_per_s": round(cells / seconds),
        "steps_s": scored.run["seconds"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--wells", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--work", type=Path, help="keep the plate here, or use the one that is there")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    device = pick_device(options.device)
    found: dict[str, Any] = {"device": device_label(device), "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        model = load_model(untrained_model(Path(temporary))).to(device).eval()
        if not (work / "plate").exists() and {"well", "plate"} & set(options.parts):
            drawn(work / "plate", options.wells)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "encoder": lambda: encoder_part(model, device, options.repeats),
            "variants": lambda: variants_part(model, device, options.repeats),
            "well": lambda: well_part(work / "plate", model, device, options.repeats),
            "plate": lambda: plate_part(work / "plate", model, device),
        }
        for name in options.parts:
            found[name] = parts[name]()
            print(json.dumps({name: found[name]}, indent=1), flush=True)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
