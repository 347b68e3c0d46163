"""The MID network: one CNN for every cell, a Transformer over the set of cells (mid.md, section 2)."""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from napari_mid.errors import ModelError
from napari_mid.model.blocks import Block, attention_over_slices
from napari_mid.model.config import ModelConfig
from napari_mid.model.reference import Reference


class MidModel(nn.Module):
    """``slices (B, N, C, S, S) -> logits (B, K)``.

    Parameters
    ----------
    config
        Architecture and input contract.

    Attributes
    ----------
    config
        As given.
    card
        The model's card, Markdown; empty for a model that was not loaded from a folder.
    hash
        First 12 hex digits of the SHA-256 of its weights and config, or ``""``.
    reference
        What its training embeddings looked like, or None where that was not kept.
    path
        The folder it was loaded from, or None.

    Raises
    ------
    ModelError
        If the width is not divisible by the heads, or timm has no such backbone.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.width % config.heads:
            raise ModelError(f"The width {config.width} of the model is not divisible by its {config.heads} heads.")
        if config.backbone not in timm.list_models():
            raise ModelError(f"timm {timm.__version__} has no backbone {config.backbone!r}; timm.list_models() lists them.")
        self.config = config
        self.card = ""
        self.hash = ""
        self.path: Path | None = None
        self.reference: Reference | None = None
        self.encoder = timm.create_model(config.backbone, in_chans=len(config.channels), num_classes=config.width)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_ratio, config.dropout, config.drop_path) for _ in range(config.blocks)
        )
        self.head = nn.Linear(config.width, len(config.classes))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.cls_token.device

    def forward(self, slices: Tensor) -> Tensor:
        """Logits (B, K) of sets of slices (B, N, C, S, S) with values from 0 to 1."""
        b, n = slices.shape[:2]
        embeddings = self.encode(slices.flatten(0, 1)).view(b, n, -1)
        return self.read_sets(embeddings)[0]

    def encode(self, slices: Tensor) -> Tensor:
        """Embeddings (M, D) of slices (M, C, S, S)."""
        embeddings: Tensor = self.encoder(slices)
        return embeddings

    def read_sets(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Read sets of embeddings.

        Parameters
        ----------
        embeddings
            (B, N, D), from `encode`.

        Returns
        -------
        logits
            (B, K).
        attention
            (B, H, N) of the CLS row of the last block over the slices, per head; sums to one over N.
        """
        tokens = torch.cat([self.cls_token.expand(len(embeddings), -1, -1), embeddings], dim=1)  # (B, 1 + N, D)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        cls, attention_logits = last.first_row(tokens)
        logits: Tensor = self.head(cls)
        return logits, attention_over_slices(attention_logits)
