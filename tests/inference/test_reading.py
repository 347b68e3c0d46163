"""Cached reading of sets gives what the network gives."""

import pytest
import torch

from napari_mid.inference import reading
from napari_mid.inference.reading import SetReader
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.network import MidModel


@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("set_size", [1, 5, 20])
def test_sets_read_as_the_network_reads_them(blocks: int, set_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    channels = (ModelChannel("DNA", "nucleus"),)
    model = MidModel(ModelConfig("small", "test", ("a", "b", "c"), channels, width=24, heads=4, blocks=blocks)).eval()
    embeddings = torch.randn(20, 24)
    sets = torch.stack([torch.randperm(20)[:set_size] for _ in range(9)])
    with torch.inference_mode():
        logits, attention = model.read_sets(embeddings[sets])
    monkeypatch.setattr(reading, "TOKENS_ON_CPU", 30)  # more than one part
    found_logits, found_attention = SetReader(model, embeddings, "float32").read(sets)
    assert found_attention.shape == (9, 4, set_size)
    assert torch.allclose(found_logits, logits, atol=1e-5)
    assert torch.allclose(found_attention, attention, atol=1e-6)


def test_low_precision_is_used_where_the_score_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    channels = (ModelChannel("DNA", "nucleus"),)
    model = MidModel(ModelConfig("small", "test", ("a", "b"), channels, width=64, heads=4)).eval()
    embeddings = torch.randn(100, 64)
    sets = torch.stack([torch.randperm(100)[:40] for _ in range(6)])
    exact, _ = SetReader(model, embeddings, "float32").read(sets)
    low, _ = SetReader(model, embeddings, "bfloat16").read(sets)
    assert not torch.equal(exact, low)
    assert float((exact.softmax(-1) - low.softmax(-1)).abs().max()) < 0.005
    monkeypatch.setattr(reading, "SAME_SCORE", 0.0)
    assert torch.allclose(SetReader(model, embeddings, "bfloat16").read(sets)[0], exact, atol=1e-6)
