"""The training loop: class-balanced random sets, AdamW, warm-up and cosine decay (mid.md, section 3)."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mid.errors import TrainingError
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.training.augment import augment
from napari_mid.training.bags import LabelledBags
from napari_mid.training.settings import TrainingSettings

#: Weight of the newest step in the loss that is shown.
SMOOTHING = 0.05


@dataclass(frozen=True)
class History:
    """What happened in training: the loss of every step, and how long it took."""

    losses: tuple[float, ...]
    seconds: float
    slices_per_second: float


def train_steps(
    model: MidModel, bags: LabelledBags, train_bags: NDArray[np.bool_], settings: TrainingSettings, device: torch.device
) -> Steps[History]:
    """Train `model` in place on the cells of the bags where `train_bags` is true; leaves it in evaluation mode on `device`.

    Raises
    ------
    TrainingError
        If a class has no bag with cells, or the loss is no longer a number.
    """
    rng = np.random.default_rng(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    sampler = _Sampler(bags, train_bags, settings.set_size)
    model.to(device).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(_parameter_groups(model, settings.weight_decay), lr=settings.learning_rate, fused=True)
    warmup = max(1, round(settings.warmup * settings.steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, warmup, settings.steps))
    losses: list[float] = []
    shown = math.nan
    start = time.perf_counter()
    for step in range(settings.steps):
        left = (time.perf_counter() - start) / max(step, 1) * (settings.steps - step)
        detail = f"loss {shown:.3f}, {left:.0f} s left" if step else ""
        yield Progress("training", step, settings.steps, detail)
        cells, labels = sampler.draw(settings.sets_per_step, rng)
        sets = bags.slices[torch.from_numpy(cells)].to(device).float()
        logits = model(augment(sets, settings.gain, generator))
        loss = torch.nn.functional.cross_entropy(
            logits, torch.from_numpy(labels).to(device), label_smoothing=settings.label_smoothing
        )
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise TrainingError(f"The loss is no longer a number after {step + 1} steps; a lower --learning-rate may help.")
        shown = losses[-1] if step == 0 else (1 - SMOOTHING) * shown + SMOOTHING * losses[-1]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimiser.step()
        schedule.step()
    seconds = time.perf_counter() - start
    yield Progress("training", settings.steps, settings.steps, f"loss {shown:.3f}")
    model.eval()
    n_slices = settings.steps * settings.sets_per_step * settings.set_size
    return History(tuple(losses), seconds, n_slices / seconds)


def _rate(step: int, warmup: int, steps: int) -> float:
    """Share of the highest learning rate at `step`: linear warm-up, then half a cosine down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _parameter_groups(model: MidModel, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels only: biases, norms and the CLS token are not shrunk."""
    decayed = [p for p in model.parameters() if p.ndim >= 2 and p is not model.cls_token]
    rest = [p for p in model.parameters() if p.ndim < 2 or p is model.cls_token]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


class _Sampler:
    """Draws sets: a class at random, a bag of that class at random, cells of that bag at random."""

    def __init__(self, bags: LabelledBags, train_bags: NDArray[np.bool_], set_size: int) -> None:
        self.set_size = set_size
        self.labels = bags.labels
        self.cells = {bag: bags.cells_of(bag) for bag in np.flatnonzero(train_bags).tolist()}
        self.by_class = [
            [bag for bag, cells in self.cells.items() if bags.labels[bag] == label and len(cells)]
            for label in range(len(bags.classes))
        ]
        for name, members in zip(bags.classes, self.by_class, strict=True):
            if not members:
                raise TrainingError(f"No cells of class {name!r} are left to train on.")

    def draw(self, n_sets: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cell numbers (B, N) and class numbers (B,); the classes are as equally frequent as `n_sets` allows."""
        labels = rng.permutation(np.arange(n_sets) % len(self.by_class))
        chosen = np.empty((n_sets, self.set_size), dtype=np.int64)
        for i, label in enumerate(labels):
            cells = self.cells[self.by_class[label][rng.integers(len(self.by_class[label]))]]
            # a bag with fewer cells than a set gives some of them twice, so that its label still counts
            chosen[i] = rng.choice(cells, self.set_size, replace=len(cells) < self.set_size)
        return chosen, labels
