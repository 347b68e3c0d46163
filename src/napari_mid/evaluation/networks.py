"""Networks that baselines are made of, and one short loop that trains any of them on random sets of the cells of wells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_mid.cells.device import has_fast_bfloat16
from napari_mid.errors import SettingsError
from napari_mid.progress import Progress, Steps
from napari_mid.training.augment import augment

#: Classes of a baseline: the others, and the positive one.
N_CLASSES = 2
WARMUP = 0.05
#: Slices that go through a network at once where nothing is learned.
AT_ONCE = 64


@dataclass(frozen=True)
class Budget:
    """How long a network learns, from how much at a time, and how much the gain of a channel of slices is changed at random."""

    steps: int
    sets: int
    set_size: int
    learning_rate: float
    seed: int
    gain: float = 0.0
    weight_decay: float = 0.01
    label_smoothing: float = 0.1


class GatedAttention(nn.Module):
    """Gated attention over the cells of a bag (Ilse, Tomczak and Welling, ICML 2018, eq. 9): ``(B, N, D) -> (B, 2)``.

    A cell weighs ``softmax_k(w . (tanh(V h_k) * sigmoid(U h_k)))``; the bag is the weighted mean of its cells.
    """

    def __init__(self, width: int, hidden: int = 128, dropout: float = 0.25) -> None:
        super().__init__()
        self.tanh = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.weight = nn.Linear(hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, N_CLASSES)

    def forward(self, cells: Tensor) -> Tensor:
        """Logits (B, 2) of bags of cells (B, N, D)."""
        gated = torch.tanh(self.tanh(cells)) * torch.sigmoid(self.gate(cells))
        share = torch.softmax(self.weight(self.dropout(gated)), dim=1)  # (B, N, 1)
        logits: Tensor = self.head(self.dropout((share * cells).sum(dim=1)))
        return logits


class EncodedSets(nn.Module):
    """A timm network for every cell, then `pool` over them: ``(B, N, C, S, S) -> (B, 2)``."""

    def __init__(self, backbone: str, channels: int, width: int, pool: nn.Module) -> None:
        super().__init__()
        self.encoder = timm_network(backbone, channels, width)
        self.pool = pool

    def forward(self, sets: Tensor) -> Tensor:
        """Logits (B, 2)."""
        b, n = sets.shape[:2]
        logits: Tensor = self.pool(self.encoder(sets.flatten(0, 1)).view(b, n, -1))
        return logits


class SingleCells(nn.Module):
    """A timm network that tells the class of a well from one cell: ``(B, 1, C, S, S) -> (B, 2)``."""

    def __init__(self, backbone: str, channels: int) -> None:
        super().__init__()
        self.network = timm_network(backbone, channels, N_CLASSES)

    def forward(self, sets: Tensor) -> Tensor:
        """Logits (B, 2)."""
        logits: Tensor = self.network(sets.flatten(0, 1))
        return logits

    def profile(self, slices: Tensor) -> Tensor:
        """Penultimate features (M, F) of slices (M, C, S, S)."""
        network: Any = self.network
        features: Tensor = network.forward_head(network.forward_features(slices), pre_logits=True)
        return features


def timm_network(backbone: str, channels: int, outputs: int) -> nn.Module:
    """The timm network called `backbone`, with random weights.

    Raises
    ------
    SettingsError
        If timm has none of that name.
    """
    import timm

    if backbone not in timm.list_models():
        raise SettingsError(f"timm {timm.__version__} has no network {backbone!r}; timm.list_models() lists them.")
    network: nn.Module = timm.create_model(backbone, in_chans=channels, num_classes=outputs)
    return network.to(memory_format=torch.channels_last)


def learn_steps(
    network: nn.Module,
    cells: Sequence[Tensor],
    positive: NDArray[np.bool_],
    train: NDArray[np.bool_],
    budget: Budget,
    device: torch.device,
    what: str,
) -> Steps[None]:
    """Train `network` in place on random sets of the cells of the wells where `train` is true; leaves it in evaluation mode.

    Classes are drawn equally often, and the wells of a class. Slices (uint8) are turned, flipped and scaled as in the training of
    the model; embeddings are taken as they are. AdamW, warm-up and cosine decay, bfloat16 where the device is fast in it.

    Parameters
    ----------
    cells
        Per well (N, ...), uint8 slices or float32 embeddings.
    positive, train
        (W,) class of the wells, and which ones may be learned from; wells without cells are passed over.
    what
        For the progress.
    """
    rng, generator = np.random.default_rng(budget.seed), torch.Generator().manual_seed(budget.seed)
    of_class = [
        [row for row in np.flatnonzero(train & (positive == value)).tolist() if len(cells[row])] for value in (False, True)
    ]
    if not all(of_class):
        raise SettingsError(f"The baseline {what} has no cells of one class to learn from; leave it out.")
    network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=budget.learning_rate, weight_decay=budget.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, budget.steps))
    for step in range(budget.steps):
        yield Progress(f"training the baseline {what}", step, budget.steps)
        labels = rng.permutation(np.arange(budget.sets) % N_CLASSES)
        drawn = [_some(cells[of_class[label][rng.integers(len(of_class[label]))]], budget.set_size, rng) for label in labels]
        sets = torch.stack(drawn).to(device)
        if sets.dtype == torch.uint8:
            sets = augment(sets.float() / 255, budget.gain, generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device, training=True)):
            logits = network(sets)
        loss = nn.functional.cross_entropy(
            logits.float(), torch.from_numpy(labels).to(device), label_smoothing=budget.label_smoothing
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    network.eval()


def _some(cells: Tensor, n: int, rng: np.random.Generator) -> Tensor:
    """`n` of the cells at random; a well with fewer gives some of them twice."""
    return cells[torch.from_numpy(rng.choice(len(cells), n, replace=len(cells) < n))]


def _rate(step: int, steps: int) -> float:
    warmup = max(1, round(WARMUP * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.inference_mode()
def bag_probability(network: nn.Module, cells: Tensor, device: torch.device, unknown: float) -> float:
    """Probability of the positive class for all `cells` (N, ...) of a well as one bag; `unknown` where it has none."""
    if not len(cells):
        return unknown
    logits = network(cells.to(device).float()[None])
    return float(torch.softmax(logits.double(), dim=-1)[0, -1])


@torch.inference_mode()
def in_parts(network: Any, slices: Tensor, device: torch.device) -> Tensor:
    """(M, F) what `network`, a callable, makes of the uint8 `slices` (M, C, S, S), some at a time, M > 0."""
    parts = []
    for part in torch.split(slices, AT_ONCE):
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device)):
            parts.append(network(part.to(device).float() / 255).float())
    return torch.cat(parts)


def standardised(cells: Sequence[NDArray[np.float32]], train: NDArray[np.bool_]) -> list[Tensor]:
    """Embeddings of wells, less the mean and by the standard deviation of the cells of the wells to learn from."""
    seen = np.concatenate([each for each, there in zip(cells, train, strict=True) if there])
    mean, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-6)
    return [torch.from_numpy(((each - mean) / spread).astype(np.float32)) for each in cells]
