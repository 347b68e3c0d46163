"""The Transformer block of MID (mid.md, section 2): pre-norm, qkv without bias, projection with bias."""

from __future__ import annotations

import torch
from timm.layers import DropPath
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention over the tokens of a set.

    Parameters
    ----------
    width
        D, divisible by `heads`.
    heads
        Number of heads H.
    dropout
        On the attention map and after the projection.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        b, t, d = tokens.shape
        q, k, v = self.qkv(tokens).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)  # each (B, H, T, D/H)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout.p if self.training else 0.0)
        out: Tensor = self.dropout(self.proj(mixed.transpose(1, 2).reshape(b, t, d)))
        return out

    def attention_map(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, T), how every token attends to every token; rows sum to one."""
        b, t, d = tokens.shape
        qk_weight = self.qkv.weight[: 2 * d]
        q, k = nn.functional.linear(tokens, qk_weight).view(b, t, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        return torch.softmax(q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5, dim=-1)

    def first_row(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The first token's output (B, D), and the logits (B, H, T) with which it attends to every token."""
        b, t, d = tokens.shape
        q_weight, kv_weight = self.qkv.weight[:d], self.qkv.weight[d:]
        q = nn.functional.linear(tokens[:, :1], q_weight).view(b, 1, self.heads, -1).transpose(1, 2)  # (B, H, 1, D/H)
        k, v = nn.functional.linear(tokens, kv_weight).view(b, t, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        logits = q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5  # (B, H, 1, T)
        mixed = self.dropout(logits.softmax(-1)) @ v  # (B, H, 1, D/H)
        out = self.dropout(self.proj(mixed.transpose(1, 2).reshape(b, d)))
        return out, logits.squeeze(2)


class Mlp(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, ratio: float, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, int(width * ratio))
        self.linear2 = nn.Linear(int(width * ratio), width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        hidden = self.dropout(nn.functional.gelu(self.linear1(tokens)))
        out: Tensor = self.dropout(self.linear2(hidden))
        return out


class Block(nn.Module):
    """Pre-norm Transformer block: ``x + attention(norm(x))``, then ``x + mlp(norm(x))``."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, dropout: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp_ratio, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        out: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return out

    def first_row(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What the last block is needed for: the first token's output (B, D) and its attention logits (B, H, T)."""
        mixed, logits = self.attn.first_row(self.norm1(tokens))
        first = tokens[:, 0] + self.drop_path(mixed)
        out = first + self.drop_path(self.mlp(self.norm2(first)))
        return out, logits


def attention_over_slices(logits: Tensor) -> Tensor:
    """The CLS row's attention over the slices (B, H, N), summing to one, from its logits over all tokens (B, H, 1 + N).

    Leaving the CLS column out before the softmax is the same as dividing the softmax over all tokens by its sum over the slices.
    """
    return torch.softmax(logits[..., 1:], dim=-1)
