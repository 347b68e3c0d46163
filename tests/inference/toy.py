"""A model whose answer and attention can be worked out with pencil and paper.

Embeddings are rows of a Hadamard matrix, which layer norms leave as they are. The CLS row attends to a responding cell
`RATIO` times as much as to any other cell or to itself, and the log-odds are ``GAIN * a + BIAS``, where `a` is the attention
that all responding cells get together.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.network import MidModel

WIDTH = 8
RATIO, GAIN, BIAS = 5.0, 6.0, -2.0


def hadamard() -> torch.Tensor:
    matrix = torch.ones(1, 1)
    for _ in range(3):
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix


_, CLS, RESPONDING, HEALTHY = hadamard()[:4]


def toy_model() -> MidModel:
    channels = (ModelChannel("DNA", "nucleus"),)
    config = ModelConfig("toy", "toxicity", ("no", "yes"), channels, 32, backbone="test_resnet", width=WIDTH, heads=1, set_size=4)
    model = MidModel(config).eval()
    with torch.no_grad():
        for parameter in model.blocks.parameters():
            if parameter.ndim > 1:
                parameter.zero_()
        for block in model.blocks:
            block.attn.proj.bias.zero_()
            block.mlp.linear1.bias.zero_()
            block.mlp.linear2.bias.zero_()
        model.cls_token[:] = CLS
        last = model.blocks[-1].attn
        query = torch.outer(RESPONDING, CLS) / WIDTH * (math.log(RATIO) / math.sqrt(WIDTH))
        value = torch.outer(RESPONDING, RESPONDING) / WIDTH
        last.qkv.weight.copy_(torch.cat([query, torch.eye(WIDTH), value]))
        last.proj.weight.copy_(torch.eye(WIDTH))
        model.head.weight.copy_(torch.stack([torch.zeros(WIDTH), GAIN / WIDTH * RESPONDING]))
        model.head.bias.copy_(torch.tensor([0.0, BIAS]))
    return model


def toy_cells(responding: int, healthy: int) -> NDArray[np.float32]:
    """Embeddings of `responding` cells, then of `healthy` ones."""
    return torch.cat([RESPONDING.expand(responding, -1), HEALTHY.expand(healthy, -1)]).numpy().copy()


def log_odds(responding: float, healthy: float) -> float:
    """Of a set, worked out without the network."""
    return GAIN * RATIO * responding / (RATIO * responding + healthy + 1) + BIAS


def score(responding: float, healthy: float) -> float:
    return 1 / (1 + math.exp(-log_odds(responding, healthy)))
