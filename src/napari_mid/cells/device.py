"""Where to compute: the fastest device there is, or the one that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_mid.errors import SettingsError

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


def with_float64(device: torch.device) -> torch.device:
    """`device`, or the CPU instead of one that has no float64, as Apple's."""
    import torch

    return torch.device("cpu") if device.type == "mps" else device


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` has units for bfloat16, which are several times as fast as those for float32."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    # not public, and absent from some builds: without it, float32 is right everywhere
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(supported is not None and supported())
