"""The training loop: random sets, AdamW, warm-up and cosine decay (mid.md, section 3); it can be stopped and gone on with."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mid.errors import TrainingError
from napari_mid.model.network import MidModel
from napari_mid.progress import Progress, Steps
from napari_mid.training.augment import augment
from napari_mid.training.bags import LabelledBags
from napari_mid.training.precision import autocast, settled
from napari_mid.training.sampling import Batch, Sampler, batches
from napari_mid.training.settings import TrainingSettings
from napari_mid.training.slices import as_float
from napari_mid.training.validation import Look, Validation

#: Weight of the newest step in the loss that is shown.
SMOOTHING = 0.05
#: Steps between two rows of the log. The device is asked for the losses then: asking after every step would keep a GPU waiting.
LOG_EVERY = 10
#: Looks at the held-out bags over a whole training where their number is not set.
LOOKS = 20


@dataclass(frozen=True)
class History:
    """What happened in training.

    Parameters
    ----------
    losses
        Of every step.
    seconds
        That it took, looks at held-out bags included.
    slices_per_second
        Of the steps alone.
    looks
        At the held-out bags.
    kept_step
        After which step the weights were as they are now.
    precision
        What the network computed with.
    """

    losses: tuple[float, ...]
    seconds: float
    slices_per_second: float
    looks: tuple[Look, ...] = ()
    kept_step: int = 0
    precision: str = "float32"


def joined_histories(histories: Sequence[History]) -> History:
    """That of several networks: what they took together, losses and looks of the first, the middle one of the steps kept."""
    if len(histories) == 1:
        return histories[0]
    return dataclasses.replace(
        histories[0],
        seconds=sum(history.seconds for history in histories),
        slices_per_second=float(np.mean([history.slices_per_second for history in histories])),
        kept_step=round(float(np.median([history.kept_step for history in histories]))),
    )


@dataclass(frozen=True)
class Row:
    """A row of the log; what was not looked at is NaN."""

    step: int
    seconds: float
    loss: float
    learning_rate: float
    slices_per_second: float
    validation_loss: float = math.nan
    validation_auroc: float = math.nan


class Keeper(Protocol):
    """Keeps a training so that it can be gone on with."""

    def load(self) -> dict[str, Any] | None:
        """The state that was kept last; None where there is none."""

    def is_due(self) -> bool:
        """Whether it is time to keep the state."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state`: tensors, numbers, strings, lists and dicts of them."""

    def log(self, row: Row) -> None:
        """Append a row to the log."""


@dataclass
class _State:
    """Where a training is."""

    step: int = 0
    seconds: float = 0.0
    training_seconds: float = 0.0
    slices: int = 0
    shown: float = math.nan
    losses: list[float] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    finished: bool = False

    @property
    def speed(self) -> float:
        return self.slices / self.training_seconds if self.training_seconds else 0.0

    @property
    def best_look(self) -> Look | None:
        return min(self.looks, key=lambda look: look.loss, default=None)


def train_steps(
    model: MidModel,
    bags: LabelledBags,
    train_bags: NDArray[np.bool_],
    settings: TrainingSettings,
    device: torch.device,
    *,
    watched: NDArray[np.bool_] | None = None,
    keeper: Keeper | None = None,
    stage: str = "training",
    last_step: int | None = None,
) -> Steps[History]:
    """Train `model` in place on the cells of the bags where `train_bags` is true; leaves it in evaluation mode on `device`.

    What a step does depends on the settings and its number alone, so that a training that was stopped and gone on with gives the
    weights of one that was not. Closing the generator keeps the state first.

    Parameters
    ----------
    watched
        (bags,) those that are looked at now and then, and on which early stopping rests; none where None.
    keeper
        Keeps the state and the log; nothing is kept where None.
    stage
        What the progress calls it.
    last_step
        Where to end before all steps are taken, as early stopping did elsewhere; the learning rate falls as if they all were.

    Raises
    ------
    TrainingError
        If a class has no bag with cells, or the loss is no longer a number.
    """
    run = _Run(model, bags, train_bags, settings, device, watched, keeper, last_step)
    try:
        while not run.state.finished:
            yield Progress(stage, run.state.step, run.last_step, run.detail())
            run.step()
    except GeneratorExit:
        run.keep()
        raise
    finally:
        run.close()
    run.keep()
    yield Progress(stage, run.state.step, run.last_step, run.detail())
    return run.history()


