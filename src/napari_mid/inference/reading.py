"""Sets of cells read by the Transformer, what does not depend on the set being computed once per cell."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention

from napari_mid.cells.cores import over_cores
from napari_mid.cells.device import has_fast_bfloat16
from napari_mid.inference.encoder import AUTO
from napari_mid.model.blocks import Block, attention_over_slices
from napari_mid.model.network import MidModel

#: Tokens that go through the Transformer at once; bounds memory, does not change the result. Few stay in a CPU's cache.
TOKENS_ON_CPU, TOKENS_ON_GPU = 1300, 131_072
#: Cells that are read in both precisions, as one set, and how far apart the two scores may be.
TRIED_CELLS, SAME_SCORE = 256, 0.002


class SetReader:
    """Reads sets of the cells with `embeddings` (N, D) float32.

    The first block's norm, queries, keys and values are the same for a cell whatever set it is in, so they are computed once for
    all N. Of the last block only the CLS row is needed, of its attention only that row, too (mid.md, section 4).

    Parameters
    ----------
    model
        In evaluation mode, on the device of `embeddings`.
    embeddings
        Of all cells.
    precision
        ``"auto"`` is bfloat16 where the device has units for it and a trial gives the same score, else float32.
    """

    @torch.inference_mode()
    def __init__(self, model: MidModel, embeddings: Tensor, precision: str = AUTO) -> None:
        self.model = model
        self.tokens = torch.cat([model.cls_token[0], embeddings])  # (1 + N, D); row 0 is CLS
        self._limit = TOKENS_ON_CPU if embeddings.device.type == "cpu" else TOKENS_ON_GPU
        self._low = False
        if precision not in (AUTO, "float32") or (precision == AUTO and has_fast_bfloat16(embeddings.device)):
            tried = torch.arange(min(TRIED_CELLS, len(embeddings)))[None]
            self._qkv = self._prepared(1 + tried.shape[1])
            exact = self.read(tried)[0]
            self._low = True
            self._qkv = self._prepared(1 + tried.shape[1])
            difference = (self.read(tried)[0].softmax(-1) - exact.softmax(-1)).abs().max()
            self._low = float(difference) <= SAME_SCORE
        self._qkv = self._prepared(len(self.tokens))

    def _prepared(self, n: int) -> Tensor:
        """Queries, keys and values (n, 3 D) of the first `n` tokens in the first block."""
        first = _block(self.model, 0)
        with self._precision():
            qkv: Tensor = first.attn.qkv(first.norm1(self.tokens[:n]))
        return qkv

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.tokens.device.type, dtype=torch.bfloat16, enabled=self._low)

    @torch.inference_mode()
    def read(self, sets: Tensor) -> tuple[Tensor, Tensor]:
        """Read `sets` (S, L) of cell numbers.

        Returns
        -------
        logits
            (S, K).
        attention
            (S, H, L) of the CLS row of the last block over the slices, per head; sums to one over L.
        """
        sets = sets.to(self.tokens.device)
        on_cpu = self.tokens.device.type == "cpu"
        cores = torch.get_num_threads() if on_cpu else 1
        # equally many parts for each core, equally large, so that none waits for another
        n_parts = cores * math.ceil(len(sets) / max(1, self._limit // (sets.shape[1] + 1)) / cores)
        some = torch.tensor_split(sets, min(n_parts, len(sets)))
        parts = over_cores(self._read, some) if on_cpu else [self._read(each) for each in some]
        return torch.cat([logits for logits, _ in parts]).float(), torch.cat([attention for _, attention in parts]).float()

    def _read(self, sets: Tensor) -> tuple[Tensor, Tensor]:
        with self._precision():  # a setting of the thread
            return self._read_part(sets)

    def _read_part(self, sets: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.nn.functional.pad(sets + 1, (1, 0))  # CLS first
        blocks = [_block(self.model, index) for index in range(len(self.model.blocks))]
        if len(blocks) == 1:
            tokens = self.tokens[rows]
        else:
            tokens = _finish(blocks[0], self.tokens[rows], self._qkv[rows])
            for block in blocks[1:-1]:
                tokens = block(tokens)
        # the last block's attention costs next to nothing, and bfloat16 gives cells that differ equal attention
        with torch.autocast(tokens.device.type, enabled=False):
            first, logits = _first_row(blocks[-1], tokens.float())
        cls = first + blocks[-1].mlp(blocks[-1].norm2(first))
        with torch.autocast(tokens.device.type, enabled=False):
            return self.model.head(cls), attention_over_slices(logits)


def _finish(block: Block, tokens: Tensor, qkv: Tensor) -> Tensor:
    """The block's output (B, T, D) for `tokens` whose (B, T, 3 D) queries, keys and values are known."""
    b, t, d = tokens.shape
    q, k, v = qkv.view(b, t, 3, block.attn.heads, d // block.attn.heads).permute(2, 0, 3, 1, 4)
    mixed = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d)
    tokens = tokens + block.attn.proj(mixed)
    out: Tensor = tokens + block.mlp(block.norm2(tokens))
    return out


def _first_row(block: Block, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """The first token (B, D) after the attention, and its logits (B, H, T), without the keys and values that only it asks for.

    A key is the weights times a token, so that a query times the weights, once per set, meets the tokens themselves; and the
    values' weights meet the mean of the tokens in place of each.
    """
    normed = block.norm1(tokens)
    b, _, d = normed.shape
    heads, width = block.attn.heads, d // block.attn.heads
    q_weight, k_weight, v_weight = block.attn.qkv.weight.view(3, heads, width, d)
    q = linear(normed[:, 0], q_weight.flatten(0, 1)).view(b, heads, width).transpose(0, 1)
    asked = (q @ k_weight).transpose(0, 1)  # (B, H, D)
    logits = asked @ normed.transpose(1, 2) * width**-0.5  # (B, H, T)
    seen = (logits.softmax(-1).to(normed.dtype) @ normed).transpose(0, 1)  # (H, B, D)
    mixed = (seen @ v_weight.transpose(1, 2)).permute(1, 0, 2).reshape(b, d)
    return tokens[:, 0] + block.attn.proj(mixed), logits


def _block(model: MidModel, index: int) -> Block:
    block = model.blocks[index]
    assert isinstance(block, Block)
    return block
