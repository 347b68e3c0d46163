"""Weights in the layout of the method's authors become a model folder of ours (mid.md, section 2)."""

from __future__ import annotations

import dataclasses
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_mid.errors import ChannelError, ModelError
from napari_mid.model.config import ModelChannel, ModelConfig
from napari_mid.model.import_settings import ImportSettings
from napari_mid.model.network import MidModel
from napari_mid.plates.field import ROLES
from napari_mid.plates.roles import guess_role

#: Keys under which training scripts wrap a state dict.
WRAPPERS = ("state_dict", "model_state_dict", "model")
#: What data-parallel training puts before every name.
PREFIX = "module."
#: Their names for the parts of our network, longest first.
PARTS = (("encoder.", "sub_model."), ("blocks.0.", "trm1."), ("blocks.1.", "trm2."), ("head.", "cls.0."))
#: Batch norm counts its training batches; older files lack the count, and no score depends on it.
COUNTER = "num_batches_tracked"
#: Names shown where many are missing or unknown.
SHOWN = 3
HEADS = 8


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch file, by name, without wrapper and prefix; nothing else in the file is loaded or run.

    Raises
    ------
    ModelError
        If the file is absent, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise ModelError(f"{path} is not a file; give the weights in the authors' layout, such as weights.pt.")
    try:
        with warnings.catch_warnings():  # what torch finds odd about a file is said below where it matters
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than weights, or no weights at all, and was not loaded: such a file can run any program. "
            "Save the state dict alone: torch.save(model.state_dict(), path)."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())[:150]
        raise ModelError(f"{path} is not a file of PyTorch weights, or it is damaged ({reason}).") from error
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"{path} holds {_kind(content)}, expected a state dict: names and tensors.")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
            raise ModelError(f"{path} holds {_kind(value)} under {str(name)[:60]!r}, expected a plain tensor.")
    if all(name.startswith(PREFIX) for name in content):
        content = {name.removeprefix(PREFIX): value for name, value in content.items()}
    return dict(content)


def named_channels(names: Sequence[str]) -> list[ModelChannel]:
    """Channels from ``NAME=ROLE`` or ``NAME``, whose role is then guessed from the name.

    Raises
    ------
    ChannelError
        If a role is unknown, or a name or a role is given twice.
    """
    channels = []
    for given in names:
        name, equals, role = given.rpartition("=")
        name, role = (name, role) if equals else (given, guess_role(given))
        if not name or role not in ROLES:
            raise ChannelError(
                f"{given!r} is not a channel; give NAME=ROLE, such as Hoechst=nucleus, with one of {', '.join(ROLES)}."
            )
        channels.append(ModelChannel(name, role))
    for what, values in (
        ("name", [channel.name.casefold() for channel in channels]),
        ("role", [channel.role for channel in channels if channel.role != "other"]),
    ):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ChannelError(f"Two channels have the {what} {twice}; each must be told from the others.")
    return channels


def model_from_xprofiler(
    weights: Mapping[str, Tensor],
    *,
    classes: Sequence[str],
    channels: Sequence[ModelChannel],
    name: str,
    task: str,
    settings: ImportSettings,
    source: str = "the file",
) -> MidModel:
    """Put `weights`, from `read_weights`, into our network; gives the same logits as theirs, in evaluation mode.

    Parameters
    ----------
    weights
        By their names: ``cls_token``, ``sub_model.*`` (a ResNet-18 whose last layer has width D), ``trm1.*``, ``trm2.*``,
        ``cls.0.*``.
    classes, channels
        In the order of the outputs and of the input planes; the last class is the positive one.
    name, task
        Of the model, for people.
    settings
        What the weights do not tell.
    source
        What messages call the weights, such as the file's name.

    Raises
    ------
    ModelError
        If a tensor is missing, unknown, of another shape than the network's or not of finite numbers, or the classes or
        channels are not as many as the weights'.
    """
    n_channels = _size(weights, "sub_model.conv1.weight", 4, 1, source)
    width = _size(weights, "sub_model.fc.weight", 2, 0, source)
    n_classes = _size(weights, "cls.0.weight", 2, 0, source)
    if n_channels != len(channels):
        raise ModelError(
            f"The network in {source} reads {n_channels} channels, but {len(channels)} are named; give --channels in its order."
        )
    if n_classes != len(classes) or len(set(classes)) != n_classes or n_classes < 2:
        raise ModelError(
            f"The network in {source} has {n_classes} outputs, but the classes given are {', '.join(classes) or 'none'}; "
            "give --classes in its order, each once, the positive one last."
        )
    config = ModelConfig(
        name=name,
        task=task,
        classes=tuple(classes),
        channels=tuple(channels),
        slice_px=settings.slice_size,
        pixel_size_um=settings.pixel_size_um,
        normalisation=settings.normalisation,
        nucleus_channel=next((channel.name for channel in channels if channel.role == "nucleus"), ""),
        backbone="resnet18",
        width=width,
        heads=HEADS,
        bag="compound",
        threshold=settings.threshold,
    )
    model = MidModel(config)
    model.load_state_dict(_renamed(weights, model.state_dict(), source))
    return model.eval()


