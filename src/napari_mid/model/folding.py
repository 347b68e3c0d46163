"""A network for inference alone: batch norms folded into the convolutions before them."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

#: Functions that ask a tensor about itself (`__get__` is of `x.shape` and its like): none of them uses its values.
ASKED = ("__get__", "dim", "size")


def folded(network: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """A copy of `network` in evaluation mode whose batch norms that follow a convolution are part of it.

    One image of zeros of `shape` (channels, height, width) goes through, to see what follows what. `torch.fx` is no help here:
    while it traces it replaces the call of every module in the process, and another thread that scores runs into it.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    names = {id(module): name for name, module in copied.named_modules()}
    for convolution, norm in _followed(copied, shape):
        _replace(copied, names[id(convolution)], fuse_conv_bn_eval(convolution, norm))
        _replace(copied, names[id(norm)], _after(norm))
    return copied


class _Watch(TorchFunctionMode):
    """Sees the calls of one thread: which tensor comes out of which convolution, and what takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[int] = Counter()  # of the function that has this weight
        self.uses: Counter[int] = Counter()  # of this output of a convolution
        self.convolved: dict[int, tuple[Tensor, Tensor]] = {}  # output (held, so that its id stays its own) and weight
        self.normed: dict[int, tuple[Tensor, Tensor]] = {}  # output of the convolution, and mean of the norm that took it

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        found = func(*args, **kwargs)
        if getattr(func, "__name__", "") in ASKED:
            return found
        taken = [*args, *kwargs.values()]
        taken += [inner for outer in taken if isinstance(outer, list | tuple) for inner in outer]
        self.uses.update(id(value) for value in taken if id(value) in self.convolved)
        if func is nn.functional.batch_norm and len(args) > 1 and isinstance(args[1], Tensor):
            self.calls[id(args[1])] += 1
            self.normed[id(args[0])] = args[0], args[1]
        elif func is nn.functional.conv2d:
            self.calls[id(args[1])] += 1
            self.convolved[id(found)] = found, args[1]
        return found


def _followed(network: nn.Module, shape: tuple[int, int, int]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions whose output goes into one batch norm and nowhere else, each with that norm."""
    weights = {id(module.weight): module for module in network.modules() if isinstance(module, nn.Conv2d)}
    means = {id(module.running_mean): module for module in network.modules() if isinstance(module, nn.BatchNorm2d)}
    some = next(network.parameters())
    with torch.inference_mode(), _Watch() as watch:
        network(torch.zeros(1, *shape, device=some.device, dtype=some.dtype))
    return [
        (weights[id(weight)], means[id(watch.normed[output][1])])
        for output, (_, weight) in watch.convolved.items()
        if output in watch.normed
        and watch.uses[output] == 1
        and id(weight) in weights
        and id(watch.normed[output][1]) in means
        and watch.calls[id(weight)] == watch.calls[id(watch.normed[output][1])] == 1
    ]


def _after(norm: nn.BatchNorm2d) -> nn.Module:
    """What a batch norm does beside normalising: timm's also holds dropout and activation."""
    parts = [part for name in ("drop", "act") if isinstance(part := getattr(norm, name, None), nn.Module)]
    return nn.Sequential(*parts) if parts else nn.Identity()


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
