"""What is computed on a GPU is what the CPU computes; skipped where there is none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mid.cells.detectors import EXTRAS, detect_field, detector_names
from napari_mid.cells.settings import DetectionSettings
from napari_mid.cells.slices import cut_slices
from napari_mid.errors import DeviceMemoryError
from napari_mid.inference.encoder import MOST_DIFFERENT, Encoder
from napari_mid.inference.scoring import score_bag
from napari_mid.inference.settings import ScoringSettings
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.folder import demo_model_path, load_model
from napari_mid.model.network import MidModel
from napari_mid.plates import open_plate
from napari_mid.plates.plate import Plate
from napari_mid.progress import finish
from napari_mid.simulation.plate import simulate_steps
from napari_mid.simulation.settings import SimulationSettings
from napari_mid.workflow.score_well import score_well

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    out = tmp_path_factory.mktemp("gpu") / "plate"
    return open_plate(finish(simulate_steps(out, SimulationSettings(wells=6, fields=2, field_px=360))))


@pytest.fixture(scope="module")
def model() -> MidModel:
    torch.manual_seed(0)
    channels = tuple(ModelChannel(name, "other") for name in ("a", "b", "c"))
    return MidModel(ModelConfig("small", "test", ("no", "yes"), channels, slice_px=64, width=64)).eval()


@pytest.fixture(scope="module")
def slices() -> torch.Tensor:
    return torch.rand(300, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def gpu() -> torch.device:
    return torch.device("cuda:0")


@pytest.mark.parametrize("name", [name for name in detector_names() if name not in EXTRAS])
def test_every_detector_finds_the_same_nuclei(plate: Plate, name: str) -> None:
    image = plate["B02" if "B02" in plate.wells else next(iter(plate.wells))].fields[1].load()[0]
    settings = DetectionSettings(detector=name)
    on_cpu, on_gpu = (
        detect_field(image, well="B02", field=1, settings=settings, device=device, outlines=True) for device in (CPU, gpu())
    )
    assert len(on_cpu) > 10
    # the network runs in bfloat16 on one and maybe not on the other: a doubtful nucleus may be on one side alone
    assert abs(len(on_gpu) - len(on_cpu)) <= 0.05 * len(on_cpu)
    distance = np.hypot(*(on_gpu.centroids[:, None] - on_cpu.centroids[None]).transpose(2, 0, 1)).min(axis=1)
    assert np.quantile(distance, 0.9) < 0.75
    assert on_gpu.outlines is not None


def test_slices_are_the_same(plate: Plate) -> None:
    image = torch.from_numpy(plate[next(iter(plate.wells))].fields[1].load()[:3])
    centroids = np.random.default_rng(0).uniform(-20, 380, (200, 2))
    for normalisation in ("plate", "per_slice"):
        arguments = (centroids, 64, (100.0, 50.0, 0.0), (3000.0, 900.0, 4000.0), normalisation)
        assert torch.allclose(cut_slices(image.to(gpu()), *arguments).cpu(), cut_slices(image, *arguments), atol=1e-6)


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16", "float16"])
def test_embeddings_give_the_same_scores(model: MidModel, slices: torch.Tensor, precision: str) -> None:
    exact = Encoder(model.to(CPU), CPU, "float32")(slices)
    encoder = Encoder(model.to(gpu()), gpu(), precision)
    found = encoder(slices.to(gpu()))
    assert found.device.type == "cuda"
    settings = ScoringSettings(set_size=100)
    on_gpu = score_bag(model, found.cpu().numpy(), settings)
    on_cpu = score_bag(model.to(CPU), exact.numpy(), dataclasses.replace(settings, precision="float32"))
    assert abs(on_gpu.score - on_cpu.score) <= MOST_DIFFERENT
    assert np.corrcoef(on_gpu.lift, on_cpu.lift)[0, 1] > 0.99


def test_the_same_seed_gives_the_same_numbers(model: MidModel, slices: torch.Tensor) -> None:
    encoder = Encoder(model.to(gpu()), gpu())
    first, second = (encoder(slices.to(gpu())).cpu().numpy() for _ in range(2))
    assert np.array_equal(first, second)
    scores = [score_bag(model, first, ScoringSettings(set_size=100)) for _ in range(2)]
    assert scores[0].score == scores[1].score
    assert np.array_equal(scores[0].lift, scores[1].lift)


def test_little_memory_halves_the_batch_and_goes_on(model: MidModel) -> None:
    many = torch.rand(2048, 3, 64, 64)
    encoder = Encoder(model.to(gpu()), gpu(), "float32", batch_size=2048)
    exact = encoder(many.to(gpu())).cpu()
    torch.cuda.empty_cache()
    on_gpu = many.to(gpu())
    free, total = torch.cuda.mem_get_info()
    held = torch.cuda.memory_reserved()
    try:
        torch.cuda.set_per_process_memory_fraction((held + 300 * 2**20) / total)
        found = encoder(on_gpu).cpu()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert encoder.batch_size < 2048
    assert "has no memory for 2048 slices at once" in encoder.notes[0]
    assert torch.allclose(found, exact, atol=1e-4)
    assert free


def test_no_memory_at_all_is_told_and_the_next_well_is_scored(plate: Plate) -> None:
    model = load_model(demo_model_path())
    well = plate[next(iter(plate.wells))]
    expected = score_well(well, model, device="cuda").score
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    try:
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**20) / total)
        with pytest.raises(DeviceMemoryError, match="cuda:0"):
            score_well(well, model, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert score_well(well, model, device="cuda").score == expected


def test_a_well_has_the_score_that_it_has_on_the_cpu(plate: Plate) -> None:
    model = load_model(demo_model_path())
    for name in list(plate.wells)[:3]:
        on_cpu, on_gpu = (score_well(plate[name], model, device=device) for device in ("cpu", "cuda"))
        # a nucleus more or less, and bfloat16 on one of the two
        assert abs(on_gpu.score - on_cpu.score) < 0.03
        assert abs(on_gpu.n_cells - on_cpu.n_cells) <= 2
        assert on_gpu.device.startswith("cuda:0 (")


def test_training_runs_and_gives_a_model(plate: Plate, tmp_path: Path) -> None:
    from napari_mid.cli.main import main

    out = tmp_path / "model"
    arguments = ["train", str(plate.path), "--label", "effect", "--out", str(out), "--device", "cuda", "--slice-size", "48"]
    arguments += ["--backbone", "resnet10t", "--width", "32", "--heads", "2", "--steps", "20", "--validation", "0"]
    assert main(arguments) == 0
    assert 0 <= score_well(plate[next(iter(plate.wells))], load_model(out), device="cuda").score <= 1