def import_card(config: ModelConfig, source: str, settings: ImportSettings) -> str:
    """The card of an imported model: where it came from, and that nothing is known about it here."""
    pixel = f"{config.pixel_size_um:.3g} µm a pixel" if config.pixel_size_um else "pixel size unknown"
    lines = [
        f"# {config.name}",
        "",
        f"Predicts *{config.task}*: {' / '.join(config.classes)}; the score is the probability of **{config.classes[-1]}**.",
        "Research use only.",
        "",
        "## Origin",
        f"- imported from the weights {source}, in the layout of the authors of MID (X-Profiler)",
        "- what it was trained on and how well it does was not recorded in the weights; **it was not tested here**: score wells "
        "with a known answer before you believe it",
        "- licence: the authors' code and weights are CC BY-NC-SA 4.0 (no commercial use); the weights stay under the terms you "
        "got them under, whatever they are",
        "",
        "## Input, as given at the import",
        f"- channels: {', '.join(f'{channel.name} ({channel.role})' for channel in config.channels)}",
        f"- slices of {config.slice_px} px, {pixel}",
        f"- normalisation: {config.normalisation}",
        "",
        "## Limits",
        "- The authors' images were 8-bit, scaled with one range per channel and divided by 255. That range is not in the "
        "weights; here it is estimated from each plate, so a score can shift with the exposure.",
        "- No training embeddings are known, so the distance to the training data is not available.",
        "",
        "## Import settings",
        *(f"- {name}: {value}" for name, value in dataclasses.asdict(settings).items()),
    ]
    return "\n".join(lines) + "\n"


def _renamed(weights: Mapping[str, Tensor], ours: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """`weights` under our names, float32, every one checked against the shapes of `ours`."""
    names = {_their_name(name): name for name in ours}
    missing = [name for name in names if name not in weights and not name.endswith(COUNTER)]
    unknown = [name for name in weights if name not in names]
    if missing or unknown:
        parts = [f"lacks {_list(missing)}"] if missing else []
        parts += [f"has {_list(unknown)}, which the network does not"] if unknown else []
        raise ModelError(f"{source} is not in the authors' layout of MID with ResNet-18: it {' and '.join(parts)}.")
    renamed = dict(ours)
    for theirs, name in names.items():
        if theirs not in weights:
            continue
        tensor = weights[theirs]
        if tensor.shape != ours[name].shape:
            raise ModelError(f"{theirs} of {source} is {tuple(tensor.shape)}, expected {tuple(ours[name].shape)}.")
        renamed[name] = tensor.detach().to(ours[name].dtype)
        if not torch.isfinite(renamed[name]).all():
            raise ModelError(f"{theirs} of {source} holds numbers that are not finite; the file is damaged.")
    return renamed


def _their_name(name: str) -> str:
    for ours, theirs in PARTS:
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


def _size(weights: Mapping[str, Tensor], name: str, dimensions: int, axis: int, source: str) -> int:
    if name not in weights:
        raise ModelError(f"{source} is not in the authors' layout of MID with ResNet-18: it lacks {name}.")
    shape = tuple(weights[name].shape)
    if len(shape) != dimensions or min(shape) == 0:
        raise ModelError(f"{name} of {source} is {shape}, expected {dimensions} dimensions.")
    return int(shape[axis])


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
