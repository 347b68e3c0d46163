"""What a MID model is made of and what it expects of a plate: the content of ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: `ModelConfig.flat_field` of a model whose plates were not all read in the same way.
MIXED = "mixed"


@dataclass(frozen=True)
class ModelChannel:
    """A channel the model was trained on, in the order of its input planes."""

    name: str
    role: str


@dataclass(frozen=True)
class ModelConfig:
    """Architecture and input contract of a model (mid.md, section 2).

    Parameters
    ----------
    name
        For people; shown with every score.
    task
        What it predicts: ``"hERG inhibition"``, or the label column.
    classes
        Names of the K classes; the last one is the positive one.
    channels
        In the order of the slices' planes.
    slice_px
        Edge of a slice in pixels.
    pixel_size_um
        Of the plates it was trained on, where known.
    normalisation
        ``"plate"`` or ``"per_slice"`` (mid.md, section 1).
    flat_field
        Where the flat-field correction of the training images came from (`napari_mid.plates.field.FLAT_FIELD_SOURCES`), or
        `MIXED` where the plates differed.
    bit_depth
        Bits of a pixel of the training images, where known.
    nucleus_px
        Median diameter of the training nuclei in pixels, of discs of the same area, where known.
    nucleus_channel
        Name of the channel in which nuclei were detected.
    backbone, width, heads, blocks, mlp_ratio, dropout, drop_path
        The network: a timm name, D, and the Transformer's shape. D is that of all networks together where there are several.
    networks
        How many of them are read together, see `napari_mid.model.ensemble`.
    set_size
        Slices in a training set.
    bag
        ``"compound_dose"``, ``"compound"`` or ``"well"``.
    threshold
        Score at and above which a well is called positive.
    temperature
        Logits are divided by it before the softmax.
    detection
        Settings of the detector in training.
    simulated
        Whether it was trained on simulated cells only; said wherever its score is shown.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    channels: tuple[ModelChannel, ...]
    slice_px: int = 96
    pixel_size_um: float | None = None
    normalisation: str = "plate"
    flat_field: str = "off"
    bit_depth: int | None = None
    nucleus_px: float | None = None
    nucleus_channel: str = ""
    backbone: str = "resnet18"
    width: int = 512
    heads: int = 8
    blocks: int = 2
    mlp_ratio: float = 4.0
    dropout: float = 0.1
    drop_path: float = 0.1
    set_size: int = 12
    bag: str = "compound_dose"
    threshold: float = 0.5
    temperature: float = 1.0
    detection: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False
    networks: int = 1

    @property
    def network_text(self) -> str:
        """The network in a line."""
        several = f"{self.networks} networks read together, each " if self.networks > 1 else ""
        return f"{several}{self.backbone}, D = {self.width // self.networks}, {self.heads} heads, {self.blocks} blocks"
