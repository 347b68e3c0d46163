"""Weights in the authors' layout, against the network of mid.md written here once more with plain torch operations."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from napari_mid.errors import ChannelError, ModelError
from napari_mid.model.config import ModelChannel
from napari_mid.model.folder import load_model, save_model
from napari_mid.model.import_settings import ImportSettings
from napari_mid.model.network import MidModel
from napari_mid.model.xprofiler import model_from_xprofiler, named_channels, read_weights

CHANNELS = (ModelChannel("DNA", "nucleus"), ModelChannel("ROS", "ros"), ModelChannel("MMP", "mmp"), ModelChannel("dead", "dead"))
#: Input and output channels of the residual blocks of a ResNet-18, and their stride.
RESIDUAL = (
    ("layer1.0", 64, 64, 1),
    ("layer1.1", 64, 64, 1),
    ("layer2.0", 64, 128, 2),
    ("layer2.1", 128, 128, 1),
    ("layer3.0", 128, 256, 2),
    ("layer3.1", 256, 256, 1),
    ("layer4.0", 256, 512, 2),
    ("layer4.1", 512, 512, 1),
)


def random_weights(c: int = 3, d: int = 64, k: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """A state dict in the authors' layout; the norms' statistics are random, too, so that nothing is the identity."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def normal(*shape: int, scale: float) -> Tensor:
        return scale * torch.randn(*shape, generator=generator)

    def conv(name: str, out: int, into: int, size: int) -> None:
        weights[f"{name}.weight"] = normal(out, into, size, size, scale=(2 / (into * size * size)) ** 0.5)

    def batch_norm(name: str, size: int) -> None:
        weights[f"{name}.weight"] = 0.7 + 0.6 * torch.rand(size, generator=generator)
        weights[f"{name}.bias"] = normal(size, scale=0.1)
        weights[f"{name}.running_mean"] = normal(size, scale=0.2)
        weights[f"{name}.running_var"] = 0.5 + torch.rand(size, generator=generator)
        weights[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def linear(name: str, out: int, into: int, bias: bool = True) -> None:
        weights[f"{name}.weight"] = normal(out, into, scale=into**-0.5)
        if bias:
            weights[f"{name}.bias"] = normal(out, scale=0.1)

    weights["cls_token"] = normal(1, 1, d, scale=0.02)
    conv("sub_model.conv1", 64, c, 7)
    batch_norm("sub_model.bn1", 64)
    for name, into, out, _ in RESIDUAL:
        conv(f"sub_model.{name}.conv1", out, into, 3)
        batch_norm(f"sub_model.{name}.bn1", out)
        conv(f"sub_model.{name}.conv2", out, out, 3)
        batch_norm(f"sub_model.{name}.bn2", out)
        if into != out:
            conv(f"sub_model.{name}.downsample.0", out, into, 1)
            batch_norm(f"sub_model.{name}.downsample.1", out)
    linear("sub_model.fc", d, 512)
    for block in ("trm1", "trm2"):
        for norm in ("norm1", "norm2"):
            weights[f"{block}.{norm}.weight"] = 0.7 + 0.6 * torch.rand(d, generator=generator)
            weights[f"{block}.{norm}.bias"] = normal(d, scale=0.1)
        linear(f"{block}.attn.qkv", 3 * d, d, bias=False)
        linear(f"{block}.attn.proj", d, d)
        linear(f"{block}.mlp.linear1", 4 * d, d)
        linear(f"{block}.mlp.linear2", d, 4 * d)
    linear("cls.0", k, d)
    return weights


def reference_logits(w: dict[str, Tensor], slices: Tensor) -> Tensor:
    """Logits (B, K) of slices (B, N, C, S, S) after mid.md, section 2, from plain functional operations."""

    def batch_norm(name: str, x: Tensor) -> Tensor:
        scale, shift, mean, var = (w[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        return F.batch_norm(x, mean, var, scale, shift, training=False, eps=1e-5)

    def linear(name: str, x: Tensor) -> Tensor:
        return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    b, n = slices.shape[:2]
    x = slices.reshape(b * n, *slices.shape[2:])
    x = torch.relu(batch_norm("sub_model.bn1", F.conv2d(x, w["sub_model.conv1.weight"], stride=2, padding=3)))
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    for name, into, out, stride in RESIDUAL:
        name = f"sub_model.{name}"
        y = torch.relu(batch_norm(f"{name}.bn1", F.conv2d(x, w[f"{name}.conv1.weight"], stride=stride, padding=1)))
        y = batch_norm(f"{name}.bn2", F.conv2d(y, w[f"{name}.conv2.weight"], padding=1))
        if into != out:
            x = batch_norm(f"{name}.downsample.1", F.conv2d(x, w[f"{name}.downsample.0.weight"], stride=stride))
        x = torch.relu(x + y)
    embeddings = linear("sub_model.fc", x.mean(dim=(2, 3))).reshape(b, n, -1)
    d = embeddings.shape[-1]
    tokens = torch.cat([w["cls_token"].expand(b, 1, d), embeddings], dim=1)
    for block in ("trm1", "trm2"):
        normed = F.layer_norm(tokens, (d,), w[f"{block}.norm1.weight"], w[f"{block}.norm1.bias"])
        q, k, v = linear(f"{block}.attn.qkv", normed).split(d, dim=-1)
        heads = []
        for head in range(8):
            part = slice(head * d // 8, (head + 1) * d // 8)
            scores = torch.exp(q[..., part] @ k[..., part].transpose(1, 2) / (d / 8) ** 0.5)
            heads.append(scores / scores.sum(-1, keepdim=True) @ v[..., part])
        tokens = tokens + linear(f"{block}.attn.proj", torch.cat(heads, dim=-1))
        normed = F.layer_norm(tokens, (d,), w[f"{block}.norm2.weight"], w[f"{block}.norm2.bias"])
        tokens = tokens + linear(f"{block}.mlp.linear2", F.gelu(linear(f"{block}.mlp.linear1", normed)))
    return linear("cls.0", tokens[:, 0])


def imported(weights: dict[str, Tensor], c: int = 3, k: int = 2) -> MidModel:
    return model_from_xprofiler(
        weights,
        classes=[f"class {i}" for i in range(k)],
        channels=CHANNELS[:c],
        name="imported",
        task="hERG",
        settings=ImportSettings(slice_size=32),
    )


@pytest.mark.parametrize(("b", "n", "c", "d", "k"), [(1, 1, 3, 64, 2), (2, 5, 1, 8, 3), (3, 4, 4, 512, 2)])
def test_logits_equal_the_reference(b: int, n: int, c: int, d: int, k: int) -> None:
    weights = random_weights(c, d, k, seed=b)
    slices = torch.rand(b, n, c, 32, 32, generator=torch.Generator().manual_seed(n))
    with torch.inference_mode():
        wanted = reference_logits(weights, slices)
        torch.testing.assert_close(imported(weights, c, k)(slices), wanted, atol=1e-5, rtol=1e-5)
        changed = dict(weights, **{"trm1.attn.proj.bias": weights["trm1.attn.proj.bias"] + 0.1})
        assert (reference_logits(changed, slices) - wanted).abs().max() > 1e-3, "the reference must feel every layer"


def module_prefix(weights: dict[str, Tensor]) -> object:
    return {f"module.{name}": value for name, value in weights.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        module_prefix,
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {"model": module_prefix(weights)},
    ],
)
def test_wrapped_and_prefixed_weights_are_read(wrap: Callable[[dict[str, Tensor]], object], tmp_path: Path) -> None:
    weights = {name: value for name, value in random_weights(d=8).items() if "layer" not in name}
    torch.save(wrap(weights), tmp_path / "weights.pt")
    torch.testing.assert_close(read_weights(tmp_path / "weights.pt"), weights)


def test_a_saved_import_gives_the_same_logits(tmp_path: Path) -> None:
    """With 64-bit weights and without the counters of older files."""
    weights = random_weights(d=8)
    torch.save({n: w.double() for n, w in weights.items() if not n.endswith("num_batches_tracked")}, tmp_path / "weights.pt")
    save_model(imported(read_weights(tmp_path / "weights.pt")), tmp_path / "model", card="", metrics={})
    slices = torch.rand(1, 3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(
            load_model(tmp_path / "model")(slices), reference_logits(weights, slices), atol=1e-5, rtol=1e-5
        )


class _Harmful:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_that_runs_a_program_is_refused_unrun(tmp_path: Path, how: str) -> None:
    path, trace = tmp_path / "weights.pt", tmp_path / "it ran"
    harmful = {**random_weights(d=8), "more": _Harmful(trace)}
    if how == "torch":
        torch.save(harmful, path)
    else:
        path.write_bytes(pickle.dumps(_Harmful(trace)))
    with pytest.raises(ModelError, match="not loaded"):
        read_weights(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "damaged"),
        (b"hello, world\n", "no weights|damaged"),
        (b"PK\x03\x04 not a zip", "damaged|no weights"),
        ([torch.zeros(3)], "a list"),
        ({}, "a dict"),
        ({"cls_token": 3}, "a int"),
        ({"cls_token": torch.zeros(1, 1, 8).to_sparse()}, "plain tensor"),
    ],
)
def test_files_that_are_no_weights_are_named(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ModelError, match=said) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    with pytest.raises(ModelError, match="not a file"):
        read_weights(tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trm2.norm2.bias": None}, r"lacks trm2\.norm2\.bias"),
        ({"sub_model.fc.weight": None}, r"lacks sub_model\.fc\.weight"),
        ({"trm3.norm1.weight": torch.zeros(8)}, r"has trm3\.norm1\.weight"),
        ({"cls_token": torch.zeros(1, 2, 8)}, r"cls_token of .* is \(1, 2, 8\), expected \(1, 1, 8\)"),
        ({"trm1.attn.qkv.weight": torch.zeros(8, 24)}, r"is \(8, 24\), expected \(24, 8\)"),
        ({"sub_model.conv1.weight": torch.zeros(64, 3, 7)}, "expected 4 dimensions"),
        ({"sub_model.fc.weight": torch.zeros(12, 512)}, "not divisible by its 8 heads"),
        ({"cls.0.bias": torch.tensor([0.0, float("nan")])}, "not finite"),
    ],
)
def test_weights_of_another_network_are_told_apart(change: dict[str, Tensor | None], said: str) -> None:
    weights = {**random_weights(d=8), **change}
    with pytest.raises(ModelError, match=said):
        imported({name: value for name, value in weights.items() if value is not None})


def test_channels_and_classes_must_be_as_many_as_the_weights() -> None:
    weights = random_weights(d=8)
    with pytest.raises(ModelError, match="reads 3 channels, but 2"):
        imported(weights, c=2)
    with pytest.raises(ModelError, match="has 2 outputs"):
        imported(weights, k=3)


def test_roles_are_given_or_guessed() -> None:
    assert named_channels(["Hoechst", "x=y=ros", "w3=other"]) == [
        ModelChannel("Hoechst", "nucleus"),
        ModelChannel("x=y", "ros"),
        ModelChannel("w3", "other"),
    ]
    for wrong in (["a=sodium"], ["=ros"], ["a=ros", "A=mmp"], ["a=ros", "b=ros"]):
        with pytest.raises(ChannelError):
            named_channels(wrong)


def test_a_folder_that_is_no_model_is_not_replaced(small_model: MidModel, tmp_path: Path) -> None:
    kept = tmp_path / "thesis" / "chapter.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    with pytest.raises(ModelError, match="not replaced"):
        save_model(small_model, kept.parent, card="", metrics={})
    assert kept.read_text() == "years of work"
