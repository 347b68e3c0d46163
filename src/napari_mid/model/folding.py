"""A network for inference alone: batch norms folded into the convolutions before them."""

from __future__ import annotations

import copy
from typing import cast

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """A copy of `network` in evaluation mode whose batch norms that follow a convolution are part of it.

    A network that cannot be traced is copied as it is: slower, and with the same output.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    try:
        traced = fx.GraphModule(copied, _Tracer().trace(copied))
    except Exception:  # whatever a backbone's own Python does with its inputs
        return copied
    modules = dict(traced.named_modules())
    for node in traced.graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        convolution, norm = modules[cast(str, before.target)], modules[cast(str, node.target)]
        if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None:
            continue
        _replace(traced, cast(str, before.target), fuse_conv_bn_eval(convolution, norm))
        _replace(traced, cast(str, node.target), _after(norm))
    return traced


class _Tracer(fx.Tracer):
    """Sees timm's own kinds of batch norm as one module, too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def _after(norm: nn.BatchNorm2d) -> nn.Module:
    """What a batch norm does beside normalising: timm's also holds dropout and activation."""
    parts = [part for name in ("drop", "act") if isinstance(part := getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*parts) if parts else nn.Identity()


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
