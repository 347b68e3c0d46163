"""Slices to embeddings as fast as the device allows: folded batch norms, channels last, low precision where no score changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from threading import Lock

import torch
from torch import Tensor

from napari_mid.cells.cores import over_cores
from napari_mid.cells.device import has_fast_bfloat16
from napari_mid.errors import SettingsError
from napari_mid.inference.openvino_network import OpenVinoNetwork
from napari_mid.inference.settings import PRECISIONS, ScoringSettings
from napari_mid.model.folding import folded
from napari_mid.model.network import MidModel

AUTO = "auto"
#: Scores in low precision must be within this of those in float32.
MOST_DIFFERENT = 0.005
#: Slices on which that is tried before the first ones are encoded.
TRIED = 32
#: Slices that go through the network at once: few fit a CPU's cache, many keep a GPU busy.
ON_CPU, ON_GPU = 32, 1024


class Encoder:
    """The CNN of a model, made ready for one device.

    Parameters
    ----------
    model
        On `device`, in evaluation mode.
    device
        Where to encode.
    precision
        One of `PRECISIONS`. ``"auto"`` is bfloat16 where `device` has units for it and scores stay within `MOST_DIFFERENT` of
        those in float32, else float32.
    batch_size
        Slices at once; what suits the device where None.
    engine
        One of `napari_mid.inference.settings.ENGINES`.

    Attributes
    ----------
    precision
        The one in use; ``"auto"`` is settled by the first slices.
    notes
        A sentence for everything that went otherwise than asked.
    """

    def __init__(
        self,
        model: MidModel,
        device: torch.device,
        precision: str = AUTO,
        batch_size: int | None = None,
        engine: str = "torch",
    ) -> None:
        if precision not in PRECISIONS:
            raise SettingsError(f"The precision {precision!r} is not known, expected one of {', '.join(PRECISIONS)}.")
        if precision == "float16" and device.type == "cpu":
            raise SettingsError("float16 is for GPUs; on the CPU take auto, float32 or bfloat16.")
        if engine == "openvino" and device.type != "cpu":
            raise SettingsError(f"OpenVINO encodes on the CPU, not on {device}; take the engine torch, or the device cpu.")
        self.model = model
        self.device = device
        self.engine = engine
        self.batch_size = batch_size or (ON_CPU if device.type == "cpu" else ON_GPU)
        self.notes: list[str] = []
        self._trial = Lock()
        self.precision = "float32" if precision == AUTO and not _gains_from_bfloat16(model.encoder, device) else precision
        self._network = self._made()

    @property
    def at_once(self) -> int:
        """Slices that it is best given together: enough for whatever computes them, few enough for the memory."""
        return self.batch_size * (8 * torch.get_num_threads() if self.device.type == "cpu" and not self.one_core else 1)

    @property
    def one_core(self) -> bool:
        """Whether it is best called on every core of the CPU with slices of its own."""
        return self.device.type == "cpu" and self.engine != "openvino"

    @torch.inference_mode()
    def __call__(self, slices: Tensor) -> Tensor:
        """Embeddings (M, D) float32 of slices (M, C, S, S) with values from 0 to 1, on the device."""
        if not len(slices):
            return slices.new_empty((0, self.model.config.width), dtype=torch.float32)
        with self._trial:  # other cores wait for its result
            if self.precision == AUTO:
                self._settle(slices[:TRIED])
        if self.engine == "openvino" or (self.one_core and len(slices) <= self.batch_size):
            return self._run(slices)
        if self.one_core:
            starts = range(0, len(slices), self.batch_size)
            return torch.cat(over_cores(self._run, [slices[start : start + self.batch_size] for start in starts]))
        return self._in_turn(slices)

    def _in_turn(self, slices: Tensor) -> Tensor:
        """Batch after batch, each as large as the memory holds."""
        parts: list[Tensor] = []
        start = 0
        while start < len(slices):
            batch = slices[start : start + self.batch_size]
            try:
                parts.append(self._run(batch))
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                self._halve(len(batch))
                continue
            start += len(batch)
        return torch.cat(parts)

    def _made(self) -> Callable[[Tensor], Tensor]:
        """The network in the precision of now."""
        size = self.model.config.slice_px
        shape = len(self.model.config.channels), size, size
        network = folded(self.model.encoder, shape)
        if self.engine == "openvino":
            precision = "float32" if self.precision == AUTO else self.precision
            return OpenVinoNetwork(network, shape, precision, self.batch_size)
        return network.to(device=self.device, dtype=self._dtype).to(memory_format=torch.channels_last)

    @property
    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = torch.float32 if self.precision == AUTO else getattr(torch, self.precision)
        return dtype

    def _run(self, slices: Tensor) -> Tensor:
        if self.engine == "openvino":
            return self._network(slices)
        return self._network(slices.to(self._dtype).contiguous(memory_format=torch.channels_last)).float()

    def _halve(self, failed: int) -> None:
        """Take half as many slices after the memory did not hold `failed`."""
        self.batch_size = failed // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.notes.append(f"{self.device} has no memory for {failed} slices at once; encoded {self.batch_size} at a time")

    def _settle(self, slices: Tensor) -> None:
        """Choose between bfloat16 and float32 on the first slices of the run."""
        exact, network = self._run(slices), self._network
        self.precision = "bfloat16"
        self._network = self._made()
        difference = most_different(self.model, exact, self._run(slices))
        if not difference <= MOST_DIFFERENT:  # also where it is not a number
            self.precision, self._network = "float32", network
            self.notes.append(
                f"faster numbers of fewer digits (bfloat16) would change scores by up to {difference:.3f}, more than "
                f"{MOST_DIFFERENT}, so that exact ones (float32) were used"
            )


def _gains_from_bfloat16(network: torch.nn.Module, device: torch.device) -> bool:
    """Whether `network` is faster in bfloat16: on CPUs, convolutions of each channel by itself are not (0.9 times, lcnet_050)."""
    if device.type != "cpu":
        return has_fast_bfloat16(device)
    grouped = any(isinstance(part, torch.nn.Conv2d) and part.groups > 1 for part in network.modules())
    return has_fast_bfloat16(device) and not grouped


@torch.inference_mode()
def most_different(model: MidModel, first: Tensor, second: Tensor) -> float:
    """The largest difference between scores that rest on two embeddings (M, D) of the same slices: all as one set, and halves."""
    m = len(first)
    sets = [slice(None), slice(0, max(1, m // 2)), slice(m // 2, None), slice(0, None, 2)]
    scores = [
        torch.stack([torch.softmax(model.read_sets(one[chosen][None])[0].double(), dim=-1)[0] for chosen in sets])
        for one in (first, second)
    ]
    return float((scores[0] - scores[1]).abs().max())


def encoder_for(model: MidModel, device: torch.device, settings: ScoringSettings | None = None) -> Encoder:
    """An `Encoder`, the same one for the same model from a folder, so that it is made and tried once."""
    settings = settings or ScoringSettings()
    chosen = settings.precision, settings.batch_size, settings.engine
    if not model.hash:  # a model in training changes
        return Encoder(model, device, *chosen)
    return _kept(model, device, *chosen)


@lru_cache(maxsize=2)
def _kept(model: MidModel, device: torch.device, precision: str, batch_size: int | None, engine: str) -> Encoder:
    return Encoder(model, device, precision, batch_size, engine)
