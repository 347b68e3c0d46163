"""Ways to run the encoder on a CPU: torch, OpenVINO and ONNX Runtime, in float32, bfloat16 and int8, with what they do to scores.

    pip install openvino nncf onnx onnxruntime
    python benchmarks/cpu_encoders.py --model demo-mitotox --wells 12

Speeds are slices a second in turns in one process. Scores are those of the wells of a simulated plate, each way beside float32:
the largest difference must be 0.005 or less. int8 is calibrated on cells of the first wells, which have no part in the scores. A
way whose package is not installed is left out and said to be.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_mid.inference.encoder import Encoder
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.folder import load_model, model_path
from napari_mid.model.folding import folded
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.workflow.bench import engine
from napari_mid.workflow.bench.material import untrained_model
from napari_mid.workflow.bench.measured import take_turns

CPU = torch.device("cpu")
BATCH, CALIBRATED, MOST_DIFFERENT = 32, 256, 0.005
Run = Callable[[torch.Tensor], torch.Tensor]


def slices_of(plate: Plate, model: MidModel) -> list[torch.Tensor]:
    """The slices of every well."""
    from napari_mid.images.intensity import estimate_intensity_range

    intensity = finish(estimate_intensity_range(plate))
    return [engine._slices(plate, plate[name], model, intensity, CPU) for name in plate.wells]


def in_batches(run: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]], slices: torch.Tensor) -> torch.Tensor:
    """Batches of one size, the last one filled up."""
    found = []
    for part in slices.split(BATCH):
        batch = np.zeros((BATCH, *part.shape[1:]), dtype=np.float32)
        batch[: len(part)] = part.numpy()
        found.append(run(batch)[: len(part)].copy())
    return torch.from_numpy(np.concatenate(found))


def openvino_int8(network: torch.nn.Module, calibration: torch.Tensor) -> Run:
    import nncf
    import openvino

    example = torch.zeros((BATCH, *calibration.shape[1:]))
    model = openvino.convert_model(network, example_input=example, input=[example.shape])
    batches = [part.numpy() for part in calibration.split(BATCH) if len(part) == BATCH]
    quantised = nncf.quantize(model, nncf.Dataset(batches), preset=nncf.QuantizationPreset.MIXED, fast_bias_correction=False)
    compiled = openvino.Core().compile_model(quantised, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    queue = openvino.AsyncInferQueue(compiled)

    def run(slices: torch.Tensor) -> torch.Tensor:
        found: dict[int, Any] = {}
        queue.set_callback(lambda request, start: found.__setitem__(start, request.get_output_tensor(0).data.copy()))
        for start in range(0, len(slices), BATCH):
            part = slices[start : start + BATCH]
            batch = np.zeros((BATCH, *part.shape[1:]), dtype=np.float32)
            batch[: len(part)] = part.numpy()
            queue.start_async([batch], start)
        queue.wait_all()
        return torch.from_numpy(np.concatenate([found[start] for start in sorted(found)])[: len(slices)])

    return run


def onnx_ways(network: torch.nn.Module, calibration: torch.Tensor, folder: Path) -> dict[str, Run]:
    """ONNX Runtime, in float32 and with int8 weights and activations."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    path, small = folder / "encoder.onnx", folder / "int8.onnx"
    example = torch.zeros((BATCH, *calibration.shape[1:]))
    torch.onnx.export(network, (example,), str(path), input_names=["slices"], output_names=["embeddings"], dynamo=False)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [part.numpy() for part in calibration.split(BATCH) if len(part) == BATCH]

        def get_next(self) -> dict[str, Any] | None:
            return {"slices": self.left.pop()} if self.left else None

    quantize_static(
        str(path), str(small), Reader(), quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    found: dict[str, Run] = {}
    for name, file in (("ONNX Runtime float32", path), ("ONNX Runtime int8", small)):
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        found[name] = partial(in_batches, lambda batch, session=session: session.run(None, {"slices": batch})[0])
    return found


def ways(model: MidModel, calibration: torch.Tensor, folder: Path) -> dict[str, Run]:
    """All that can run here."""
    found: dict[str, Run] = {name: Encoder(model, CPU, name) for name in ("float32", "bfloat16")}
    size = model.config.slice_px
    network = folded(model.encoder, (len(model.config.channels), size, size))
    makers: dict[str, Callable[[], dict[str, Run]]] = {
        "OpenVINO float32": lambda: {"OpenVINO float32": Encoder(model, CPU, "float32", engine="openvino")},
        "OpenVINO bfloat16": lambda: {"OpenVINO bfloat16": Encoder(model, CPU, "bfloat16", engine="openvino")},
        "OpenVINO int8": lambda: {"OpenVINO int8": openvino_int8(network, calibration)},
        "ONNX Runtime": lambda: onnx_ways(network, calibration, folder),
    }
    for name, make in makers.items():
        try:
            found |= make()
        except Exception as error:
            print(f"left out: {name} ({type(error).__name__}: {' '.join(str(error).split())[:200]})", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo-mitotox", help="model folder, demo or demo-mitotox; its scores are compared")
    parser.add_argument("--preset", default="mitotox")
    parser.add_argument("--wells", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        drawn = SimulationSettings(preset=options.preset, wells=options.wells, fields=2, field_px=360)
        plate = open_plate(finish(simulate_steps(folder / "plate", drawn)))
        untrained = untrained_model(folder)
        content: dict[str, Any] = {}
        for name, model in (("scores", load_model(model_path(options.model))), ("resnet18", load_model(untrained))):
            (folder / name).mkdir()
            if name == "scores":
                of_wells = slices_of(plate, model)
                calibration = torch.cat(of_wells)[:CALIBRATED]
                n = 0
                while sum(len(each) for each in of_wells[:n]) < CALIBRATED:
                    n += 1
                judged = [each for each in of_wells[n:] if len(each)]
                timed = torch.cat(judged)[:512]
            else:  # only its speed
                timed = torch.rand((256, 3, 96, 96)).contiguous(memory_format=torch.channels_last)
                calibration, judged = timed, []
            runs = ways(model, calibration, folder / name)
            seconds = take_turns({way: partial(run, timed) for way, run in runs.items()}, options.repeats)
            settings = ScoringSettings(precision="float32")
            scores = {way: [score_bag(model, run(each).numpy(), settings).score for each in judged] for way, run in runs.items()}
            content[name] = {
                way: {
                    "slices_per_s": round(len(timed) / spent),
                    "of float32": round(seconds["float32"] / spent, 2),
                    "of bfloat16": round(seconds["bfloat16"] / spent, 2),
                    **(
                        {
                            "largest difference of a score": round(
                                float(np.abs(np.subtract(scores[way], scores["float32"])).max()), 5
                            )
                        }
                        if judged
                        else {}
                    ),
                }
                for way, spent in seconds.items()
            }
            print(json.dumps({name: content[name]}, indent=1), flush=True)
        if options.out:
            options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
