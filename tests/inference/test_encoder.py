"""The encoder gives the model's embeddings, in whatever precision and batch."""

import sys
import threading

import pytest
import torch

from napari_mid.errors import SettingsError
from napari_mid.inference import encoder as encoding
from napari_mid.inference.encoder import Encoder, encoder_for
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.network import MidModel

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> MidModel:
    torch.manual_seed(0)
    channels = (ModelChannel("DNA", "nucleus"), ModelChannel("ROS", "ros"))
    return MidModel(ModelConfig("small", "test", ("no", "yes"), channels, slice_px=32, width=32, heads=4)).eval()


@pytest.fixture(scope="module")
def slices() -> torch.Tensor:
    return torch.rand(50, 2, 32, 32, generator=torch.Generator().manual_seed(1))


def expected(model: MidModel, slices: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model.encode(slices)


@pytest.mark.parametrize("batch_size", [7, 50, 64])
def test_float32_gives_the_models_embeddings(model: MidModel, slices: torch.Tensor, batch_size: int) -> None:
    found = Encoder(model, CPU, "float32", batch_size)(slices)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected(model, slices), atol=1e-5)


def test_bfloat16_keeps_scores(model: MidModel, slices: torch.Tensor) -> None:
    found = Encoder(model, CPU, "bfloat16")(slices)
    assert not torch.equal(found, expected(model, slices))
    assert encoding.most_different(model, expected(model, slices), found) <= encoding.MOST_DIFFERENT


def test_auto_settles_on_float32_where_the_score_would_change(
    model: MidModel, slices: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "has_fast_bfloat16", lambda device: True)
    encoder = Encoder(model, CPU)
    encoder(slices)
    assert (encoder.precision, encoder.notes) == ("bfloat16", [])

    monkeypatch.setattr(encoding, "MOST_DIFFERENT", 0.0)
    careful = Encoder(model, CPU)
    assert torch.allclose(careful(slices), expected(model, slices), atol=1e-5)
    assert careful.precision == "float32"
    assert "float32" in careful.notes[0]


def test_too_little_memory_halves_the_batch_and_says_so(
    model: MidModel, slices: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(model, CPU, "float32", batch_size=32)
    run = encoder._run

    def small_memory(batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > 10:
            raise torch.OutOfMemoryError("out of memory")
        return run(batch)

    monkeypatch.setattr(encoder, "_run", small_memory)
    assert torch.allclose(encoder._in_turn(slices), expected(model, slices), atol=1e-5)
    assert encoder.batch_size == 8
    assert len(encoder.notes) == 2
    assert "no memory for 32 slices" in encoder.notes[0]


def test_no_memory_for_one_slice_is_an_error(model: MidModel, slices: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(model, CPU, "float32")

    def no_memory(batch: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(encoder, "_run", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        encoder._in_turn(slices)


def test_no_slices_have_no_embeddings(model: MidModel, slices: torch.Tensor) -> None:
    assert Encoder(model, CPU)(slices[:0]).shape == (0, 32)


@pytest.mark.parametrize("precision", ["float8", "float16"])
def test_a_precision_that_the_cpu_has_not_is_refused(model: MidModel, precision: str) -> None:
    with pytest.raises(SettingsError, match=precision):
        Encoder(model, CPU, precision)


def test_the_cores_share_the_batches_and_the_setting_of_threads_stays(
    model: MidModel, slices: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(model, CPU, "float32", batch_size=4)
    used: set[str] = set()
    run = encoder._run

    def named(batch: torch.Tensor) -> torch.Tensor:
        used.add(threading.current_thread().name)
        return run(batch)

    monkeypatch.setattr(encoder, "_run", named)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert torch.allclose(encoder(slices), expected(model, slices), atol=1e-5)
        assert torch.get_num_threads() == 2
        assert all("core" in name for name in used)
        torch.set_num_threads(1)
        used.clear()
        encoder(slices)
        assert used == {threading.current_thread().name}
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_openvino_gives_the_same_embeddings(model: MidModel, slices: torch.Tensor, precision: str) -> None:
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    encoder = Encoder(model, CPU, precision, batch_size=16, engine="openvino")
    found = encoder(slices)
    if precision == "float32":
        assert torch.allclose(found, expected(model, slices), atol=1e-4)
    assert encoding.most_different(model, expected(model, slices), found) <= encoding.MOST_DIFFERENT
    assert encoder(slices[:3]).shape == (3, 32)


def test_openvino_says_how_to_install_it(model: MidModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SettingsError, match=r"napari-mid\[openvino\]"):
        Encoder(model, CPU, engine="openvino")


def test_openvino_is_for_the_cpu(model: MidModel) -> None:
    with pytest.raises(SettingsError, match="engine torch"):
        Encoder(model, torch.device("cuda:0"), engine="openvino")


def test_a_model_in_training_is_never_kept(model: MidModel) -> None:
    assert encoder_for(model, CPU) is not encoder_for(model, CPU)


def test_networks_of_grouped_convolutions_stay_in_float32_on_the_cpu(
    slices: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "has_fast_bfloat16", lambda device: True)
    channels = (ModelChannel("DNA", "nucleus"), ModelChannel("ROS", "ros"))
    config = ModelConfig("small", "test", ("no", "yes"), channels, slice_px=32, backbone="lcnet_050", width=32, heads=4)
    encoder = Encoder(MidModel(config).eval(), CPU)
    encoder(slices)
    assert (encoder.precision, encoder.notes) == ("float32", [])
