"""The cells of a bag, ready to be read in any sets: what measures, curves and intervals are worked out from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.errors import ModelError
from napari_mid.inference.reading import SetReader
from napari_mid.model.ensemble import parts_of, together
from napari_mid.model.network import MidModel
from napari_mid.model.rollout import rollout

#: Pairs of tokens whose attention is held at once, times heads; bounds memory, does not change the result.
MAP_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Readings:
    """What the model says of S sets of L cells.

    Parameters
    ----------
    logits
        (S, K), divided by the model's temperature.
    attention
        (S, H, L) of the CLS row of the last block over the cells, per head, of all networks; sums to one over L.
    network_scores
        (M, S) probability of the positive class as each network alone has it, the temperature applied to it by itself.
    """

    logits: NDArray[np.float64]
    attention: NDArray[np.float64]
    network_scores: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(S, K) softmax of the logits."""
        return probabilities_of(self.logits)

    @property
    def log_odds(self) -> NDArray[np.float64]:
        """(S,) natural logarithm of p / (1 - p), p the probability of the positive class: 0 is even, signed, not bounded."""
        odds: NDArray[np.float64] = self.logits[:, -1] - np.logaddexp.reduce(self.logits[:, :-1], axis=1)
        return odds


def probabilities_of(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, K) softmax of `logits` (S, K)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


class Bag:
    """Reads sets of the cells with `embeddings` (N, D).

    Parameters
    ----------
    model, embeddings
        The model in evaluation mode, and the cells.
    precision
        As of `SetReader`. What one cell changes in a set is less than bfloat16 resolves, so measures need float32.

    Raises
    ------
    ModelError
        If an embedding is not of finite numbers, or not as long as the model's.
    """

    def __init__(self, model: MidModel, embeddings: NDArray[np.float32], precision: str = "float32") -> None:
        check_embeddings(model, embeddings)
        self.model = model
        self.n_cells = len(embeddings)
        self._embeddings = embeddings
        with torch.inference_mode():
            on_device = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32)).to(model.device)
            self._on_device = on_device
            self._readers = [SetReader(one, part.contiguous(), precision) for one, part in parts_of(model, on_device)]

    def read(self, sets: NDArray[np.int64]) -> Readings:
        """Read the sets (S, L) of cell numbers, S >= 1 and L >= 1."""
        rows = torch.from_numpy(np.ascontiguousarray(sets))
        with torch.inference_mode():
            each = [reader.read(rows) for reader in self._readers]
        logits, attention = together(each)
        scores = np.stack([probabilities_of(self._tempered(own))[:, -1] for own, _ in each])
        return Readings(self._tempered(logits), attention.double().cpu().numpy(), scores)

    def _tempered(self, logits: torch.Tensor) -> NDArray[np.float64]:
        tempered: NDArray[np.float64] = logits.double().cpu().numpy() / self.model.config.temperature
        return tempered

    def rollout(self, sets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share (S, L) of each cell in the attention rollout of the sets (S, L)."""
        at_once = max(1, MAP_CELLS_AT_ONCE // (sets.shape[1] + 1) ** 2)
        parts = [rollout(self.model, self._on_device[chosen]) for chosen in torch.split(torch.from_numpy(sets), at_once)]
        return torch.cat(parts).double().cpu().numpy()

    def joined_by(self, others: NDArray[np.float32]) -> Bag:
        """A bag of these cells, under their numbers, and then of those with the embeddings `others` (M, D)."""
        return Bag(self.model, np.concatenate([self._embeddings, others]))


def check_embeddings(model: MidModel, embeddings: NDArray[np.float32]) -> None:
    """Raise `ModelError` where `embeddings` are not (N, D) finite numbers."""
    if embeddings.ndim != 2 or embeddings.shape[1] != model.config.width:
        raise ModelError(
            f"The embeddings are {embeddings.shape}, but the model {model.config.name!r} needs (cells, {model.config.width})."
        )
    bad = int((~np.isfinite(embeddings).all(axis=1)).sum())
    if bad:
        raise ModelError(
            f"The embeddings of {bad} of {len(embeddings)} cells are not finite numbers; the model's weights do not suit these "
            "images, or are damaged. Try precision float32, or another model."
        )
