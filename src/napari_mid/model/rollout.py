"""Attention rollout: attention followed through all blocks, not only the last one."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_mid.model.blocks import Block
from napari_mid.model.ensemble import parts_of
from napari_mid.model.network import MidModel


@torch.inference_mode()
def rollout(model: MidModel, embeddings: Tensor) -> Tensor:
    """Share (B, N) of every slice in the CLS row, over sets of embeddings (B, N, D); sums to one over N.

    A block passes on half of a token itself, by its skip connection, and half of what it attends to, mean over heads; the maps of
    the blocks are multiplied (Abnar and Zuidema, Quantifying attention flow in transformers, ACL 2020). Of several networks it is
    the mean.
    """
    return torch.stack([_of_one(network, part) for network, part in parts_of(model, embeddings)]).mean(0)


def _of_one(model: MidModel, embeddings: Tensor) -> Tensor:
    tokens = torch.cat([model.cls_token.expand(len(embeddings), -1, -1), embeddings], dim=1)  # (B, T, D), T = 1 + N
    maps = []
    for block in model.blocks:
        assert isinstance(block, Block)
        maps.append(block.attn.attention_map(block.norm1(tokens)).mean(dim=1))  # (B, T, T)
        if block is not model.blocks[-1]:
            tokens = block(tokens)
    row = torch.zeros_like(maps[-1][:, :1])  # (B, 1, T), all of it on CLS
    row[..., 0] = 1
    for attention in reversed(maps):
        row = 0.5 * (row + row @ attention)
    shares = row[:, 0, 1:]
    return shares / shares.sum(dim=-1, keepdim=True)
