"""In which numbers a network is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from napari_mid.cells.device import has_fast_bfloat16


def settled(precision: str, device: torch.device) -> str:
    """``"auto"`` as what it is on `device`: bfloat16 where it has units for it, else float32."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_fast_bfloat16(device, training=True) else "float32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Matrix products and convolutions in bfloat16 where `precision` says so; weights and their updates stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
