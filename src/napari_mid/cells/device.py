"""Where to compute: the fastest device there is, or the one that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_mid.errors import DeviceMemoryError, SettingsError

if TYPE_CHECKING:
    import torch

AUTO = "auto"


def available_devices() -> list[str]:
    """Names of the devices of this machine, the fastest first; the last one is always ``"cpu"``."""
    import torch

    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def pick_device(name: str = AUTO) -> torch.device:
    """The device called `name`; ``"auto"`` is the first CUDA device, else MPS, else the CPU.

    Raises
    ------
    SettingsError
        If there is no such device on this machine.
    """
    import torch

    available = available_devices()
    wanted = name.strip().lower()
    if wanted == AUTO:
        wanted = available[0]
    elif wanted == "cuda":
        wanted = "cuda:0"
    if wanted not in available:
        raise SettingsError(
            f"The device {name!r} is not on this machine, which has {', '.join(available)}; take one of these or 'auto'."
        )
    return torch.device(wanted)


def device_label(device: torch.device) -> str:
    """The device for a person: ``"cpu"``, ``"cuda:0 (NVIDIA H200)"``."""
    import torch

    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


@contextmanager
def memory_told(device: torch.device) -> Iterator[None]:
    """Make an error for people of what `device` says when its memory is full.

    Raises
    ------
    DeviceMemoryError
        In place of torch's own error.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceMemoryError(
            f"The memory of {device_label(device)} is full ({str(error).splitlines()[0]}) Close other programs that use it, "
            "or compute on the CPU (--device cpu)."
        ) from error


def with_float64(device: torch.device) -> torch.device:
    """`device`, or the CPU instead of one that has no float64, as Apple's."""
    import torch

    return torch.device("cpu") if device.type == "mps" else device


def has_fast_bfloat16(device: torch.device, *, training: bool = False) -> bool:
    """Whether `device` has units for bfloat16 that are faster than those for float32, or in `training` are.

    Of CPUs, those with AMX are, several times. Those with the AVX-512 instructions for bfloat16 alone, as AMD's, are nearly twice
    as fast forwards (measured on two cores: ResNet-18 1.9 times, 1.7 times for sets) and six times slower backwards.
    """
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    # not public, and absent from some builds: without them, float32 is right everywhere
    names = ["_is_amx_tile_supported"] if training else ["_is_amx_tile_supported", "_is_avx512_bf16_supported"]
    return any(bool(supported()) for name in names if (supported := getattr(torch.cpu, name, None)) is not None)