class _Run:
    """A training: the network, its optimiser and its state."""

    def __init__(
        self,
        model: MidModel,
        bags: LabelledBags,
        train_bags: NDArray[np.bool_],
        settings: TrainingSettings,
        device: torch.device,
        watched: NDArray[np.bool_] | None,
        keeper: Keeper | None,
        last_step: int | None,
    ) -> None:
        self.model, self.settings, self.device, self.keeper = model, settings, device, keeper
        self.precision = settled(settings.precision, device)
        self.sampler = Sampler(bags, train_bags, settings)
        self.validation = Validation(bags, watched, settings.seed, self.precision) if watched is not None else None
        self.last_step = min(last_step or settings.steps, settings.steps)
        self.every = settings.validate_every or max(1, settings.steps // LOOKS)
        model.to(device).to(memory_format=torch.channels_last).train()
        weights = self.sampler.class_weights()
        self.weights = None if weights is None else weights.to(device)
        groups = _parameter_groups(model, settings.weight_decay)
        self.optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        self.warmup = max(1, round(settings.warmup * settings.steps))
        self.pending: list[Tensor] = []
        self.state = _State()
        kept = keeper.load() if keeper is not None else None
        if kept is not None:
            self._restore(kept)
        self.batches: Iterator[Batch] = batches(self.sampler, self.state.step, self.last_step)

    def detail(self) -> str:
        """Loss, what the last look at the held-out bags found, and the time left, for a person."""
        state = self.state
        if not state.step:
            return ""
        parts = [f"loss {state.shown:.3f}"] if math.isfinite(state.shown) else []
        if state.looks:
            look = state.looks[-1]
            parts.append(f"validation loss {look.loss:.3f}")
            if math.isfinite(look.auroc):
                parts.append(f"AUROC {look.auroc:.3f}")
        if not state.finished:
            parts.append(f"{state.seconds / state.step * (self.last_step - state.step):.0f} s left")
        return ", ".join(parts)

    def step(self) -> None:
        """Take the next step, and whatever is due after it."""
        start, state = time.perf_counter(), self.state
        batch = next(self.batches)
        # dropout draws from torch's own generator; seeded by the step, it is the same after a restart
        torch.manual_seed(batch.seed)
        self._learn(batch)
        state.step += 1
        state.slices += batch.sets.shape[0] * batch.sets.shape[1]
        last = state.step == self.last_step
        if last or state.step % LOG_EVERY == 0 or state.step == 1:
            self._settle_losses()
        state.training_seconds += time.perf_counter() - start
        looked = self._look(last)
        state.seconds += time.perf_counter() - start
        if looked is not None or not self.pending:
            self._log(looked)
        state.finished = last or self._has_waited_enough()
        if self.keeper is not None and not state.finished and self.keeper.is_due():
            self.keep()

    def keep(self) -> None:
        """Hand the state to the keeper."""
        if self.keeper is None:
            return
        self._settle_losses()
        state = self.state
        self.keeper.save(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "best": state.best,
                "looks": [[look.step, look.loss, look.auroc] for look in state.looks],
                **{name: getattr(state, name) for name in _PLAIN},
            }
        )

    def close(self) -> None:
        """Stop reading ahead."""
        self.batches.close()  # type: ignore[attr-defined]

    def history(self) -> History:
        """What happened; the model gets the weights of the best look where training was to stop early."""
        state, kept_step = self.state, self.state.step
        if self.settings.patience and state.best is not None and state.best_look is not None:
            self.model.load_state_dict(state.best)
            kept_step = state.best_look.step
        self.model.eval()
        return History(tuple(state.losses), state.seconds, state.speed, tuple(state.looks), kept_step, self.precision)

    def _learn(self, batch: Batch) -> None:
        settings = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * _rate(self.state.step, self.warmup, settings.steps)
        generator = torch.Generator().manual_seed(batch.seed)
        sets = augment(as_float(batch.sets.to(self.device, non_blocking=True)), settings.gain, generator)
        with autocast(self.device, self.precision):
            logits = self.model(sets)
        loss = torch.nn.functional.cross_entropy(
            logits.float(), batch.labels.to(self.device), weight=self.weights, label_smoothing=settings.label_smoothing
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        self.optimiser.step()
        self.pending.append(loss.detach())

    def _settle_losses(self) -> None:
        state = self.state
        for loss in torch.stack(self.pending).tolist() if self.pending else []:
            state.losses.append(loss)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"The loss is no longer a number after {len(state.losses)} steps; a lower --learning-rate may help."
                )
            state.shown = loss if len(state.losses) == 1 else (1 - SMOOTHING) * state.shown + SMOOTHING * loss
        self.pending = []

    def _look(self, last: bool) -> Look | None:
        if self.validation is None or not len(self.validation) or self.every < 0:
            return None
        if not last and self.state.step % self.every:
            return None
        self._settle_losses()
        look = self.validation.look(self.model, self.state.step, self.device)
        self.state.looks.append(look)
        if self.settings.patience and self.state.best_look is look:
            self.state.best = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
        return look

    def _has_waited_enough(self) -> bool:
        best = self.state.best_look
        if not self.settings.patience or best is None:
            return False
        return len(self.state.looks) - 1 - self.state.looks.index(best) >= self.settings.patience

    def _log(self, looked: Look | None) -> None:
        if self.keeper is None:
            return
        rate = self.optimiser.param_groups[0]["lr"]
        found = {} if looked is None else {"validation_loss": looked.loss, "validation_auroc": looked.auroc}
        state = self.state
        self.keeper.log(Row(state.step, state.seconds, state.shown, rate, state.speed, **found))

    def _restore(self, kept: dict[str, Any]) -> None:
        self.model.load_state_dict(kept["model"])
        self.optimiser.load_state_dict(kept["optimiser"])
        looks = [Look(int(step), float(loss), float(auroc)) for step, loss, auroc in kept["looks"]]
        self.state = _State(looks=looks, best=kept["best"], **{name: kept[name] for name in _PLAIN})


#: Fields of the state that are kept as they are.
_PLAIN = ("step", "seconds", "training_seconds", "slices", "shown", "losses", "finished")


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
