import dataclasses

import pytest
import torch
from torch import Tensor

from napari_mid.errors import ModelError
from napari_mid.model.network import MidModel


def reference(model: MidModel, slices: Tensor) -> tuple[Tensor, Tensor]:
    """Section 2 of the specification in plain torch operations, from the state dict alone: logits and attention per head."""
    weights = model.state_dict()
    b, n = slices.shape[:2]
    tokens = model.encoder(slices.flatten(0, 1)).view(b, n, -1)
    d, heads = model.config.width, model.config.heads
    tokens = torch.cat([weights["cls_token"].expand(b, 1, d), tokens], dim=1)
    attention = torch.empty(0)
    for i in range(model.config.blocks):
        w = {name.removeprefix(f"blocks.{i}."): value for name, value in weights.items() if name.startswith(f"blocks.{i}.")}
        normed = torch.layer_norm(tokens, (d,), w["norm1.weight"], w["norm1.bias"])
        q, k, v = (normed @ part.T for part in w["attn.qkv.weight"].chunk(3))
        mixed = []
        maps = []
        for head in range(heads):
            columns = slice(head * d // heads, (head + 1) * d // heads)
            scores = torch.softmax(q[..., columns] @ k[..., columns].transpose(1, 2) / (d // heads) ** 0.5, dim=-1)
            mixed.append(scores @ v[..., columns])
            maps.append(scores[:, 0, 1:])
        tokens = tokens + torch.cat(mixed, dim=-1) @ w["attn.proj.weight"].T + w["attn.proj.bias"]
        normed = torch.layer_norm(tokens, (d,), w["norm2.weight"], w["norm2.bias"])
        hidden = torch.nn.functional.gelu(normed @ w["mlp.linear1.weight"].T + w["mlp.linear1.bias"])
        tokens = tokens + hidden @ w["mlp.linear2.weight"].T + w["mlp.linear2.bias"]
        attention = torch.stack(maps, dim=1)
    logits = tokens[:, 0] @ weights["head.weight"].T + weights["head.bias"]
    return logits, attention / attention.sum(-1, keepdim=True)


@torch.inference_mode()
def test_logits_and_attention_equal_the_reference(small_model: MidModel) -> None:
    slices = torch.rand(3, 7, 2, 32, 32)
    logits, attention = reference(small_model, slices)
    assert logits.std() > 0.05, "the reference must tell inputs apart for this test to mean something"
    torch.testing.assert_close(small_model(slices), logits, atol=1e-5, rtol=1e-5)
    embeddings = small_model.encode(slices.flatten(0, 1)).view(3, 7, -1)
    torch.testing.assert_close(small_model.read_sets(embeddings)[1], attention, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_order_of_cells_does_not_matter_and_attention_sums_to_one(small_model: MidModel) -> None:
    embeddings = torch.randn(1, 9, 16)
    order = torch.randperm(9)
    logits, attention = small_model.read_sets(embeddings)
    shuffled_logits, shuffled_attention = small_model.read_sets(embeddings[:, order])
    torch.testing.assert_close(logits, shuffled_logits)
    torch.testing.assert_close(attention[..., order], shuffled_attention)
    torch.testing.assert_close(attention.sum(-1), torch.ones(1, 2))


def test_the_network_has_the_parts_of_the_specification(small_model: MidModel) -> None:
    names = set(small_model.state_dict())
    assert "blocks.0.attn.qkv.bias" not in names
    assert {"blocks.1.attn.proj.bias", "head.bias", "cls_token"} <= names
    assert len(small_model.blocks) == 2
    assert small_model.state_dict()["blocks.0.mlp.linear1.weight"].shape == (64, 16)


def test_width_that_the_heads_do_not_divide_is_refused(small_model: MidModel) -> None:
    with pytest.raises(ModelError, match="not divisible"):
        MidModel(dataclasses.replace(small_model.config, width=17))


def test_unknown_backbone_is_refused(small_model: MidModel) -> None:
    with pytest.raises(ModelError, match="no backbone"):
        MidModel(dataclasses.replace(small_model.config, backbone="resnet_of_dreams"))


def test_the_cls_token_starts_small_and_random() -> None:
    from napari_mid.model.config import ModelChannel, ModelConfig

    torch.manual_seed(0)
    config = ModelConfig("wide", "task", ("a", "b"), (ModelChannel("DNA", "nucleus"),), backbone="test_resnet", width=4096)
    token = MidModel(config).cls_token.detach()
    assert token.shape == (1, 1, 4096)
    assert float(token.std()) == pytest.approx(0.02, rel=0.05)
    assert abs(float(token.mean())) < 0.001


def test_dropout_and_drop_path_work_in_training_only(small_model: MidModel) -> None:
    """Each alone makes training passes differ; without both they are the same, in training as in scoring."""
    slices = torch.rand(1, 6, 2, 32, 32)
    embeddings = small_model.encode(slices.flatten(0, 1)).detach()[None]
    for dropout, drop_path, differs in ((0.5, 0.0, True), (0.0, 0.5, True), (0.0, 0.0, False)):
        model = MidModel(dataclasses.replace(small_model.config, dropout=dropout, drop_path=drop_path))
        model.load_state_dict(small_model.state_dict())
        model.train()
        passes = torch.stack([model.read_sets(embeddings)[0] for _ in range(8)])
        assert (float(passes.detach().std(dim=0).max()) > 1e-4) == differs
        model.eval()
        torch.testing.assert_close(model.read_sets(embeddings)[0], small_model.read_sets(embeddings)[0])


@torch.inference_mode()
def test_attention_maps_hold_the_row_that_is_used(small_model: MidModel) -> None:
    block = small_model.blocks[-1]
    tokens = block.norm1(torch.randn(2, 7, 16))
    maps = block.attn.attention_map(tokens)
    assert maps.shape == (2, 2, 7, 7)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 2, 7))
    torch.testing.assert_close(maps[:, :, 0], torch.softmax(block.attn.first_row(tokens)[1], dim=-1))
